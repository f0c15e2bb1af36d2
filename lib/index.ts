/**
 * An embedded vector database: tables on disk, IVF_PQ indexes, exact answers when you want them.
 *
 * {@link connect} opens a folder of tables.
 *
 * @example
 * ```ts
 * import { connect, Index } from 'quiverdb';
 *
 * const db = await connect('data/words');
 * const table = await db.createTable('words', [
 *   { word: 'one', vector: [0.1, 0.9] },
 *   { word: 'two', vector: [0.2, 0.8] },
 * ]);
 * const hits = await table.search([0.1, 0.8]).limit(1).toArray();
 * ```
 *
 * @module
 */
export { type Accelerator, accelerators } from './accelerators.js';
export type { RecordBatchLike, TableLike } from './arrow/foreign.js';
export { type MakeArrowTableOptions, makeArrowTable } from './arrow/make-table.js';
export type { ArrowBatch, ArrowSchema, ArrowTable } from './arrow/peer.js';
export type { FieldLike, SchemaLike, TypeLike } from './arrow/schema.js';
export type { StageProgress } from './cancellable.js';
export type { AddColumnsSql, ColumnAlteration, ColumnsResult } from './columns.js';
export {
  Connection,
  type ConnectionOptions,
  connect,
  type TableNamesOptions,
} from './connection.js';
export type { CreateTableOptions } from './create-table.js';
export type { Data, DataChunk } from './data.js';
export { QuiverError, type QuiverErrorCode } from './errors.js';
export type {
  ColumnConditions,
  ColumnFilter,
  Comparable,
  Filter,
  FilterParameter,
  FilterValue,
  ListConditions,
  Where,
} from './filter.js';
export { type DistanceType, Index, type IvfFlatOptions, type IvfPqOptions } from './indices.js';
export type { KeepVersions } from './keep-versions.js';
export type { Latency, MeasuredRecall, MeasureRecallOptions } from './measure-recall.js';
export {
  type MergeExecuteOptions,
  MergeInsertBuilder,
  type MergeResult,
} from './merge-insert.js';
export type {
  DiskUsage,
  OptimizeOptions,
  OptimizeStats,
  RepairResult,
  UpkeepStatus,
  VerifyResult,
} from './optimize.js';
export { Query, TakeQuery } from './query.js';
export {
  type LateSelection,
  QueryBase,
  type QueryExecutionOptions,
  type Selected,
  type Selection,
} from './query-base.js';
export type { IntoVector, MultiVector, VectorLike } from './query-vectors.js';
export type { RowsOf, StoredRow } from './row-types.js';
export { type ColumnOrdering, StandardQueryBase } from './standard-query.js';
export { type AddDataOptions, type AddResult, Table, type TableStatistics } from './table.js';
export type {
  IndexConfig,
  IndexOptions,
  IndexProgress,
  IndexStatistics,
} from './table-indexes.js';
export type { DeleteResult, UpdateExpressions, UpdateOptions, UpdateResult } from './update.js';
export { VectorQuery, type WithDistance } from './vector-query.js';
export type { Float32Vector, Float64Vector, Int8Vector, Uint8Vector } from './vectors.js';
export { type TagContents, Tags, type Version } from './versions.js';
export type { WriteProgress } from './write.js';

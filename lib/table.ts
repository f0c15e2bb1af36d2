/**
 * A table: rows in, answers out.
 *
 * @module
 */
import type { Schema } from './arrow/library.js';
import { fromIpc } from './arrow/make-table.js';
import { type ArrowSchema, type ArrowTable, anyTable } from './arrow/peer.js';
import type { FieldLike, SchemaLike } from './arrow/schema.js';
import {
  type AddColumnsSql,
  type ColumnAlteration,
  type ColumnsResult,
  toAlterations,
  toNewColumns,
} from './columns.js';
import { type Data, openData } from './data.js';
import { QuiverError, rethrow } from './errors.js';
import { type Filter, type FilterParameter, toCondition, type Where } from './filter.js';
import { type MeasuredRecall, type MeasureRecallOptions, measureRecall } from './measure-recall.js';
import { MergeInsertBuilder } from './merge-insert.js';
import type { NativeTable } from './native-types.js';
import {
  type DiskUsage,
  type OptimizeOptions,
  type OptimizeStats,
  optimize,
  type UpkeepStatus,
  type VerifyResult,
} from './optimize.js';
import { callback, checkOptions, invalid, list, oneOf, text } from './options.js';
import { Query, TakeQuery } from './query.js';
import type { IntoVector, MultiVector } from './query-vectors.js';
import {
  buildIndex,
  type IndexConfig,
  type IndexOptions,
  type IndexStatistics,
  toIndexConfig,
  toIndexStatistics,
} from './table-indexes.js';
import {
  type DeleteResult,
  toNativeUpdate,
  type UpdateExpressions,
  type UpdateOptions,
  type UpdateResult,
} from './update.js';
import type { VectorQuery, WithDistance } from './vector-query.js';
import { checkout, Tags, toVersion, type Version } from './versions.js';
import { type WriteProgress, writeAll } from './write.js';

/** Options of {@link Table.add}. */
export interface AddDataOptions {
  /** Whether the rows are added to those that are there, or replace them. Default: `"append"`. */
  mode?: 'append' | 'overwrite';
  /** Called after every batch that was written, and once when all are. An error it throws ends the write. */
  progress?: (progress: WriteProgress) => void;
}

/** What {@link Table.add} did. */
export interface AddResult {
  /** The version that has the new rows. */
  version: number;
}

/** How large a table is. */
export interface TableStatistics {
  /** Bytes of all files of the current version. */
  totalBytes: number;
  numRows: number;
  numIndices: number;
  fragmentStats: {
    /** Files that the rows are in. */
    numFragments: number;
    /** Those of them with few rows. */
    numSmallFragments: number;
    /** How many rows the files have. */
    lengths: {
      min: number;
      max: number;
      mean: number;
      p25: number;
      p50: number;
      p75: number;
      p99: number;
    };
  };
}

/**
 * A table of rows with one or more vector columns. Open one with {@link Connection.openTable}.
 *
 * @typeParam Row what a row looks like when it is read, so that results are typed
 */
export class Table<Row = Record<string, any>> {
  readonly #native: NativeTable;

  /** @internal */
  constructor(native: NativeTable) {
    this.#native = native;
  }

  /** The table's name. */
  get name(): string {
    return this.#native.name;
  }

  /** Whether {@link close} was not called yet. */
  isOpen(): boolean {
    return this.#native.isOpen();
  }

  /**
   * Lets go of the table's files, once the calls that are under way are done. Every later call is an
   * error with the code `CLOSED`.
   */
  close(): void {
    this.#native.close();
  }

  /** The table in a few words, for people. */
  display(): string {
    return this.#native.display();
  }

  /** The columns and their types, as a schema of apache-arrow. */
  async schema(): Promise<ArrowSchema> {
    return anyTable(await rethrow(this.#native.schema())).schema;
  }

  /** The schema that data is converted to. */
  async #schema(): Promise<Schema> {
    return fromIpc(await rethrow(this.#native.schema())).schema;
  }

  /** The number of the current version, or of the one that is checked out. Every change of the table adds one. */
  async version(): Promise<number> {
    return rethrow(this.#native.version());
  }

  /**
   * Counts rows.
   *
   * @param filter what the rows must meet: an SQL condition, or an object. Default: all rows.
   * @param parameters a value for each `?` of an SQL condition
   */
  async countRows(
    filter?: string | Filter<Row>,
    parameters?: readonly FilterParameter[],
  ): Promise<number> {
    const conditions =
      filter === undefined ? undefined : [toCondition('filter', filter, parameters)];
    return rethrow(this.#native.countRows(conditions));
  }

  /** How large the table is, and in how many files. */
  async stats(): Promise<TableStatistics> {
    const { totalBytes, numRows, numIndices, numFragments, numSmallFragments, lengths } =
      await rethrow(this.#native.stats());
    return {
      totalBytes,
      numRows,
      numIndices,
      fragmentStats: { numFragments, numSmallFragments, lengths },
    };
  }

  /**
   * Adds rows, all in one version: either all of them are there afterwards, or none.
   *
   * Objects are converted to the table's columns; those that they lack are null. An async iterable
   * is streamed: each item is written before the next is asked for.
   *
   * @throws {QuiverError} `INVALID_DATA`, with row and column, if a value does not fit;
   * `SCHEMA_MISMATCH` if the columns do not.
   *
   * @example
   * ```ts
   * await table.add([{ id: 3, vector: [0.3, 0.7] }]);
   * ```
   */
  async add(data: Data, options?: AddDataOptions): Promise<AddResult> {
    checkOptions<AddDataOptions>('add', options, ['mode', 'progress']);
    const mode = oneOf('mode', options?.mode, ['append', 'overwrite']) ?? 'append';
    const progress = callback('progress', options?.progress);
    const source = await openData(data, await this.#schema());
    const open = () => rethrow(this.#native.writer(mode));
    const version = await writeAll(open, source, progress, mode === 'append');
    return { version: version ?? (await this.version()) };
  }

  /**
   * Deletes the rows that meet a condition, and makes a version without them. If there are none, there is
   * no new version.
   *
   * @param filter an SQL condition, or an object, as for {@link Query.where}
   * @param parameters a value for each `?` of an SQL condition
   *
   * @example
   * ```ts
   * const { numDeletedRows } = await table.delete("category = 'old'");
   * await table.delete({ category: 'old', price: { gt: 100 } });
   * await table.delete('id IN (?)', [[3, 5, 8]]);
   * ```
   */
  async delete(
    filter: string | Filter<Row>,
    parameters?: readonly FilterParameter[],
  ): Promise<DeleteResult> {
    return rethrow(this.#native.delete(toCondition('filter', filter, parameters)));
  }

  /**
   * Changes columns of the rows that meet a condition, or of all rows. A changed row gets a new row id and
   * comes after all others.
   *
   * @example
   * ```ts
   * await table.update({ where: { id: 3 }, values: { vector: [0.3, 0.7] } });
   * await table.update({ valuesSql: { price: 'price * 1.1' } });
   * await table.update({ price: 'price * 1.1' }, { where: 'price < 10' });
   * ```
   */
  async update(update: UpdateOptions<Row>): Promise<UpdateResult>;
  async update(update: UpdateExpressions, options?: Where<Row>): Promise<UpdateResult>;
  async update(
    update: UpdateOptions<Row> | UpdateExpressions,
    options?: Where<Row>,
  ): Promise<UpdateResult> {
    const change = await toNativeUpdate(update, options, () => this.#schema());
    return rethrow(this.#native.update(change));
  }

  /**
   * Starts a merge of rows into the table by key: say what to do with rows that match and with those that
   * do not, then call `execute`.
   *
   * @param on the columns that make a key
   *
   * @example
   * ```ts
   * const result = await table
   *   .mergeInsert('id')
   *   .whenMatchedUpdateAll()
   *   .whenNotMatchedInsertAll()
   *   .execute([{ id: 3, vector: [0.3, 0.7] }]);
   * ```
   */
  mergeInsert(on: string | readonly string[]): MergeInsertBuilder<Row> {
    const columns = typeof on === 'string' ? [on] : list('on', on);
    if (columns.length === 0) throw invalid('on', on, 'the name of a column, or several');
    for (const column of columns) text('a column of on', column);
    return new MergeInsertBuilder(this.#native, () => this.#schema(), columns);
  }

  /**
   * Adds columns after those there are: with values that SQL expressions make of the others, or, for a field or a
   * schema of Arrow, empty. A version has all of them.
   *
   * @throws {QuiverError} `COLUMN_EXISTS`, and whatever is wrong with an expression
   *
   * @example
   * ```ts
   * await table.addColumns([{ name: 'total', valueSql: 'price * quantity' }]);
   * await table.addColumns(new Field('note', new Utf8(), true));
   * ```
   */
  async addColumns(
    columns: readonly AddColumnsSql[] | FieldLike | readonly FieldLike[] | SchemaLike,
  ): Promise<ColumnsResult> {
    const { computed, schemaIpc } = toNewColumns(columns);
    return { version: await rethrow(this.#native.addColumns(computed, schemaIpc)) };
  }

  /**
   * Gives columns other names or types, or says whether they may be null. A column whose type changes loses its
   * indexes; one that gets another name keeps them.
   *
   * @throws {QuiverError} `INVALID_DATA`, with row and column, for a value that the new type does not have, or a null
   * that is not allowed any more
   *
   * @example
   * ```ts
   * await table.alterColumns([
   *   { path: 'price', rename: 'cost', dataType: 'float' },
   *   { path: 'name', nullable: false },
   * ]);
   * ```
   */
  async alterColumns(alterations: readonly ColumnAlteration[]): Promise<ColumnsResult> {
    return { version: await rethrow(this.#native.alterColumns(toAlterations(alterations))) };
  }

  /** Takes columns out of the table, and their indexes. Earlier versions keep them. */
  async dropColumns(columns: readonly string[]): Promise<ColumnsResult> {
    const names = list('columns', columns).map((name) => text('a column', name));
    return { version: await rethrow(this.#native.dropColumns(names)) };
  }

  /** All versions there are, in the order in which they were made. */
  async listVersions(): Promise<Version[]> {
    return (await rethrow(this.#native.listVersions())).map(toVersion);
  }

  /**
   * Makes this handle show an earlier version, which cannot be changed. Other handles are not affected.
   *
   * @param version its number, or its tag
   *
   * @throws {QuiverError} `VERSION_NOT_FOUND`, `TAG_NOT_FOUND`
   *
   * @example
   * ```ts
   * await table.checkout(1);
   * console.log(await table.countRows()); // as many as there were
   * await table.checkoutLatest();
   * ```
   */
  async checkout(version: number | string): Promise<void> {
    await checkout(this.#native, version);
  }

  /** Makes this handle follow the newest version again. */
  async checkoutLatest(): Promise<void> {
    await rethrow(this.#native.checkout());
  }

  /**
   * Makes the version that is checked out the table's newest, as a new version, and follows the newest
   * version again.
   *
   * @throws {QuiverError} `INVALID_ARGUMENT` if no version is checked out
   */
  async restore(): Promise<void> {
    await rethrow(this.#native.restore());
  }

  /** Names for versions. */
  async tags(): Promise<Tags> {
    return new Tags(this.#native);
  }

  /**
   * Puts the table in order: joins small files of rows, takes deleted rows off the disk, adds rows to indexes
   * that do not cover them, and removes old versions. Reads and writes go on meanwhile.
   *
   * @example
   * ```ts
   * const { prune } = await table.optimize({ keepVersions: 10 });
   * console.log(prune.bytesRemoved);
   * ```
   */
  async optimize(options?: OptimizeOptions): Promise<OptimizeStats> {
    return optimize(this.#native, options);
  }

  /**
   * How upkeep of this table is doing in this process: what {@link Table.optimize} does, done by itself in the
   * background once something was written. Reads, writes and the end of the process do not wait for it, and what goes
   * wrong with it is told here only.
   */
  upkeepStatus(): UpkeepStatus {
    return this.#native.upkeepStatus();
  }

  /** Reads every file of every version and compares it with its checksum. */
  async verify(): Promise<VerifyResult> {
    return rethrow(this.#native.verify());
  }

  /** Where the table's bytes are on the disk. */
  async diskUsage(): Promise<DiskUsage> {
    return rethrow(this.#native.diskUsage());
  }

  /**
   * All rows as an Arrow table, in memory.
   *
   * @throws {QuiverError} `ARROW_NOT_INSTALLED` without the package apache-arrow
   */
  async toArrow(): Promise<ArrowTable> {
    return this.query().toArrow();
  }

  /** A scan of the rows: filter it, select from it, or give it a vector with `nearestTo()`. */
  query(): Query<Row> {
    return new Query(this.#native);
  }

  /**
   * Searches for the rows nearest to a vector.
   *
   * @param query numbers, a promise of them, or an array of several vectors
   * @param queryType `"vector"`, or `"auto"`, which is the same for a vector
   *
   * @example
   * ```ts
   * const hits = await table.search([0.1, 0.9]).limit(5).toArray();
   * ```
   */
  search(
    query: IntoVector | MultiVector,
    queryType?: 'vector' | 'auto',
  ): VectorQuery<WithDistance<Row>>;
  /**
   * Full-text search, which this version does not have.
   *
   * @throws {QuiverError} `INVALID_ARGUMENT`, always.
   */
  search(query: string, queryType?: string, ftsColumns?: string | string[]): Query<Row>;
  search(
    query: string | IntoVector | MultiVector,
    queryType = 'auto',
  ): Query<any> | VectorQuery<any> {
    if (typeof query === 'string' || queryType === 'fts') {
      throw new QuiverError(
        'INVALID_ARGUMENT',
        'search was given a text, but this version of quiverdb has no full-text search and no ' +
          'embedding functions; pass a vector, or filter with query().where("column LIKE \'%word%\'")',
      );
    }
    oneOf('queryType', queryType as string, ['vector', 'auto']);
    return this.vectorSearch(query);
  }

  /** Searches for the rows nearest to a vector: the same as `query().nearestTo(vector)`. */
  vectorSearch(vector: IntoVector | MultiVector): VectorQuery<WithDistance<Row>> {
    return this.query().nearestTo(vector);
  }

  /**
   * Takes rows by their place, counted from 0 in the order in which they are stored. Places behind
   * the last row are left out.
   */
  takeOffsets(offsets: readonly number[]): TakeQuery<Row> {
    const places = Float64Array.from(list('offsets', offsets), (offset, i) => {
      if (Number.isSafeInteger(offset) && offset >= 0) return offset;
      throw invalid(`offset ${i}`, offset, 'a whole number of at least 0');
    });
    return new TakeQuery(this.#native, { offsets: places });
  }

  /** Takes rows by their id, which `withRowId()` gives. Ids that no row has are left out. */
  takeRowIds(rowIds: readonly (bigint | number)[]): TakeQuery<Row> {
    const ids = BigUint64Array.from(list('rowIds', rowIds), (id, i) => {
      const whole = typeof id === 'bigint' || Number.isSafeInteger(id);
      if (whole && id >= 0 && id <= 0xffff_ffff_ffff_ffffn) return BigInt(id);
      throw invalid(`row id ${i}`, id, 'a bigint or a whole number of at least 0');
    });
    return new TakeQuery(this.#native, { rowIds: ids });
  }

  /**
   * Builds an index: on a vector column for searches, on any other for filters. It resolves when the index is
   * there; rows that are added later are found without it, by looking at each.
   *
   * @throws {QuiverError} `CANCELLED` if `signal` was aborted; nothing is left of the build.
   *
   * @example
   * ```ts
   * await table.createIndex('vector', {
   *   config: Index.ivfPq({ numPartitions: 256, numSubVectors: 96 }),
   *   onProgress: ({ stage, done, total }) => console.log(stage, done, total),
   *   signal: AbortSignal.timeout(60_000),
   * });
   * await table.createIndex('price'); // Index.btree()
   * await table.createIndex('tags', { config: Index.labelList() });
   * ```
   */
  async createIndex(column: string, options?: IndexOptions): Promise<void> {
    await buildIndex(this.#native, column, options);
  }

  /** Removes an index. Searches go on, looking at every row. */
  async dropIndex(name: string): Promise<void> {
    await rethrow(this.#native.dropIndex(text('name', name)));
  }

  /** The table's indexes. */
  async listIndices(): Promise<IndexConfig[]> {
    return (await rethrow(this.#native.listIndices())).map(toIndexConfig);
  }

  /** How an index was built, and how many rows it covers; `undefined` if there is none of that name. */
  async indexStats(name: string): Promise<IndexStatistics | undefined> {
    const stats = await rethrow(this.#native.indexStats(text('name', name)));
    return stats === null ? undefined : toIndexStatistics(stats);
  }

  /**
   * Measures how good the index of a vector column is on the table's own rows: asks for the neighbours
   * of some of them with the index and exactly, and compares. A row is not its own neighbour.
   *
   * @throws {QuiverError} `INVALID_ARGUMENT` if the column has no index.
   *
   * @example
   * ```ts
   * const { recall, indexedMs } = await table.measureRecall('vector', { nprobes: 40 });
   * ```
   */
  async measureRecall(column: string, options?: MeasureRecallOptions): Promise<MeasuredRecall> {
    return measureRecall(this.#native, column, options);
  }
}

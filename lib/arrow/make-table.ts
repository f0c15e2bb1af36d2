/**
 * Arrow tables out of rows, and Arrow tables on their way to and from the engine.
 *
 * @module
 */

import { QuiverError } from '../errors.js';
import { checkOptions, flag, invalid } from '../options.js';
import { encodeRows } from './encode.js';
import { type InferOptions, inferSchema } from './infer.js';
import {
  Data,
  type DataType,
  Float32,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableFromIPC,
  tableToIPC,
} from './library.js';
import { padded } from './pad.js';
import { type ArrowTable, peer } from './peer.js';
import { type SchemaLike, type TypeLike, toSchema, toType } from './schema.js';

/** Options of {@link makeArrowTable}. */
export interface MakeArrowTableOptions {
  /** The columns and their types. Default: inferred from the records. */
  schema?: SchemaLike;

  /**
   * Columns whose arrays are vectors of fixed length, with the type of their numbers. Only looked at
   * where there is no schema. Default: `{ vector: { type: new Float32() } }`; arrays of numbers in
   * columns whose name contains "vector" or "embedding" are vectors of 32-bit floats anyway.
   */
  vectorColumns?: Record<string, { type?: TypeLike }>;

  /** Whether strings become dictionaries, for columns of few different strings. Default: false. */
  dictionaryEncodeStrings?: boolean;
}

/**
 * Makes a table of the package apache-arrow from objects.
 *
 * Without a schema, the first value of a column that is not null decides its type: numbers are
 * Float64, bigints Int64, strings Utf8, booleans Bool, Buffers Binary, objects Struct, typed arrays
 * FixedSizeList, arrays List or, in vector columns, FixedSizeList of Float32.
 *
 * @param metadata metadata of the table's schema
 *
 * @throws {QuiverError} `INVALID_DATA` with the row and the column of a value that does not fit;
 * `SCHEMA_MISMATCH` if a record has a field that the schema has not; `ARROW_NOT_INSTALLED` without apache-arrow.
 *
 * @example
 * ```ts
 * const table = makeArrowTable([{ id: 1n, text: 'one', vector: [0.1, 0.9] }]);
 * ```
 */
export function makeArrowTable(
  records: ReadonlyArray<Record<string, any>>,
  options?: MakeArrowTableOptions,
  metadata?: Map<string, string>,
): ArrowTable {
  const { tableFromIPC } = peer('makeArrowTable');
  checkOptions<MakeArrowTableOptions>('makeArrowTable', options, [
    'schema',
    'vectorColumns',
    'dictionaryEncodeStrings',
  ]);
  if (!Array.isArray(records)) throw invalid('records', records, 'an array of objects');
  if (records.length === 0 && options?.schema === undefined) throw nothingToInfer();
  const schema = options?.schema
    ? withMetadata(toSchema(options.schema), metadata)
    : inferSchema(records, inferOptions(options), metadata);
  return tableFromIPC(toIpc(tableOfRows(records, schema, 0)));
}

/** The error for no rows and no schema. */
export function nothingToInfer(): QuiverError {
  return new QuiverError(
    'INVALID_ARGUMENT',
    'at least one record or a schema needs to be provided: there is nothing to infer columns from',
  );
}

/** What {@link inferSchema} needs, with the defaults filled in. */
export function inferOptions(options?: MakeArrowTableOptions): InferOptions {
  const vectorColumns: Record<string, { type: DataType }> = {};
  for (const [name, column] of Object.entries(options?.vectorColumns ?? { vector: {} })) {
    vectorColumns[name] = { type: column.type ? toType(column.type, name) : new Float32() };
  }
  const dictionaryEncodeStrings =
    flag('dictionaryEncodeStrings', options?.dictionaryEncodeStrings) ?? false;
  return { vectorColumns, dictionaryEncodeStrings };
}

function withMetadata(schema: Schema, metadata?: Map<string, string>): Schema {
  if (metadata === undefined) return schema;
  return new Schema(schema.fields, new Map([...schema.metadata, ...metadata]));
}

/**
 * A table of one batch.
 *
 * @param firstRow the number of the first row in what the caller passed, for messages
 */
export function tableOfRows(rows: readonly unknown[], schema: Schema, firstRow: number): Table {
  const columns = encodeRows(schema.fields, rows, firstRow);
  const data = new Data(new Struct(schema.fields), 0, rows.length, 0, undefined, columns);
  return new Table(schema, new RecordBatch(schema, data as any));
}

/** A table as an Arrow IPC stream. */
export function toIpc(table: Table): Uint8Array {
  const batches = table.batches.map((batch) => {
    const data = padded(batch.data);
    return data === batch.data ? batch : new RecordBatch(table.schema, data as any);
  });
  return tableToIPC(new Table(table.schema, batches), 'stream');
}

/** A schema as an Arrow IPC stream without rows. */
export function schemaToIpc(schema: Schema): Uint8Array {
  return toIpc(new Table(schema));
}

/** The table of an Arrow IPC stream. */
export function fromIpc(ipc: Uint8Array): Table {
  return tableFromIPC(ipc);
}

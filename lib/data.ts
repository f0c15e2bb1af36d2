/**
 * Rows on their way into a table, in all the shapes that callers have them: objects, Arrow tables,
 * record batches, and streams of these.
 *
 * A stream is pulled one item at a time, and an item is written before the next is pulled, so that
 * memory does not grow with the data.
 *
 * @module
 */

import {
  isRecordBatchLike,
  isTableLike,
  type RecordBatchLike,
  type TableLike,
  toRecordBatch,
  toTable,
} from './arrow/foreign.js';
import { inferSchema } from './arrow/infer.js';
import { Table as ArrowTable, type DataType, type Schema, Type } from './arrow/library.js';
import { inferOptions, nothingToInfer, tableOfRows, toIpc } from './arrow/make-table.js';
import { invalid } from './options.js';

/** Objects, or Arrow rows of any apache-arrow from 15 to 21. */
export type DataChunk = ReadonlyArray<Record<string, any>> | TableLike | RecordBatchLike;

/**
 * What can be written to a table: an array of objects, an Arrow table or record batch, or an iterable
 * or async iterable of these. An async iterable streams: each item is written before the next is
 * asked for.
 */
export type Data = DataChunk | Iterable<DataChunk> | AsyncIterable<DataChunk>;

/** Rows as an Arrow IPC stream. */
export interface IpcChunk {
  ipc: Uint8Array;
  rows: number;
}

/** Rows that can be written: their schema is known. */
export interface Source {
  schema: Schema;
  /** How many rows there are, where that is known beforehand. */
  rows: number | undefined;
  /** The rows, converted as they are asked for. */
  chunks: AsyncGenerator<IpcChunk, void, undefined>;
}

const EXPECTED =
  'an array of objects, an Arrow table or record batch, or an (async) iterable of these';

/**
 * Looks at the data as far as needed to know its schema. The chunks must be consumed, or closed with
 * `return()`.
 *
 * @param schema the columns that objects are converted to; default: inferred from the first objects
 */
export async function openData(data: Data, schema?: Schema): Promise<Source> {
  const items = itemsOf(data);
  try {
    const first = await items.next();
    const found = schema ?? (first.done ? undefined : schemaOf(first.value));
    if (found === undefined) throw nothingToInfer();
    return { schema: found, rows: rowCount(data), chunks: convert(first, items, found) };
  } catch (error) {
    await items.return();
    throw error;
  }
}

function rowCount(data: Data): number | undefined {
  if (isTableLike(data)) return data.batches.reduce((sum, batch) => sum + batch.numRows, 0);
  if (isRecordBatchLike(data)) return data.numRows;
  return Array.isArray(data) && !isChunk(data[0]) ? data.length : undefined;
}

/** Data as a series of chunks, the iterables among it opened. */
async function* itemsOf(data: Data): AsyncGenerator<DataChunk, void, undefined> {
  if (isArrow(data)) yield data;
  else if (Array.isArray(data) && !isChunk(data[0])) {
    if (data.length > 0) yield data;
  } else {
    const iterable = openIterable(data);
    if (iterable === undefined) throw invalid('data', data, EXPECTED);
    for await (const item of iterable) {
      if (!isChunk(item)) throw invalid('an item of the data', item, EXPECTED);
      yield item;
    }
  }
}

function openIterable(data: any): Iterable<DataChunk> | AsyncIterable<DataChunk> | undefined {
  if (typeof data !== 'object' || data === null || ArrayBuffer.isView(data)) return undefined;
  // Arrow's readers have both iterators, of which one works.
  if (typeof data.isSync === 'function' && data.isSync()) return data;
  if (typeof data[Symbol.asyncIterator] === 'function') {
    return { [Symbol.asyncIterator]: () => data[Symbol.asyncIterator]() };
  }
  return typeof data[Symbol.iterator] === 'function' ? data : undefined;
}

function isArrow(value: unknown): value is TableLike | RecordBatchLike {
  return isTableLike(value) || isRecordBatchLike(value);
}

function isChunk(value: unknown): value is DataChunk {
  return isArrow(value) || Array.isArray(value);
}

function schemaOf(chunk: DataChunk): Schema {
  if (isTableLike(chunk)) return toTable(chunk).schema;
  if (isRecordBatchLike(chunk)) return toRecordBatch(chunk).schema;
  if (chunk.length === 0) throw nothingToInfer();
  return inferSchema(chunk, inferOptions());
}

async function* convert(
  first: IteratorResult<DataChunk, void>,
  rest: AsyncGenerator<DataChunk, void, undefined>,
  schema: Schema,
): AsyncGenerator<IpcChunk, void, undefined> {
  try {
    let rows = 0;
    for (let item = first; !item.done; item = await rest.next()) {
      for (const table of tablesOf(item.value, schema, rows)) {
        rows += table.numRows;
        if (table.numRows > 0) yield { ipc: toIpc(table), rows: table.numRows };
      }
    }
  } finally {
    await rest.return();
  }
}

/** Tables of one batch, and of a size that is written in one go. */
function* tablesOf(chunk: DataChunk, schema: Schema, firstRow: number): Generator<ArrowTable> {
  if (isTableLike(chunk)) {
    const table = toTable(chunk);
    for (const batch of table.batches) yield new ArrowTable(table.schema, batch);
  } else if (isRecordBatchLike(chunk)) {
    yield new ArrowTable(toRecordBatch(chunk));
  } else {
    const step = rowsAtOnce(schema) ?? chunk.length;
    for (let start = 0; start < chunk.length; start += step) {
      yield tableOfRows(chunk.slice(start, start + step), schema, firstRow + start);
    }
  }
}

/** How much is converted at once, about, so that converting adds little to the memory in use. */
const BYTES_AT_ONCE = 8 * 1024 * 1024;

/** `undefined`: all, because every conversion makes dictionaries of its own. */
function rowsAtOnce(schema: Schema): number | undefined {
  if (schema.fields.some((field) => hasDictionary(field.type))) return undefined;
  const rowBytes = schema.fields.reduce((sum, field) => sum + valueBytes(field.type), 0);
  return Math.max(1, Math.floor(BYTES_AT_ONCE / Math.max(rowBytes, 64)));
}

function hasDictionary(type: DataType): boolean {
  return (
    type.typeId === Type.Dictionary || !!type.children?.some((field) => hasDictionary(field.type))
  );
}

/** A guess: strings and lists may have any length. */
function valueBytes(type: DataType): number {
  if (type.typeId === Type.Int || type.typeId === Type.Float)
    return type.ArrayType.BYTES_PER_ELEMENT;
  const children = (type.children ?? []).reduce((sum, field) => sum + valueBytes(field.type), 0);
  return type.typeId === Type.FixedSizeList ? (type as any).listSize * children : children + 32;
}

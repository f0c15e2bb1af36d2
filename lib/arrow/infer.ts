/**
 * The schema of rows that came without one.
 *
 * The first value that is not null decides a column's type. That later values have it too is checked
 * when they are encoded.
 *
 * @module
 */

import { QuiverError } from '../errors.js';
import { describe } from '../options.js';
import { arrayLike, isNull } from './column.js';
import { isRecord } from './encode.js';
import * as arrow from './library.js';
import { type DataType, Field, Schema } from './library.js';

/** How to infer a schema. */
export interface InferOptions {
  /** Columns whose arrays are vectors, with the type of their numbers. */
  vectorColumns: Record<string, { type: DataType }>;
  /** Whether strings become dictionaries. */
  dictionaryEncodeStrings: boolean;
}

/** What is known so far of a column, of a struct's field, or of a list's items. */
interface Seen {
  name: string;
  /** `author.name`. */
  path: string;
  /** Where it was first seen. */
  row: number;
  type?: DataType;
  fields?: Map<string, Seen>;
  item?: Seen;
}

/**
 * Infers the schema of rows. Its fields are in the order in which they first appear, and nullable.
 *
 * @throws {QuiverError} `INVALID_DATA`, with the row and column that no type fits.
 */
export function inferSchema(
  rows: readonly unknown[],
  options: InferOptions,
  metadata?: Map<string, string>,
): Schema {
  const columns = new Map<string, Seen>();
  for (const [row, record] of rows.entries()) {
    if (!isRecord(record)) {
      throw new QuiverError(
        'INVALID_DATA',
        `row ${row} is ${describe(record)}, but rows are objects`,
      );
    }
    lookAtFields(columns, record, '', row, options);
  }
  return new Schema([...columns.values()].map(toField), metadata);
}

function lookAtFields(
  fields: Map<string, Seen>,
  record: Record<string, unknown>,
  prefix: string,
  row: number,
  options: InferOptions,
): void {
  for (const name in record) {
    if (!Object.hasOwn(record, name)) continue;
    let seen = fields.get(name);
    if (seen === undefined) {
      seen = { name, path: prefix + name, row };
      fields.set(name, seen);
    }
    if (seen.type === undefined) look(seen, record[name], row, options);
  }
}

/** What does not go with what was seen before is left for the encoder to refuse. */
function look(seen: Seen, value: unknown, row: number, options: InferOptions): void {
  if (isNull(value) || seen.type !== undefined) return;
  const list = arrayLike(value);
  if (list === undefined && isRecord(value)) {
    if (seen.item !== undefined) return;
    seen.fields ??= new Map();
    lookAtFields(seen.fields, value, `${seen.path}.`, row, options);
    return;
  }
  if (seen.fields !== undefined) return;
  const type = scalarType(value, options) ?? vectorType(seen.name, value, options);
  if (type !== undefined) {
    // Empty arrays alone do not make a list: the encoder refuses the one that is not of this type.
    if (seen.item?.type === undefined && !seen.item?.fields && !seen.item?.item) {
      seen.type = type;
    }
    return;
  }
  if (list === undefined) throw unknownType(seen, describe(value), row);
  seen.item ??= { name: seen.name, path: seen.path, row };
  for (let i = 0; i < list.length && seen.item.type === undefined; i++) {
    look(seen.item, list[i], row, options);
  }
}

function scalarType(value: unknown, options: InferOptions): DataType | undefined {
  switch (typeof value) {
    case 'number':
      return new arrow.Float64();
    case 'bigint':
      return new arrow.Int64();
    case 'boolean':
      return new arrow.Bool();
    case 'string':
      return options.dictionaryEncodeStrings
        ? new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32())
        : new arrow.Utf8();
    default:
      return Buffer.isBuffer(value) ? new arrow.Binary() : undefined;
  }
}

const TYPED_ARRAYS: Array<[new (...args: any) => ArrayLike<unknown>, () => DataType]> = [
  [Float32Array, () => new arrow.Float32()],
  [Float64Array, () => new arrow.Float64()],
  [Uint8Array, () => new arrow.Uint8()],
  [Uint8ClampedArray, () => new arrow.Uint8()],
  [Int8Array, () => new arrow.Int8()],
  [Uint16Array, () => new arrow.Uint16()],
  [Int16Array, () => new arrow.Int16()],
  [Uint32Array, () => new arrow.Uint32()],
  [Int32Array, () => new arrow.Int32()],
  [BigInt64Array, () => new arrow.Int64()],
  [BigUint64Array, () => new arrow.Uint64()],
];

// Only newer releases of Node have 16-bit floats.
const { Float16Array } = globalThis as any;
if (Float16Array !== undefined) TYPED_ARRAYS.push([Float16Array, () => new arrow.Float16()]);

/** Typed arrays are vectors; arrays are if the column is declared as one, or is named like one. */
function vectorType(name: string, value: unknown, options: InferOptions): DataType | undefined {
  const list = arrayLike(value);
  if (list === undefined || list.length === 0) return undefined;
  const typed = TYPED_ARRAYS.find(([Class]) => list instanceof Class);
  const declared = Object.hasOwn(options.vectorColumns, name)
    ? options.vectorColumns[name]!.type
    : undefined;
  if (typed !== undefined) return vectorOf(declared ?? typed[1](), list.length);
  if (declared !== undefined) return vectorOf(declared, list.length);
  const named = isVectorName(name) && typeof list[0] === 'number';
  return named ? vectorOf(new arrow.Float32(), list.length) : undefined;
}

/** Whether lists of numbers in a column of this name are taken for vectors. */
export function isVectorName(name: string): boolean {
  return /vector|embedding/i.test(name);
}

function vectorOf(type: DataType, size: number): DataType {
  return new arrow.FixedSizeList(size, new Field('item', type, true));
}

function toField(seen: Seen): Field {
  return new Field(seen.name, toType(seen), true);
}

function toType(seen: Seen): DataType {
  const { type, fields, item } = seen;
  if (type !== undefined) return type;
  if (fields !== undefined && fields.size > 0)
    return new arrow.Struct([...fields.values()].map(toField));
  if (item !== undefined) return new arrow.List(new Field('item', toType(item), true));
  throw unknownType(seen, 'nothing but nulls and empty arrays', seen.row);
}

function unknownType(seen: Seen, found: string, row: number): QuiverError {
  return new QuiverError(
    'INVALID_DATA',
    `row ${row}, column '${seen.path}': failed to infer its data type from ${found}; ` +
      'pass a schema with the type that it shall have',
  );
}

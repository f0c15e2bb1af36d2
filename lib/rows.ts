/**
 * Turns a result's columns into plain row objects.
 *
 * Each column gets one reader, chosen once by its kind: reading a value then asks no questions.
 *
 * @module
 */
import { QuiverError } from './errors.js';
import type { NativeColumn, NativeColumns, NativeNumbers, NativeRows } from './native-types.js';
import { vectorClass } from './vectors.js';

/** Reads the value of one row. */
type Reader = (row: number) => unknown;

/** The rows of a result, in its order; properties are in the order of its columns. */
export function toRows<Row>([json, bytes]: NativeRows): Row[] {
  const { rowCount, columns } = JSON.parse(json) as NativeColumns;
  const make = objectReader(columns, bytes);
  const rows = new Array<Record<string, unknown>>(rowCount);
  for (let row = 0; row < rowCount; row++) rows[row] = make(row);
  return rows as Row[];
}

function objectReader(
  columns: NativeColumn[],
  bytes: ArrayBuffer,
): (row: number) => Record<string, unknown> {
  const names = columns.map((column) => column.name);
  const readers = columns.map((column) => reader(column, bytes));
  const count = names.length;
  const set = names.includes('__proto__') ? define : assign;
  return (row) => {
    const object: Record<string, unknown> = {};
    for (let c = 0; c < count; c++) set(object, names[c]!, readers[c]!(row));
    return object;
  };
}

function assign(object: Record<string, unknown>, name: string, value: unknown): void {
  object[name] = value;
}

/** Assigning to `__proto__` would change the object's class, so a column of that name is defined. */
function define(object: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(object, name, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

function reader(column: NativeColumn, bytes: ArrayBuffer): Reader {
  const read = plainReader(column, bytes);
  if (column.nulls === undefined) return read;
  const nulls = numbers(column.nulls, bytes);
  return (row) => (nulls[row] === 1 ? null : read(row));
}

function plainReader(column: NativeColumn, bytes: ArrayBuffer): Reader {
  const values = () => numbers(part(column, 'values'), bytes);
  const offsets = () => numbers(part(column, 'offsets'), bytes) as Int32Array;
  switch (column.kind) {
    case 'number':
    case 'bigint': {
      const items = values();
      return (row) => items[row];
    }
    case 'string':
      return stringReader(values() as Uint8Array, offsets());
    case 'boolean': {
      const items = values();
      return (row) => items[row] === 1;
    }
    case 'date': {
      const times = values() as Float64Array;
      return (row) => new Date(times[row]!);
    }
    case 'binary':
      return binaryReader(values() as Uint8Array, offsets());
    case 'vector':
      return vectorReader(column, values());
    case 'list': {
      const starts = offsets();
      return listReader(column, bytes, (row) => starts[row]!);
    }
    case 'fixedList': {
      const size = part(column, 'size');
      return listReader(column, bytes, (row) => row * size);
    }
    case 'map':
      return mapReader(column, bytes, offsets());
    case 'struct':
      return objectReader(part(column, 'children'), bytes);
    case 'null':
      return () => null;
    default:
      throw malformed(column, `of the unknown kind '${column.kind}'`);
  }
}

function stringReader(values: Uint8Array, offsets: Int32Array): Reader {
  const text = Buffer.from(values.buffer, values.byteOffset, values.length);
  return (row) => text.toString('utf8', offsets[row]!, offsets[row + 1]!);
}

function binaryReader(values: Uint8Array, offsets: Int32Array): Reader {
  return (row) => Buffer.from(values.subarray(offsets[row]!, offsets[row + 1]!));
}

function vectorReader(column: NativeColumn, values: TypedArray): Reader {
  const size = part(column, 'size');
  const Vector = vectorClass(values);
  if (Vector === undefined) throw malformed(column, 'a vector of a type that is not known');
  const { buffer, byteOffset, BYTES_PER_ELEMENT } = values;
  return (row) => new Vector(buffer, byteOffset + row * size * BYTES_PER_ELEMENT, size);
}

/** `start(row)` and `start(row + 1)` are where the items of a row begin and end. */
function listReader(
  column: NativeColumn,
  bytes: ArrayBuffer,
  start: (row: number) => number,
): Reader {
  const item = reader(part(column, 'children')[0]!, bytes);
  return (row) => {
    const first = start(row);
    const list = new Array<unknown>(start(row + 1) - first);
    for (let i = 0; i < list.length; i++) list[i] = item(first + i);
    return list;
  };
}

/** Maps are objects if their keys are strings, as those that go in are, and otherwise a Map. */
function mapReader(column: NativeColumn, bytes: ArrayBuffer, offsets: Int32Array): Reader {
  const [keys, values] = part(column, 'children') as [NativeColumn, NativeColumn];
  const [key, value] = [reader(keys, bytes), reader(values, bytes)];
  const read = (row: number) => {
    const entries: [any, unknown][] = [];
    for (let i = offsets[row]!; i < offsets[row + 1]!; i++) entries.push([key(i), value(i)]);
    return entries;
  };
  // fromEntries defines properties, so that a key `__proto__` is one like any other.
  if (keys.kind === 'string') return (row) => Object.fromEntries(read(row));
  return (row) => new Map(read(row));
}

type TypedArray = InstanceType<(typeof TYPED_ARRAYS)[NativeNumbers['type']]>;

const TYPED_ARRAYS = {
  i8: Int8Array,
  i16: Int16Array,
  i32: Int32Array,
  i64: BigInt64Array,
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  u64: BigUint64Array,
  f32: Float32Array,
  f64: Float64Array,
};

function numbers({ type, at, length }: NativeNumbers, bytes: ArrayBuffer): TypedArray {
  return new TYPED_ARRAYS[type](bytes, at, length);
}

function part<K extends keyof NativeColumn>(
  column: NativeColumn,
  name: K,
): NonNullable<NativeColumn[K]> {
  const value = column[name];
  if (value === undefined || value === null) throw malformed(column, `without ${name}`);
  return value;
}

function malformed(column: NativeColumn, how: string): QuiverError {
  return new QuiverError('INTERNAL', `the addon returned column '${column.name}' ${how}`);
}

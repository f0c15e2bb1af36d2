/**
 * Turns a result's columns into plain row objects.
 *
 * Each column gets one reader, chosen once by its kind: reading a value then asks no questions.
 *
 * @module
 */
import { QuiverError } from './errors.js';
import type { NativeColumn, NativeRows } from './native-types.js';
import { vectorClass } from './vectors.js';

/** Reads the value of one row. */
type Reader = (row: number) => unknown;

/** The rows of a result, in its order; properties are in the order of its columns. */
export function toRows<Row>({ rowCount, columns }: NativeRows): Row[] {
  return objects(rowCount, columns) as Row[];
}

function objects(rowCount: number, columns: NativeColumn[]): Record<string, unknown>[] {
  const make = objectReader(columns);
  const rows = new Array<Record<string, unknown>>(rowCount);
  for (let row = 0; row < rowCount; row++) rows[row] = make(row);
  return rows;
}

function objectReader(columns: NativeColumn[]): (row: number) => Record<string, unknown> {
  const names = columns.map((column) => column.name);
  const readers = columns.map(reader);
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

function reader(column: NativeColumn): Reader {
  const read = plainReader(column);
  const { nulls } = column;
  return nulls === undefined ? read : (row) => (nulls[row] === 1 ? null : read(row));
}

function plainReader(column: NativeColumn): Reader {
  switch (column.kind) {
    case 'number':
    case 'bigint':
    case 'string': {
      const values = part(column, 'values');
      return (row) => values[row];
    }
    case 'boolean': {
      const values = part(column, 'values');
      return (row) => values[row] === 1;
    }
    case 'date': {
      const values = part(column, 'values') as ArrayLike<number>;
      return (row) => new Date(values[row]!);
    }
    case 'binary':
      return binaryReader(column);
    case 'vector':
      return vectorReader(column);
    case 'list': {
      const offsets = part(column, 'offsets');
      return listReader(column, (row) => offsets[row]!);
    }
    case 'fixedList': {
      const size = part(column, 'size');
      return listReader(column, (row) => row * size);
    }
    case 'map':
      return mapReader(column);
    case 'struct':
      return objectReader(part(column, 'children'));
    case 'null':
      return () => null;
    default:
      throw malformed(column, `of the unknown kind '${column.kind}'`);
  }
}

function binaryReader(column: NativeColumn): Reader {
  const values = part(column, 'values') as Uint8Array;
  const offsets = part(column, 'offsets');
  return (row) => Buffer.from(values.subarray(offsets[row]!, offsets[row + 1]!));
}

function vectorReader(column: NativeColumn): Reader {
  const values = part(column, 'values');
  const size = part(column, 'size');
  const Vector = vectorClass(values);
  if (Vector === undefined) throw malformed(column, 'a vector of a type that is not known');
  const { buffer, byteOffset, BYTES_PER_ELEMENT } = values as Float32Array;
  return (row) => new Vector(buffer, byteOffset + row * size * BYTES_PER_ELEMENT, size);
}

/** `start(row)` and `start(row + 1)` are where the items of a row begin and end. */
function listReader(column: NativeColumn, start: (row: number) => number): Reader {
  const item = reader(part(column, 'children')[0]!);
  return (row) => {
    const first = start(row);
    const list = new Array<unknown>(start(row + 1) - first);
    for (let i = 0; i < list.length; i++) list[i] = item(first + i);
    return list;
  };
}

/** Maps are objects if their keys are strings, as those that go in are, and otherwise a Map. */
function mapReader(column: NativeColumn): Reader {
  const offsets = part(column, 'offsets');
  const [keys, values] = part(column, 'children') as [NativeColumn, NativeColumn];
  const [key, value] = [reader(keys), reader(values)];
  const read = (row: number) => {
    const entries: [any, unknown][] = [];
    for (let i = offsets[row]!; i < offsets[row + 1]!; i++) entries.push([key(i), value(i)]);
    return entries;
  };
  // fromEntries defines properties, so that a key `__proto__` is one like any other.
  if (keys.kind === 'string') return (row) => Object.fromEntries(read(row));
  return (row) => new Map(read(row));
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

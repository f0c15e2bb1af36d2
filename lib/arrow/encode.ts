/**
 * JavaScript values into Arrow columns, checking every value on the way.
 *
 * apache-arrow has builders for this, but they turn what does not fit into NaN, null or zero without
 * a word, and take a microsecond a value. Here a value that does not fit is an error with its row and
 * column, and numbers go straight into the column's buffer.
 *
 * @module
 */

import { QuiverError } from '../errors.js';
import { didYouMean } from '../options.js';
import {
  arrayLike,
  column,
  isNull,
  kind,
  type Place,
  unfit,
  type Values,
  wrongKind,
} from './column.js';
import { scalarEncoder } from './encode-scalars.js';
import { encodeVectors } from './encode-vectors.js';
import {
  BufferType,
  Data,
  type DataType,
  type Field,
  type FixedSizeList,
  Type,
  Vector,
} from './library.js';
import { numberKind } from './numbers.js';

/**
 * Encodes rows of objects as the columns of `fields`.
 *
 * @param rows the objects; each is checked to be one
 * @param firstRow the number of the first of them in what the caller passed
 */
export function encodeRows(fields: readonly Field[], rows: Values, firstRow: number): Data[] {
  const row = (index: number) => firstRow + index;
  checkRecords(rows, { column: '', row }, fields);
  return fields.map((field) => encodeField(field, rows, { column: field.name, row }));
}

/** Reads one property of every object and encodes it; a null object has a null property. */
function encodeField(field: Field, objects: Values, at: Place): Data {
  const { name } = field;
  const values = new Array<unknown>(objects.length);
  if (name in Object.prototype) {
    // Every object has a `constructor` and a `toString`; a row has only those of its own.
    for (let i = 0; i < values.length; i++) values[i] = ownValue(objects[i], name);
  } else {
    for (let i = 0; i < values.length; i++) values[i] = (objects[i] as any)?.[name];
  }
  const data = encode(field.type, values, at);
  if (!field.nullable && data.nullCount > 0) {
    // A missing parent is not a missing value: only structs have those.
    const missing = values.findIndex((value, i) => isNull(value) && !isNull(objects[i]));
    if (missing >= 0)
      throw unfit(at, missing, 'a value is missing, and the column is not nullable');
  }
  return data;
}

function ownValue(object: any, name: string): unknown {
  return isNull(object) || !Object.hasOwn(object, name) ? undefined : object[name];
}

/** Encodes values as one Arrow column. */
export function encode(type: DataType, values: Values, at: Place): Data {
  const encodeScalars = scalarEncoder(type);
  if (encodeScalars !== undefined) return encodeScalars(type, values, at);
  switch (type.typeId) {
    case Type.List:
      return encodeList(type, values, at);
    case Type.Map:
      return encodeMap(type, values, at);
    case Type.FixedSizeList:
      return encodeFixedSizeList(type as FixedSizeList, values, at);
    case Type.Struct:
      return encodeStruct(type, values, at);
    case Type.Dictionary:
      return encodeDictionary(type, values, at);
    default:
      throw new QuiverError(
        'INVALID_ARGUMENT',
        `column '${at.column}' has the type ${type}, which cannot be made from JavaScript values; ` +
          'pass an Arrow table instead',
      );
  }
}

function encodeStruct(type: DataType, values: Values, at: Place): Data {
  const fields: Field[] = type.children;
  checkRecords(values, at, fields);
  const children = fields.map((field) =>
    encodeField(field, values, { column: `${at.column}.${field.name}`, row: at.row }),
  );
  return column(type, values, {}, children);
}

/** Every record is an object with no keys but the fields' names. In a struct it may be null. */
function checkRecords(records: Values, at: Place, fields: readonly Field[]): void {
  const known = new Set(fields.map((field) => field.name));
  const isStruct = at.column !== '';
  for (let i = 0; i < records.length; i++) {
    const record = records[i];
    if (isStruct && isNull(record)) continue;
    if (!isRecord(record)) {
      if (isStruct) throw wrongKind(at, i, record, 'the column stores objects');
      throw new QuiverError(
        'INVALID_DATA',
        `row ${at.row(i)} is ${kind(record)}, but rows are objects`,
      );
    }
    for (const key in record) {
      if (known.has(key) || record[key] === undefined || !Object.hasOwn(record, key)) continue;
      throw new QuiverError(
        'SCHEMA_MISMATCH',
        `row ${at.row(i)} has the field '${isStruct ? `${at.column}.` : ''}${key}', ` +
          `which is not in the schema${didYouMean(key, [...known])}; ` +
          `its fields are ${[...known].map((name) => `'${name}'`).join(', ')}`,
      );
    }
  }
}

/** An object whose properties are values: no array, typed array, date, map and the like. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value) &&
    !(value instanceof Date) &&
    !(value instanceof Map)
  );
}

function encodeList(type: DataType, values: Values, at: Place): Data {
  const { items, offsets } = flatten(values, at, (value) => arrayLike(value));
  const child = encodeItems(type.children[0]!, items, offsets, at);
  return column(type, values, { [BufferType.OFFSET]: offsets }, [child]);
}

function encodeMap(type: DataType, values: Values, at: Place): Data {
  const entries = type.children[0]!;
  const [key, value] = entries.type.children.map((field: Field) => field.name) as [string, string];
  const { items, offsets } = flatten(values, at, (map) => {
    const pairs = map instanceof Map ? [...map] : isRecord(map) ? Object.entries(map) : undefined;
    return pairs?.map((pair) => ({ [key]: pair[0], [value]: pair[1] }));
  });
  const child = encodeItems(entries, items, offsets, at);
  return column(type, values, { [BufferType.OFFSET]: offsets }, [child]);
}

function encodeFixedSizeList(type: FixedSizeList, values: Values, at: Place): Data {
  const child = type.children[0]!;
  const size = type.listSize;
  const vectors = encodeVectors(child.type, size, values, at);
  if (vectors !== undefined) return column(type, values, {}, [vectors]);

  const items: unknown[] = [];
  for (let i = 0; i < values.length; i++) {
    const list = isNull(values[i]) ? new Array(size).fill(null) : arrayLike(values[i]);
    if (list === undefined) throw wrongKind(at, i, values[i], `the column stores lists of ${size}`);
    if (list.length !== size) {
      throw unfit(at, i, `the list has ${list.length} items, but the column stores ${size}`);
    }
    for (let j = 0; j < size; j++) items.push(list[j]);
  }
  const row = (index: number) => at.row(Math.floor(index / size));
  return column(type, values, {}, [encode(child.type, items, { column: at.column, row })]);
}

/** All lists one after the other, and where each begins. */
function flatten(
  values: Values,
  at: Place,
  open: (value: unknown) => ArrayLike<unknown> | undefined,
): { items: unknown[]; offsets: Int32Array } {
  const items: unknown[] = [];
  const offsets = new Int32Array(values.length + 1);
  for (let i = 0; i < values.length; i++) {
    if (!isNull(values[i])) {
      const list = open(values[i]);
      if (list === undefined) throw wrongKind(at, i, values[i], 'the column stores lists');
      for (let j = 0; j < list.length; j++) items.push(list[j]);
    }
    offsets[i + 1] = items.length;
  }
  return { items, offsets };
}

function encodeItems(field: Field, items: Values, offsets: Int32Array, at: Place): Data {
  const row = (index: number) => at.row(offsets.findIndex((end) => end > index) - 1);
  const data = encode(field.type, items, { column: at.column, row });
  if (!field.nullable && data.nullCount > 0) {
    const missing = items.findIndex(isNull);
    throw unfit(
      { column: at.column, row },
      missing,
      'an item is null, and the items are not nullable',
    );
  }
  return data;
}

function encodeDictionary(type: DataType, values: Values, at: Place): Data {
  const { dictionary, indices } = type as any;
  const largest = numberKind(indices)?.max ?? Number.MAX_SAFE_INTEGER;
  const codes = new Map<unknown, number>();
  const firsts: number[] = [];
  const indexed = values.map((value, i) => {
    if (isNull(value)) return null;
    let code = codes.get(value);
    if (code === undefined) {
      code = codes.size;
      if (code > largest) {
        const full = `it is the ${code + 1}th different value, but the column's dictionary has ${indices} keys`;
        throw unfit(at, i, `${full}; give it wider ones`);
      }
      codes.set(value, code);
      firsts.push(i);
    }
    return code;
  });
  const words = encode(dictionary, [...codes.keys()], {
    column: at.column,
    row: (index) => at.row(firsts[index]!),
  });
  const data = encode(indices, indexed, at);
  const buffers = { [BufferType.DATA]: data.values, [BufferType.VALIDITY]: data.nullBitmap };
  return new Data(type, 0, values.length, data.nullCount, buffers as any, [], new Vector([words]));
}

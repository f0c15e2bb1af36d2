/**
 * Arrow data with buffers too short for its rows, made as long as the format wants them.
 *
 * The builders of apache-arrow before 21 leave out the items of lists of fixed size, and the fields of
 * structs, that a column's last nulls stand for; tables made of columns of different lengths lack the
 * values of the shorter ones in every version. Arrow does not mind, readers of what it writes do.
 *
 * @module
 */
import { BufferType, type Data, DataType, type Field, makeData, Type } from './library.js';

/**
 * `data` with room for `length` rows in every buffer, below it too. What is added is null if there are
 * nulls already, and zero otherwise: nobody sees it, as what it belongs to is null. Data that has the
 * room comes back as it is.
 */
export function padded(data: Data, length: number = data.length): Data {
  if (length === 0) return data;
  const buffers = {
    [BufferType.OFFSET]: paddedOffsets(data, length),
    [BufferType.DATA]: paddedValues(data, length),
    [BufferType.VALIDITY]: paddedValidity(data, length),
    [BufferType.TYPE]: data.typeIds,
  };
  const children = paddedChildren(data, length);
  const asItIs =
    length <= data.length &&
    buffers[BufferType.OFFSET] === data.valueOffsets &&
    buffers[BufferType.DATA] === data.values &&
    buffers[BufferType.VALIDITY] === data.nullBitmap &&
    children.every((child, i) => child === data.children[i]);
  if (asItIs) return data;
  const nulls = hasNulls(data) ? data.nullCount + (length - data.length) : 0;
  return data.clone(data.type, data.offset, length, nulls, buffers as any, children);
}

function paddedChildren(data: Data, length: number): Data[] {
  const { type } = data;
  const rows = DataType.isFixedSizeList(type)
    ? length * type.listSize
    : DataType.isStruct(type)
      ? length
      : undefined;
  // Lists without rows may lack their child.
  return (type.children ?? []).map((field: Field, i: number) =>
    padded(data.children[i] ?? makeData({ type: field.type, length: 0 } as any), rows),
  );
}

/**
 * Rows that are added have no items and no characters. A slice can take in rows that were left out
 * before: their offsets are zeros at the end.
 */
function paddedOffsets(data: Data, length: number): Data['valueOffsets'] {
  const offsets: any = data.valueOffsets;
  if (!offsets || (length <= data.length && offsets[length])) return offsets;
  let known = Math.min(offsets.length, data.length + 1);
  while (known > 1 && !offsets[known - 1]) known--;
  const longer = copied(offsets.subarray(0, known), length + 1);
  return longer.fill(longer[Math.max(0, known - 1)], known);
}

function paddedValues(data: Data, length: number): Data['values'] {
  const { type, stride, offset, values } = data;
  if (!values || type.typeId === Type.Null || data.valueOffsets?.length) return values;
  const needed = DataType.isBool(type) ? bytesOfBits(offset + length) : length * stride;
  return values.length >= needed ? values : copied(values, needed);
}

function paddedValidity(data: Data, length: number): Uint8Array {
  const { nullBitmap, offset } = data;
  const needed = bytesOfBits(offset + length);
  if (!hasNulls(data) || (length <= data.length && nullBitmap.length >= needed)) return nullBitmap;
  const longer = copied(nullBitmap, needed);
  for (let row = offset + data.length; row < offset + length; row++) {
    longer[row >> 3]! &= ~(1 << (row & 7));
  }
  return longer;
}

function hasNulls(data: Data): boolean {
  return data.nullCount > 0 && data.nullBitmap?.length > 0;
}

function bytesOfBits(bits: number): number {
  return (bits + 7) >> 3;
}

/** A copy of an array with zeros behind it. */
function copied(array: any, length: number): any {
  const longer = new array.constructor(length);
  longer.set(array.subarray(0, length));
  return longer;
}

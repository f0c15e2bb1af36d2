/**
 * Vectors into one buffer. This is where nearly all the numbers of a table pass: no builder, no copy
 * in between, one loop.
 *
 * @module
 */

import { dimensions } from '../options.js';
import { arrayLike, isNull, type Place, unfit, type Values, wrongKind } from './column.js';
import { BufferType, Data, type DataType } from './library.js';
import { type NumberKind, numberKind, toHalves, toNumber } from './numbers.js';

/**
 * The items of a column of vectors, one vector after the other; zeros where a vector is null.
 * `undefined` if the items are not numbers.
 */
export function encodeVectors(
  item: DataType,
  size: number,
  values: Values,
  at: Place,
): Data | undefined {
  const kind = numberKind(item);
  if (kind === undefined) return undefined;

  const numbers = new kind.array(values.length * size);
  for (let i = 0; i < values.length; i++) {
    const vector = values[i];
    if (!isNull(vector)) fill(numbers, i * size, size, open(vector, at, i, size), kind, at, i);
  }

  const stored = kind.half ? toHalves(numbers) : numbers;
  return new Data(item, 0, numbers.length, 0, { [BufferType.DATA]: stored } as any);
}

/** A vector as an array: plain, typed, or one that Arrow made. */
function open(vector: unknown, at: Place, index: number, size: number): ArrayLike<unknown> {
  const array = arrayLike(vector);
  if (array === undefined) {
    throw wrongKind(at, index, vector, `the column stores vectors of ${size} numbers`);
  }
  const { length } = array;
  if (length !== size) {
    throw unfit(at, index, `the vector has ${dimensions(length)}, but the column stores ${size}`);
  }
  return array;
}

function fill(
  numbers: InstanceType<NumberKind['array']>,
  start: number,
  size: number,
  vector: ArrayLike<unknown>,
  kind: NumberKind,
  at: Place,
  index: number,
): void {
  const { min, max, whole, half } = kind;
  if (!half && vector instanceof kind.array) {
    numbers.set(vector, start);
    return;
  }
  for (let j = 0; j < size; j++) {
    const value = vector[j];
    if (typeof value === 'number' && value >= min && value <= max && !whole) {
      numbers[start + j] = value;
      continue;
    }
    const number = toNumber(value, kind);
    if (number === undefined) {
      throw wrongKind(at, index, value, `item ${j} of the vector must be ${kind.expected}`);
    }
    numbers[start + j] = number;
  }
}

/**
 * What every encoder of columns needs: the values, where they come from, and what to say if one of
 * them does not fit.
 *
 * @module
 */

import { QuiverError } from '../errors.js';
import { describe } from '../options.js';
import { BufferType, Data, type DataType } from './library.js';

/** Where values come from, for messages. */
export interface Place {
  /** The column, with the path inside it: `tags`, `author.name`. */
  column: string;
  /** The row, in the data that the caller passed, of a value. */
  row(index: number): number;
}

/** What was read from the rows for one column, in order; `undefined` counts as null. */
export type Values = readonly unknown[];

/** The error for a value that does not fit its column. */
export function unfit(at: Place, index: number, reason: string): QuiverError {
  return new QuiverError('INVALID_DATA', `row ${at.row(index)}, column '${at.column}': ${reason}`);
}

/** The error for a value of the wrong kind. */
export function wrongKind(at: Place, index: number, value: unknown, expected: string): QuiverError {
  return unfit(at, index, `the value is ${kind(value)}, but ${expected}`);
}

/** A value as messages about its kind show it. */
export function kind(value: unknown): string {
  if (typeof value === 'string') return `the string ${describe(value)}`;
  if (typeof value === 'number') return `the number ${value}`;
  return describe(value);
}

/** Null and undefined are the same to Arrow. */
export function isNull(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

/** Puts a column together: its buffers, and the bit of every value that is there. */
export function column(
  type: DataType,
  values: Values,
  buffers: object,
  children: Data[] = [],
): Data {
  const { nullCount, bitmap } = validity(values);
  return new Data(
    type,
    0,
    values.length,
    nullCount,
    { ...buffers, [BufferType.VALIDITY]: bitmap } as any,
    children,
  );
}

function validity(values: Values): { nullCount: number; bitmap: Uint8Array | undefined } {
  let nullCount = 0;
  let bitmap: Uint8Array | undefined;
  for (let i = 0; i < values.length; i++) {
    if (!isNull(values[i])) continue;
    // Buffers of Arrow are padded to 8 bytes.
    bitmap ??= new Uint8Array(Math.ceil(values.length / 64) * 8).fill(0xff);
    bitmap[i >> 3]! &= ~(1 << (i & 7));
    nullCount++;
  }
  return { nullCount, bitmap };
}

/** An array, or something that can be read like one; `undefined` if it cannot. */
export function arrayLike(value: any): ArrayLike<unknown> | undefined {
  if (Array.isArray(value)) return value;
  if (ArrayBuffer.isView(value)) return value instanceof DataView ? undefined : (value as any);
  // Vectors of Arrow, as rows of an Arrow table have them.
  if (typeof value?.toArray === 'function') return value.toArray();
  return undefined;
}

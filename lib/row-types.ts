/**
 * The type of rows as they are read again, from the type of the rows that were written.
 *
 * @module
 */
import type { Float32Vector, Float64Vector, Int8Vector, Uint8Vector } from './vectors.js';

/** Rows, or batches of rows, of one type. */
export type RowsOf<Row> = readonly Row[] | Iterable<readonly Row[]> | AsyncIterable<readonly Row[]>;

/**
 * A row that was written without a schema, as it is read again: arrays of numbers in columns that are named like
 * vectors are vectors of 32-bit floats, and what is missing is null.
 */
export type StoredRow<Row> = 0 extends 1 & Row
  ? Record<string, any>
  : {
      -readonly [Name in keyof Row]-?:
        | Stored<Row[Name], Name>
        | (undefined extends Row[Name] ? null : never);
    };

/** A value of a column of this name. */
type Stored<Value, Name> = 0 extends 1 & Value
  ? any
  : Value extends string | number | bigint | boolean
    ? Value
    : Value extends null | undefined
      ? null
      : Value extends ArrayBufferView
        ? StoredArray<Value>
        : Value extends readonly (infer Item)[]
          ? StoredList<Item, Name>
          : Value extends { toArray(): unknown }
            ? any
            : StoredRow<Value>;

/** Typed arrays are vectors, where there are vectors of their numbers. */
type StoredArray<Value> = Value extends { readBigInt64LE(): unknown }
  ? Value // a Buffer, as Node calls bytes
  : Value extends Float32Array
    ? Float32Vector
    : Value extends Float64Array
      ? Float64Vector
      : Value extends Int8Array
        ? Int8Vector
        : Value extends Uint8Array | Uint8ClampedArray
          ? Uint8Vector
          : any;

type StoredList<Item, Name> = [Item] extends [number]
  ? NameOfVectors<Name> extends true
    ? Float32Vector
    : Item[]
  : Stored<Item, Name>[];

type NameOfVectors<Name> = Name extends string
  ? Lowercase<Name> extends `${string}${'vector' | 'embedding'}${string}`
    ? true
    : false
  : false;

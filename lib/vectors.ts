/**
 * Vectors as they come out of a table: typed arrays that also answer `toArray()`, as Arrow's vectors
 * do, and that `JSON.stringify` writes as arrays.
 *
 * A vector is a view of the result that it came with, and keeps all of it in memory: `slice()` makes
 * one that stands alone.
 *
 * @module
 */

/** What vectors have beyond what typed arrays have. */
interface VectorMethods<Base> {
  /** The same numbers as an ordinary typed array, without a copy. */
  toArray(): Base;
  /** What `JSON.stringify` writes: an array of numbers. */
  toJSON(): number[];
}

/** A vector of 32-bit floats. 16-bit floats come as these too. */
export interface Float32Vector extends Float32Array, VectorMethods<Float32Array> {}

/** A vector of 64-bit floats. */
export interface Float64Vector extends Float64Array, VectorMethods<Float64Array> {}

/** A vector of bytes, or of packed bits. */
export interface Uint8Vector extends Uint8Array, VectorMethods<Uint8Array> {}

/** A vector of signed bytes. */
export interface Int8Vector extends Int8Array, VectorMethods<Int8Array> {}

type TypedArrayClass =
  | Float32ArrayConstructor
  | Float64ArrayConstructor
  | Uint8ArrayConstructor
  | Int8ArrayConstructor;

/** Makes vectors that are views of a buffer. */
type VectorClass = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => object;

function vectorsOf(Base: TypedArrayClass): VectorClass {
  class Vector extends (Base as Float32ArrayConstructor) {
    toArray() {
      return new Base(this.buffer, this.byteOffset, this.length);
    }

    toJSON() {
      return Array.from(this);
    }
  }
  // A vector passes for an ordinary typed array: where two are compared, where one is printed, and in
  // what `map` and `slice` return.
  Object.defineProperty(Vector.prototype, 'constructor', { value: Base });
  return Vector;
}

const CLASSES = new Map<unknown, VectorClass>(
  [Float32Array, Float64Array, Uint8Array, Int8Array].map((Base) => [Base, vectorsOf(Base)]),
);

/** The class for vectors whose numbers are in `values`; `undefined` if no vector is made of those. */
export function vectorClass(values: object): VectorClass | undefined {
  return CLASSES.get(values.constructor);
}

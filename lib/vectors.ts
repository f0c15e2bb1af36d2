/**
 * Vectors as they come out of a table: typed arrays that also answer `toArray()`, as Arrow's vectors
 * do, and that `JSON.stringify` writes as arrays.
 *
 * A vector is a view of the result that it came with, and keeps all of it in memory: `slice()` makes
 * one that stands alone.
 *
 * @module
 */

/** A vector of 32-bit floats. 16-bit floats come as these too. */
export class Float32Vector extends Float32Array {
  // What `map`, `slice` and the like return: an ordinary typed array, which engines make faster.
  static get [Symbol.species](): Float32ArrayConstructor {
    return Float32Array;
  }

  /** The same numbers as an ordinary typed array, without a copy. */
  toArray(): Float32Array {
    return new Float32Array(this.buffer, this.byteOffset, this.length);
  }

  toJSON(): number[] {
    return Array.from(this);
  }
}

/** A vector of 64-bit floats. */
export class Float64Vector extends Float64Array {
  static get [Symbol.species](): Float64ArrayConstructor {
    return Float64Array;
  }

  /** The same numbers as an ordinary typed array, without a copy. */
  toArray(): Float64Array {
    return new Float64Array(this.buffer, this.byteOffset, this.length);
  }

  toJSON(): number[] {
    return Array.from(this);
  }
}

/** A vector of bytes, or of packed bits. */
export class Uint8Vector extends Uint8Array {
  static get [Symbol.species](): Uint8ArrayConstructor {
    return Uint8Array;
  }

  /** The same numbers as an ordinary typed array, without a copy. */
  toArray(): Uint8Array {
    return new Uint8Array(this.buffer, this.byteOffset, this.length);
  }

  toJSON(): number[] {
    return Array.from(this);
  }
}

/** A vector of signed bytes. */
export class Int8Vector extends Int8Array {
  static get [Symbol.species](): Int8ArrayConstructor {
    return Int8Array;
  }

  /** The same numbers as an ordinary typed array, without a copy. */
  toArray(): Int8Array {
    return new Int8Array(this.buffer, this.byteOffset, this.length);
  }

  toJSON(): number[] {
    return Array.from(this);
  }
}

/** The class for the numbers of a column: `undefined` if no vector is made of them. */
export function vectorClass(
  values: ArrayLike<unknown> | undefined,
):
  | (new (
      buffer: ArrayBufferLike,
      byteOffset: number,
      length: number,
    ) => ArrayLike<number>)
  | undefined {
  if (values instanceof Float32Array) return Float32Vector;
  if (values instanceof Float64Array) return Float64Vector;
  if (values instanceof Uint8Array) return Uint8Vector;
  if (values instanceof Int8Array) return Int8Vector;
  return undefined;
}

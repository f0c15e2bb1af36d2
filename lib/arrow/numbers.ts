/**
 * Which JavaScript numbers fit which Arrow type.
 *
 * @module
 */
import { type DataType, type Float, type Int, Type } from './library.js';

type NumberArray =
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Float32Array
  | Float64Array;

/** A type of at most 53 bits of precision, whose values are JavaScript numbers. */
export interface NumberKind {
  /** Holds values before they are stored; for 16-bit floats this is wider than the column. */
  array: new (
    length: number,
  ) => NumberArray;
  min: number;
  max: number;
  whole: boolean;
  /** Stored as the bits of a 16-bit float. */
  half: boolean;
  /** `a whole number from 0 to 255`. */
  expected: string;
}

const whole = (array: NumberKind['array'], min: number, max: number): NumberKind => ({
  array,
  min,
  max,
  whole: true,
  half: false,
  expected: `a whole number from ${min} to ${max}`,
});

const float = (array: NumberKind['array'], max: number, half = false): NumberKind => ({
  array,
  min: -max,
  max,
  whole: false,
  half,
  expected: max === Number.MAX_VALUE ? 'a number' : `a number of at most ±${max}`,
});

const SIGNED: Record<number, NumberKind> = {
  8: whole(Int8Array, -(2 ** 7), 2 ** 7 - 1),
  16: whole(Int16Array, -(2 ** 15), 2 ** 15 - 1),
  32: whole(Int32Array, -(2 ** 31), 2 ** 31 - 1),
};

const UNSIGNED: Record<number, NumberKind> = {
  8: whole(Uint8Array, 0, 2 ** 8 - 1),
  16: whole(Uint16Array, 0, 2 ** 16 - 1),
  32: whole(Uint32Array, 0, 2 ** 32 - 1),
};

/** In the order of Arrow's `Precision`: half, single, double. */
const FLOATS = [
  float(Float32Array, 65504, true),
  float(Float32Array, (2 - 2 ** -23) * 2 ** 127),
  float(Float64Array, Number.MAX_VALUE),
];

/** What fits `type`; `undefined` if its values are not numbers (64-bit integers are bigints). */
export function numberKind(type: DataType): NumberKind | undefined {
  if (type.typeId === Type.Float) return FLOATS[(type as Float).precision];
  if (type.typeId !== Type.Int) return undefined;
  const { isSigned, bitWidth } = type as Int;
  return (isSigned ? SIGNED : UNSIGNED)[bitWidth];
}

/** `value` as a number of that kind, or `undefined` if it does not fit. */
export function toNumber(value: unknown, kind: NumberKind): number | undefined {
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number !== 'number') return undefined;
  if (number >= kind.min && number <= kind.max && (!kind.whole || Number.isInteger(number))) {
    return number;
  }
  // NaN and infinities are numbers that every float has.
  return kind.whole || Number.isFinite(number) ? undefined : number;
}

const bits = new Uint32Array(1);
const asFloat = new Float32Array(bits.buffer);

/** The bits of the nearest 16-bit floats; of two equally near, the even one. */
export function toHalves(values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from(values, (value) => {
    asFloat[0] = value;
    const sign = (bits[0]! >>> 16) & 0x8000;
    const magnitude = bits[0]! & 0x7fff_ffff;
    if (magnitude > 0x7f80_0000) return sign | 0x7e00; // NaN
    if (magnitude >= 0x4780_0000) return sign | 0x7c00; // 65536 and more
    if (magnitude >= 0x3880_0000) return sign | roundOff(magnitude - 0x3800_0000, 13);
    // Below 2^-14 a half has no leading one: the exponent goes into the shift.
    const shift = 126 - (magnitude >>> 23);
    return shift > 24 ? sign : sign | roundOff((magnitude & 0x007f_ffff) | 0x0080_0000, shift);
  });
}

/** Shifts right, rounding to the nearest, ties to even. */
function roundOff(value: number, shift: number): number {
  const half = 2 ** (shift - 1);
  const rest = value % (2 * half);
  const quotient = (value - rest) / (2 * half);
  return rest > half || (rest === half && quotient % 2 === 1) ? quotient + 1 : quotient;
}

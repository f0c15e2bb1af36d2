/**
 * Columns of numbers, strings, bytes, dates and the like.
 *
 * @module
 */

import { column, isNull, type Place, unfit, type Values, wrongKind } from './column.js';
import { decimalWords, toUnscaled } from './decimal.js';
import { BufferType, type Data, type DataType, DateUnit, type Decimal, Type } from './library.js';
import { type NumberKind, numberKind, toHalves, toNumber } from './numbers.js';

type Encoder = (type: DataType, values: Values, at: Place) => Data;

/** What encodes values of `type`, unless it is made of other types. */
export function scalarEncoder(type: DataType): Encoder | undefined {
  switch (type.typeId) {
    case Type.Null:
      return encodeNulls;
    case Type.Bool:
      return encodeBooleans;
    case Type.Int:
    case Type.Float: {
      const kind = numberKind(type);
      return kind ? (type, values, at) => encodeNumbers(kind, type, values, at) : encodeBigints;
    }
    case Type.Utf8:
    case Type.LargeUtf8:
      return encodeStrings;
    case Type.Binary:
    case Type.LargeBinary:
      return encodeBytes;
    case Type.FixedSizeBinary:
      return encodeFixedBytes;
    case Type.Decimal:
      return encodeDecimals;
    case Type.Date:
      return encodeDates;
    case Type.Time:
    case Type.Duration:
      return encodeBigints;
    case Type.Timestamp:
      return encodeTimestamps;
    default:
      return undefined;
  }
}

function encodeNulls(type: DataType, values: Values, at: Place): Data {
  const found = values.findIndex((value) => !isNull(value));
  if (found >= 0) throw wrongKind(at, found, values[found], 'the column stores only nulls');
  return column(type, values, {});
}

function encodeBooleans(type: DataType, values: Values, at: Place): Data {
  const bits = new Uint8Array(Math.ceil(values.length / 64) * 8);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === true) bits[i >> 3]! |= 1 << (i & 7);
    else if (value !== false && !isNull(value)) {
      throw wrongKind(at, i, value, 'the column stores true or false');
    }
  }
  return column(type, values, { [BufferType.DATA]: bits });
}

function encodeNumbers(kind: NumberKind, type: DataType, values: Values, at: Place): Data {
  const numbers = new kind.array(values.length);
  for (let i = 0; i < values.length; i++) {
    if (isNull(values[i])) continue;
    const number = toNumber(values[i], kind);
    if (number === undefined) throw wrongKind(at, i, values[i], `it must be ${kind.expected}`);
    numbers[i] = number;
  }
  return column(type, values, { [BufferType.DATA]: kind.half ? toHalves(numbers) : numbers });
}

/** 64-bit integers, and times and durations in the column's own unit. */
function encodeBigints(type: DataType, values: Values, at: Place): Data {
  return encodeIntegers(type, values, at, (value) => {
    if (typeof value === 'bigint') return value;
    return Number.isSafeInteger(value) ? BigInt(value as number) : undefined;
  });
}

/** In the order of Arrow's `TimeUnit`: seconds, milliseconds, microseconds, nanoseconds. */
const PER_SECOND = [1n, 1_000n, 1_000_000n, 1_000_000_000n];

/** Dates and milliseconds since 1970 are converted; a bigint is in the column's own unit. */
function encodeTimestamps(type: DataType, values: Values, at: Place): Data {
  const perSecond = PER_SECOND[(type as any).unit]!;
  return encodeIntegers(type, values, at, (value) => {
    if (typeof value === 'bigint') return value;
    const ms = milliseconds(value);
    if (ms === undefined) return undefined;
    const wholeMs = Math.floor(ms);
    const whole = floorDivide(BigInt(wholeMs) * perSecond, 1000n);
    // A millisecond has a fraction only if a finer unit was read out of a table before; a number holds it nearly.
    const perMs = Number(perSecond) / 1000;
    return perMs > 1 ? whole + BigInt(Math.round((ms - wholeMs) * perMs)) : whole;
  });
}

const DAY_MS = 86_400_000;

function encodeDates(type: DataType, values: Values, at: Place): Data {
  const unit = (type as any).unit === DateUnit.DAY ? DAY_MS : 1;
  return encodeIntegers(type, values, at, (value) => {
    if (typeof value === 'bigint') return value;
    const ms = milliseconds(value);
    return ms === undefined ? undefined : BigInt(Math.floor(ms / unit));
  });
}

function milliseconds(value: unknown): number | undefined {
  const ms = value instanceof Date ? value.getTime() : value;
  return typeof ms === 'number' && Math.abs(ms) <= 8.64e15 ? ms : undefined;
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}

/** Whole numbers of 32 or 64 bits, as the type's own array. */
function encodeIntegers(
  type: DataType,
  values: Values,
  at: Place,
  convert: (value: unknown) => bigint | undefined,
): Data {
  const unsigned = type.typeId === Type.Int && !(type as any).isSigned;
  const width = bitWidth(type);
  const integers = unsigned ? new BigUint64Array(values.length) : new BigInt64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    if (isNull(values[i])) continue;
    const integer = convert(values[i]);
    const fits =
      integer !== undefined &&
      (unsigned ? BigInt.asUintN(width, integer) : BigInt.asIntN(width, integer)) === integer;
    if (!fits) throw wrongKind(at, i, values[i], `the column stores ${type}`);
    integers[i] = integer;
  }
  if (width === 32)
    return column(type, values, { [BufferType.DATA]: Int32Array.from(integers as any, Number) });
  return column(type, values, { [BufferType.DATA]: integers });
}

function bitWidth(type: DataType): 32 | 64 {
  if (type.typeId === Type.Date) return (type as any).unit === DateUnit.DAY ? 32 : 64;
  if (type.typeId === Type.Time) return (type as any).bitWidth;
  return 64;
}

function encodeStrings(type: DataType, values: Values, at: Place): Data {
  const lengths = values.map((value, i) => {
    if (isNull(value)) return 0;
    if (typeof value !== 'string') throw wrongKind(at, i, value, 'the column stores strings');
    return Buffer.byteLength(value);
  });
  const { offsets, total } = toOffsets(type, lengths, at);
  const bytes = Buffer.allocUnsafeSlow(total);
  let end = 0;
  for (const value of values) if (!isNull(value)) end += bytes.write(value as string, end);
  return column(type, values, { [BufferType.OFFSET]: offsets, [BufferType.DATA]: toBytes(bytes) });
}

function encodeBytes(type: DataType, values: Values, at: Place): Data {
  const parts = values.map((value, i) => openBytes(value, at, i));
  const { offsets, total } = toOffsets(
    type,
    parts.map((part) => part.length),
    at,
  );
  const bytes = new Uint8Array(total);
  let end = 0;
  for (const part of parts) {
    bytes.set(part, end);
    end += part.length;
  }
  return column(type, values, { [BufferType.OFFSET]: offsets, [BufferType.DATA]: bytes });
}

function encodeFixedBytes(type: DataType, values: Values, at: Place): Data {
  const width: number = (type as any).byteWidth;
  const bytes = new Uint8Array(values.length * width);
  for (let i = 0; i < values.length; i++) {
    if (isNull(values[i])) continue;
    const part = openBytes(values[i], at, i);
    if (part.length !== width) {
      throw unfit(at, i, `the value has ${part.length} bytes, but the column stores ${width}`);
    }
    bytes.set(part, i * width);
  }
  return column(type, values, { [BufferType.DATA]: bytes });
}

function openBytes(value: unknown, at: Place, index: number): Uint8Array {
  if (isNull(value)) return new Uint8Array(0);
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw wrongKind(at, index, value, 'the column stores bytes (a Buffer or a Uint8Array)');
}

/** Where each value begins, in 32 or, for the large types, 64 bits. */
function toOffsets(type: DataType, lengths: readonly number[], at: Place) {
  const large = type.typeId === Type.LargeUtf8 || type.typeId === Type.LargeBinary;
  const offsets = large
    ? new BigInt64Array(lengths.length + 1)
    : new Int32Array(lengths.length + 1);
  let total = 0;
  for (let i = 0; i < lengths.length; i++) {
    total += lengths[i]!;
    if (offsets instanceof BigInt64Array) offsets[i + 1] = BigInt(total);
    else if (total <= 0x7fff_ffff) offsets[i + 1] = total;
    else throw unfit(at, i, `more than 2 GiB in one batch of ${type}; pass fewer rows at a time`);
  }
  return { offsets, total };
}

function toBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

function encodeDecimals(type: DataType, values: Values, at: Place): Data {
  const { scale, precision } = type as Decimal;
  const width = ((type as any).bitWidth ?? 128) / 32;
  const words = new Uint32Array(values.length * width);
  for (let i = 0; i < values.length; i++) {
    if (isNull(values[i])) continue;
    const unscaled = toUnscaled(values[i], scale, precision);
    if (unscaled === undefined) {
      const expected = `the column stores numbers of ${precision} digits, ${scale} of them after the point`;
      throw wrongKind(at, i, values[i], expected);
    }
    words.set(decimalWords(unscaled, width), i * width);
  }
  return column(type, values, { [BufferType.DATA]: words });
}

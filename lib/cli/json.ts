/**
 * JSON that keeps whole numbers of 64 bits: they are bigints here, and plain numbers in the text.
 *
 * @module
 */
import { randomUUID } from 'node:crypto';

/** Stands before the digits of a bigint while it passes through `JSON` as a string. No data has it. */
const TAG = `${randomUUID()}:`;
const TAGGED = new RegExp(`"${TAG}(-?\\d+)"`, 'g');

/** A string, or a whole number of so many digits that a number may not hold it. */
const LONG = /"(?:[^"\\]|\\.)*"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;

/** A value as JSON: bytes as base64, maps as pairs, vectors of 32-bit floats in as few digits as say which. */
export function toJson(value: unknown): string {
  const text = JSON.stringify(value, function (this: any, key: string, value: unknown) {
    if (typeof value === 'bigint') return TAG + value;
    // A Buffer has become an object by now.
    if (Buffer.isBuffer(this[key])) return this[key].toString('base64');
    if (this[key] instanceof Float32Array) return Array.from(this[key], shortest);
    return value instanceof Map ? [...value] : value;
  });
  return text.replaceAll(TAGGED, '$1');
}

/** The number with the fewest digits that is this one in 32 bits: 0.1, where 0.10000000149011612 would be written. */
function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

/** Reads JSON. Whole numbers that a number cannot hold become bigints. */
export function fromJson(text: string): any {
  let found = false;
  const marked = text.replaceAll(LONG, (part) => {
    if (part.startsWith('"') || Number.isSafeInteger(Number(part))) return part;
    found = true;
    return `"${TAG}${part}"`;
  });
  if (!found) return JSON.parse(text);
  return JSON.parse(marked, (_, value) =>
    typeof value === 'string' && value.startsWith(TAG) ? BigInt(value.slice(TAG.length)) : value,
  );
}

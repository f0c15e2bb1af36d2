/**
 * Checks of what callers pass in: each names the argument, its value, and what would have fitted.
 *
 * @module
 */
import { QuiverError } from './errors.js';

/** The largest whole number that the engine takes. */
const U32_MAX = 0xffff_ffff;

/** The error for an argument that cannot be used: `limit is -1, but it must be …`. */
export function invalid(argument: string, value: unknown, expected: string): QuiverError {
  return new QuiverError(
    'INVALID_ARGUMENT',
    `${argument} is ${describe(value)}, but it must be ${expected}`,
  );
}

/** A value as it is shown in a message: short, and unlike any other kind of value. */
export function describe(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}…` : value);
  }
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array';
  if (typeof value === 'object' && value !== null) {
    const name = value.constructor?.name;
    return name && name !== 'Object' ? `a ${name}` : 'an object';
  }
  return String(value);
}

/**
 * Refuses options that are not known, with the nearest that is: a misspelt option that does nothing
 * is the hardest kind to find.
 */
export function checkOptions<T extends object>(
  of: string,
  options: T | null | undefined,
  known: readonly (keyof T & string)[],
): void {
  if (options === undefined || options === null) return;
  if (typeof options !== 'object' || Array.isArray(options)) {
    throw invalid(`the options of ${of}`, options, 'an object');
  }
  for (const name of Object.keys(options)) {
    if ((known as readonly string[]).includes(name)) continue;
    throw new QuiverError(
      'INVALID_ARGUMENT',
      `unknown option '${name}' of ${of}${didYouMean(name, known)}; ${
        known.length === 0 ? 'it has no options' : `the options are ${known.join(', ')}`
      }`,
    );
  }
}

/** A whole number from `min` on. */
export function wholeNumber(argument: string, value: number, min = 1): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > U32_MAX) {
    throw invalid(argument, value, `a whole number from ${min} to ${U32_MAX}`);
  }
  return value;
}

/** A whole number from `min` on, or nothing. */
export function optionalWholeNumber(
  argument: string,
  value: number | undefined,
  min = 1,
): number | undefined {
  return value === undefined ? undefined : wholeNumber(argument, value, min);
}

/** A number that is not NaN, from `min` on; `undefined` stays `undefined`. */
export function number<T extends number | undefined>(
  argument: string,
  value: T,
  min = Number.NEGATIVE_INFINITY,
): T {
  if (value === undefined) return value;
  if (typeof value !== 'number' || Number.isNaN(value) || value < min) {
    throw invalid(argument, value, min === -Infinity ? 'a number' : `a number of at least ${min}`);
  }
  return value;
}

/** `true` or `false`; `undefined` stays `undefined`. */
export function flag<T extends boolean | undefined>(argument: string, value: T): T {
  if (value !== undefined && typeof value !== 'boolean') {
    throw invalid(argument, value, 'true or false');
  }
  return value;
}

/** A string with something in it. */
export function text(argument: string, value: string): string {
  if (typeof value !== 'string' || value.trim() === '') {
    throw invalid(argument, value, 'a string that is not empty');
  }
  return value;
}

/** One of a few strings, whatever its case; `undefined` stays `undefined`. */
export function oneOf<T extends string>(
  argument: string,
  value: T | undefined,
  allowed: readonly T[],
): T | undefined {
  if (value === undefined) return undefined;
  const found = typeof value === 'string' && allowed.find((word) => word === value.toLowerCase());
  if (!found) {
    throw invalid(argument, value, `one of ${allowed.map((word) => `"${word}"`).join(', ')}`);
  }
  return found;
}

/** A function; `undefined` stays `undefined`. */
export function callback<T>(argument: string, value: T | undefined): T | undefined {
  if (value !== undefined && typeof value !== 'function') {
    throw invalid(argument, value, 'a function');
  }
  return value;
}

/** An array, typed or not. */
export function list<T>(argument: string, value: readonly T[]): readonly T[] {
  if (!Array.isArray(value) && !ArrayBuffer.isView(value))
    throw invalid(argument, value, 'an array');
  return value;
}

/** ` (did you mean 'limit'?)`, or nothing if no candidate is near. */
export function didYouMean(name: string, candidates: readonly string[]): string {
  const lower = name.toLowerCase();
  let best: string | undefined;
  let fewest = Math.max(1, Math.floor(name.length / 2.5)) + 1;
  for (const candidate of candidates) {
    const edits = editDistance(lower, candidate.toLowerCase());
    if (edits < fewest) {
      fewest = edits;
      best = candidate;
    }
  }
  return best === undefined ? '' : ` (did you mean '${best}'?)`;
}

/** Insertions, deletions and replacements between two words. */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, above[j]! + 1, row[j - 1]! + 1));
    }
    above = row;
  }
  return above[b.length]!;
}

/** `1 dimension`, `3 dimensions`. */
export function dimensions(count: number): string {
  return `${count} dimension${count === 1 ? '' : 's'}`;
}

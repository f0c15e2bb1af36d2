/** Documents in JSON: checked byte by byte, and with exactly the members that docs/format.md lists. */
import { check } from './bytes.js';
import { crc32c } from './crc32c.js';

/** Makes a value of what was parsed, or says that it cannot; `at` is where in the document it is. */
export type Decode<T> = (value: unknown, at: string) => T;

/** A decoder of objects, with the members it knows. */
export interface DecodeObject<T> extends Decode<T> {
  members: readonly string[];
}

type Members = Readonly<Record<string, Decode<unknown>>>;
type Decoded<M extends Members> = { [Name in keyof M]: ReturnType<M[Name]> };

export const text: Decode<string> = (value, at) => {
  check(typeof value === 'string', `${at} is ${value}, not a string`);
  return value;
};

/** A whole number that is not negative. */
export const count: Decode<number> = (value, at) => {
  check(Number.isSafeInteger(value) && (value as number) >= 0, `${at} is ${value}, not a count`);
  return value as number;
};

export const flag: Decode<boolean> = (value, at) => {
  check(typeof value === 'boolean', `${at} is ${value}, not true or false`);
  return value as boolean;
};

export const number: Decode<number> = (value, at) => {
  check(typeof value === 'number', `${at} is ${value}, not a number`);
  return value;
};

/** What another decoder is for. */
export const anything: Decode<unknown> = (value) => value;

export function oneOf<T extends string>(...values: T[]): Decode<T> {
  return (value, at) => {
    check(values.includes(value as T), `${at} is ${value}, not one of ${values}`);
    return value as T;
  };
}

/** A member that may be absent. */
export function absentOr<T>(decode: Decode<T>): Decode<T | undefined> {
  return (value, at) => (value === undefined ? undefined : decode(value, at));
}

export function nullOr<T>(decode: Decode<T>): Decode<T | null> {
  return (value, at) => (value === null ? null : decode(value, at));
}

export function array<T>(decode: Decode<T>): Decode<T[]> {
  return (value, at) => {
    check(Array.isArray(value), `${at} is no array`);
    return value.map((item, i) => decode(item, `${at}[${i}]`));
  };
}

/** An object with names of its own, such as those of tags. */
export function map<T>(decode: Decode<T>): Decode<Record<string, T>> {
  return (value, at) => {
    const entries = Object.entries(anObject(value, at));
    return Object.fromEntries(entries.map(([name, item]) => [name, decode(item, `${at}.${name}`)]));
  };
}

/** An object with these members and no others. */
export function object<M extends Members>(members: M): DecodeObject<Decoded<M>> {
  const decode: Decode<Decoded<M>> = (value, at) => {
    const found = anObject(value, at);
    const unknown = Object.keys(found).filter((name) => !(name in members));
    check(unknown.length === 0, `${at} has members that no one knows: ${unknown}`);
    const decoded = Object.entries(members).map(([name, decode]) => [
      name,
      decode(found[name], `${at}.${name}`),
    ]);
    return Object.fromEntries(decoded);
  };
  return Object.assign(decode, { members: Object.keys(members) });
}

function anObject(value: unknown, at: string): Record<string, unknown> {
  check(typeof value === 'object' && value !== null && !Array.isArray(value), `${at} is no object`);
  return value as Record<string, unknown>;
}

/** The first bytes of a document: the checksum of all others. */
const FIRST_BYTES = 21;

/** The document that `bytes` are. */
export function readDocument<T>(bytes: Uint8Array, name: string, decode: Decode<T>): T {
  const first = Buffer.from(bytes.subarray(0, FIRST_BYTES)).toString('latin1');
  const checksum = /^\{"crc32c":"([0-9a-f]{8})",$/.exec(first)?.[1];
  check(checksum !== undefined, `${name}: begins with ${first}`);
  const actual = crc32c(bytes.subarray(FIRST_BYTES));
  check(Number.parseInt(checksum, 16) === actual, `${name}: is damaged`);
  return decode(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)), name);
}

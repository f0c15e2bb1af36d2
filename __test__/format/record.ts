/**
 * Records whose members are at fixed places: headers and entries of directories.
 *
 * They are written down as in the tables of docs/format.md, with the same names and types, and a test compares the two.
 */
import { check, type Reader } from './bytes.js';

/** Where a section is in its file. */
export interface Span {
  offset: number;
  bytes: number;
}

/** The types of the doc's tables: how many bytes they have, and how they are read. */
export const TYPES = {
  u32: { bytes: 4, read: (from: Reader) => from.u32() },
  u64: { bytes: 8, read: (from: Reader) => from.u64() },
  f32: { bytes: 4, read: (from: Reader) => from.f32() },
  '8 bytes': { bytes: 8, read: (from: Reader) => Buffer.from(from.take(8)).toString('hex') },
  'offset u64, bytes u64': {
    bytes: 16,
    read: (from: Reader): Span => ({ offset: from.u64(), bytes: from.u64() }),
  },
} as const;

/** The members of a record in their order. */
export type Layout = Readonly<Record<string, keyof typeof TYPES>>;

/** A record with such members. */
export type RecordOf<L extends Layout> = {
  [Name in keyof L]: ReturnType<(typeof TYPES)[L[Name]]['read']>;
};

/** How many bytes a record has. */
export function sizeOf(layout: Layout): number {
  return Object.values(layout).reduce((sum, type) => sum + TYPES[type].bytes, 0);
}

/** The next record. What is called reserved in it is zero. */
export function readRecord<L extends Layout>(from: Reader, layout: L): RecordOf<L> {
  const members = Object.entries(layout).map(([name, type]) => [name, TYPES[type].read(from)]);
  for (const [name, value] of members)
    if (String(name).startsWith('reserved'))
      check(value === 0, `${from.name}: ${name} is ${value}`);
  return Object.fromEntries(members);
}

/** Pages of scalar indexes: some keys in order, and the rows of each. */
import { check, type Reader } from './bytes.js';
import { readRecord } from './record.js';
import { checkAscending, readSet64 } from './roaring.js';

/** What a page begins with. */
export const PAGE_HEAD = { keys: 'u32', encoding: 'u32', rows: 'u64', base: 'u64' } as const;

/** What the rows of keys are kept as. */
export const ENCODING = { ids4: 0, ids8: 1, sets: 2 };

export interface ScalarPage {
  encoding: number;
  /** How many bytes it has. */
  bytes: number;
  /** The keys in hexadecimal, and the ids of their rows. */
  entries: Array<{ key: string; ids: number[] }>;
}

/** Reads a page, whose keys all have `keyBytes`, if they are of one length. */
export function readPage(from: Reader, keyBytes: number | undefined): ScalarPage {
  const { keys, encoding, rows, base } = readRecord(from, PAGE_HEAD);
  check(Object.values(ENCODING).includes(encoding), `${from.name}: has encoding ${encoding}`);
  check(encoding === ENCODING.ids4 || base === 0, `${from.name}: adds ${base} to what are no ids`);
  const hasSets = encoding === ENCODING.sets;
  const idOf = encoding === ENCODING.ids4 ? () => base + from.u32() : from.u64;
  const ids = from.many(hasSets ? 0 : rows, idOf);

  const ranges = hasSets || rows !== keys ? readRanges(from, keys) : rangesOf(keys, 1);
  const keyRanges = keyBytes === undefined ? readRanges(from, keys) : rangesOf(keys, keyBytes);
  const inOrder = keyRanges.map(([start, end]) => hexOf(from.take(end - start)));
  const entries = ranges.map(([start, end], i) => ({
    key: inOrder[i],
    ids: hasSets ? readSetOf(from, end - start) : ids.slice(start, end),
  }));
  from.align(8);

  for (const { ids } of entries) checkAscending(ids, from.name);
  const total = entries.reduce((sum, { ids }) => sum + ids.length, 0);
  check(total === rows, `${from.name}: has ${total} rows, not ${rows}`);
  return { encoding, bytes: from.bytes.length, entries };
}

type Range = [start: number, end: number];

/** Where what each key has begins, and where it ends: where that of the next begins. */
function readRanges(from: Reader, keys: number): Range[] {
  const starts = from.many(keys + 1, from.u32);
  check(starts[0] === 0, `${from.name}: its first key starts at ${starts[0]}`);
  return starts.slice(1).map((end, i) => [starts[i], end]);
}

/** The same, where each key has as much as the others. */
function rangesOf(keys: number, each: number): Range[] {
  return Array.from({ length: keys }, (_, key) => [key * each, (key + 1) * each]);
}

/** The set in the next bytes, which are all of it. */
function readSetOf(from: Reader, length: number): number[] {
  const end = from.at + length;
  const set = readSet64(from);
  check(from.at === end, `${from.name}: a set ends at ${from.at}, not at ${end}`);
  return set;
}

export const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

// Scalar indexes, read by what docs/format.md says, and compared with the rows' values.
import {
  Table as ArrowTable,
  Binary,
  Bool,
  type DataType,
  DateDay,
  DateMillisecond,
  Decimal,
  Dictionary,
  DurationSecond,
  Field,
  FixedSizeBinary,
  Float16,
  Float32,
  Float64,
  Int8,
  Int32,
  Int64,
  LargeUtf8,
  List,
  makeVector,
  Schema,
  Struct,
  TimeSecond,
  TimestampMicrosecond,
  Uint8,
  Uint64,
  Utf8,
} from 'apache-arrow';
import { expect, test } from 'vitest';
import { Index } from '../lib/index.js';
import { keysOf, keyTypeOf } from './format/keys.js';
import { SCALAR_DETAILS } from './format/manifest.js';
import type { ScalarFile } from './format/scalar.js';
import { ENCODING, type ScalarPage } from './format/scalar_page.js';
import type { Segment } from './format/segment.js';
import { temporaryTables } from './format/tables.js';
import type { Index as IndexFiles } from './format/version.js';

const { NaN: NAN, NEGATIVE_INFINITY, POSITIVE_INFINITY } = Number;

const FLOATS = [0, -0, 1.5, -1.5, NAN, POSITIVE_INFINITY, NEGATIVE_INFINITY, 2 ** -14];

/** Types, the number of their keys' type, and some values. */
const COLUMNS: Array<[DataType, number, unknown[]]> = [
  [new Bool(), 0, [true, false]],
  [new Int8(), 1, [-128, -1, 0, 127]],
  [new Int32(), 1, [-(2 ** 31), 5, 2 ** 31 - 1]],
  [new Int64(), 1, [-(2n ** 63n), -1n, 0n, 2n ** 63n - 1n]],
  [new Uint8(), 1, [0, 255]],
  [new DateDay(), 1, [new Date(-86_400_000), new Date(86_400_000)]],
  [new DateMillisecond(), 1, [new Date(-1), new Date(1)]],
  [new TimeSecond(), 1, [0, 3600]],
  [new TimestampMicrosecond(), 1, [new Date(-5), new Date(7)]],
  [new DurationSecond(), 1, [-2n, 3n]],
  [new Uint64(), 2, [0n, 1n, 2n ** 64n - 1n]],
  [new Float16(), 3, FLOATS],
  [new Float32(), 3, FLOATS],
  [new Float64(), 3, FLOATS],
  [new Decimal(2, 20), 4, [-1.25, 0, 100.5]],
  [new Utf8(), 5, ['', 'a', 'ab', 'ž', '\u{1f34e}']],
  [new LargeUtf8(), 5, ['', 'a', 'b']],
  [new Dictionary(new Utf8(), new Int32()), 5, ['red', 'green']],
  [new Binary(), 6, [Uint8Array.of(), Uint8Array.of(0, 255), Uint8Array.of(1)]],
  [new FixedSizeBinary(2), 6, [Uint8Array.of(255, 0), Uint8Array.of(0, 1)]],
];

/** The ids of the rows that have each key, and of those that have none, as the rows' values say. */
function keysOfRows({ ids, deleted }: Segment, keys: Array<Iterable<string> | null>) {
  const rows = new Map<string, number[]>();
  const nulls: number[] = [];
  keys.forEach((ofRow, row) => {
    if (deleted.has(row)) return;
    if (ofRow === null) nulls.push(ids[row]!);
    else for (const key of ofRow) rows.set(key, [...(rows.get(key) ?? []), ids[row]!]);
  });
  const entries = [...rows].map(([key, ids]) => ({ key, ids }));
  return { entries: entries.sort((a, b) => (a.key < b.key ? -1 : 1)), nulls };
}

/** Says that an index has just these keys, with these rows. */
function expectKeys(index: IndexFiles, { entries, nulls }: ReturnType<typeof keysOfRows>) {
  const [file] = index.files as [ScalarFile];
  expect(file.pages.flatMap((page) => page.entries)).toEqual(entries);
  expect(file.nulls).toEqual(nulls);
  expect(SCALAR_DETAILS(index.entry.details, 'details')).toMatchObject({
    distinctValues: entries.length,
    rowsWithoutValue: nulls.length,
  });
}

const single = (keys: Array<string | null>) => keys.map((key) => (key === null ? null : [key]));

test('BTREE and BITMAP have the rows of each value, of all types', async () => {
  const { db, read } = await temporaryTables();
  const name = (i: number) => `c${i}`;
  const schema = new Schema(COLUMNS.map(([type], i) => new Field(name(i), type, true)));
  const rows = Array.from({ length: 40 }, (_, row) =>
    Object.fromEntries(
      // One row in seven is null.
      COLUMNS.map(([, , values], i) => [
        name(i),
        row % 7 === 3 ? null : values[row % values.length],
      ]),
    ),
  );
  const table = await db.createTable('t', rows, { schema });
  await table.delete(`${name(1)} = 127`);
  for (const i of COLUMNS.keys()) {
    await table.createIndex(name(i), { name: `btree ${i}`, config: Index.btree() });
    await table.createIndex(name(i), { name: `bitmap ${i}`, config: Index.bitmap() });
  }

  const { newest } = read(table);

  const [segment] = newest.segments;
  for (const { entry, ...index } of newest.indexes) {
    const [file] = index.files as [ScalarFile];
    const column =
      segment!.columns[newest.schema.fields.findIndex(({ name }) => name === entry.column)]!;
    const [type, keyType] = COLUMNS[Number(entry.column.slice(1))]!;
    expect(file.header.key_type, String(type)).toBe(keyType);
    expect(keyTypeOf(column.type), String(type)).toBe(file.keyType);
    expectKeys({ entry, ...index }, keysOfRows(segment!, single(keysOf(column, file.keyType))));
  }
});

test('keys are in the order of numbers, and NaN comes last', async () => {
  const { db, read } = await temporaryTables();
  const numbers = [3, -0, NAN, 1e-300, NEGATIVE_INFINITY, -3, POSITIVE_INFINITY, -1e-300, 0, -2, 2];
  const rows = numbers.map((n) => ({ float: n, int: Number.isFinite(n) ? Math.trunc(n) : null }));
  const schema = new Schema([
    new Field('float', new Float64()),
    new Field('int', new Int32(), true),
  ]);
  const table = await db.createTable('t', rows, { schema });
  await table.createIndex('float', { config: Index.btree() });
  await table.createIndex('int', { config: Index.bitmap() });

  const inOrder = read(table).newest.indexes.map(({ files: [file] }) =>
    (file as ScalarFile).pages.flatMap(({ entries }) => entries.map(({ ids }) => ids)),
  );

  // -0 and 0 are one value.
  expect(inOrder[0]).toEqual([[4], [5], [9], [7], [1, 8], [3], [10], [0], [6], [2]]);
  expect(inOrder[1]).toEqual([[5], [9], [1, 3, 7, 8], [10], [0]]);
});

test('LABEL_LIST has the rows of each element, and of those whose list is null', async () => {
  const { db, read } = await temporaryTables();
  const labels = [['a', 'b', 'a'], [], null, [null, 'c'], ['b'], [null]];
  const type = new List(new Field('item', new Utf8(), true));
  const schema = new Schema([new Field('labels', type, true)]);
  const table = await db.createTable(
    't',
    labels.map((labels) => ({ labels })),
    { schema },
  );
  await table.createIndex('labels', { config: Index.labelList() });

  const [index] = read(table).newest.indexes;

  const key = (label: string) => Buffer.from(label).toString('hex');
  expectKeys(index!, {
    entries: [
      { key: key('a'), ids: [0] },
      { key: key('b'), ids: [0, 4] },
      { key: key('c'), ids: [3] },
    ],
    nulls: [2],
  });
  expect((index!.files[0] as ScalarFile).header).toMatchObject({ rows: 6, pairs: 4, key_type: 5 });
});

test('an index of a part of a nested column is named with dots', async () => {
  const { db, read } = await temporaryTables();
  const place = new Struct([new Field('town', new Utf8(), true)]);
  const schema = new Schema([new Field('place', place, true)]);
  const rows = [{ place: { town: 'Brno' } }, { place: null }, { place: { town: null } }];
  const table = await db.createTable('t', rows, { schema });
  await table.createIndex('place.town', { config: Index.btree() });

  const [index] = read(table).newest.indexes;

  expect(index!.entry.column).toBe('place.town');
  const key = Buffer.from('Brno').toString('hex');
  expectKeys(index!, { entries: [{ key, ids: [0] }], nulls: [1, 2] });
});

test('rows that came later are in a file of their own, which has all keys of theirs', async () => {
  const { db, read } = await temporaryTables();
  const rows = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => ({ word: `word ${(from + i) % 7}`, n: from + i }));
  const table = await db.createTable('t', rows(0, 1000));
  await table.createIndex('word', { config: Index.bitmap() });
  await table.createIndex('n');
  await table.add(rows(1000, 1010));
  await table.optimize();

  const { newest } = read(table);

  for (const { entry, files } of newest.indexes) {
    const [first, later] = files as ScalarFile[];
    expect([files.length, first!.header.rows, later!.header.rows]).toEqual([2, 1000, 10]);
    const ids = later!.pages.flatMap(({ entries }) => entries.flatMap(({ ids }) => ids));
    expect(ids.sort((a, b) => a - b)).toEqual(rows(1000, 1010).map(({ n }) => n));
    expect([entry.row_id_end, entry.rows, entry.covered_rows]).toEqual([1010, 1010, 1010]);
  }
});

/** What writers count of a page to see whether it is full. */
function countedBytes({ encoding, entries }: ScalarPage): number {
  expect(encoding).toBe(ENCODING.ids4);
  const ofKeys = entries.map(({ key, ids }) => 8 + key.length / 2 + 4 * ids.length);
  return 24 + ofKeys.reduce((sum, bytes) => sum + bytes, 0);
}

test('pages of ids end at 32 KiB, and a key of more than 8,192 rows has a page of sets to itself', async () => {
  const { db, read } = await temporaryTables();
  // 5 has 8,192 rows, 7 has one more; all others have one.
  const numbers = Int32Array.from({ length: 30_000 }, (_, i) => {
    if (i >= 10_000 && i < 18_192) return 5;
    return i >= 20_000 && i < 28_193 ? 7 : 2 * i;
  });
  const table = await db.createTable('t', new ArrowTable({ n: makeVector(numbers) }));
  await table.createIndex('n', { config: Index.btree() });

  const { newest } = read(table);

  const [segment] = newest.segments;
  const [index] = newest.indexes;
  const { pages, keyType } = index!.files[0] as ScalarFile;
  expectKeys(index!, keysOfRows(segment!, single(keysOf(segment!.columns[0]!, keyType))));
  const sets = pages.findIndex(({ encoding }) => encoding === ENCODING.sets);
  expect(pages[sets]!.entries.map(({ ids }) => ids.length)).toEqual([8193]);
  expect(pages.filter(({ encoding }) => encoding === ENCODING.sets)).toHaveLength(1);
  for (const [i, page] of pages.entries()) {
    if (i === sets) continue;
    const cut = { ...page, entries: page.entries.slice(0, -1) };
    expect(countedBytes(cut)).toBeLessThan(2 ** 15);
    if (i + 1 === sets || i + 1 === pages.length) continue;
    expect(countedBytes(page)).toBeGreaterThanOrEqual(2 ** 15);
  }
  expect(pages.length).toBeGreaterThan(5);
});

test('pages of BITMAP and LABEL_LIST are of sets', async () => {
  const { db, read } = await temporaryTables();
  const rows = Array.from({ length: 3000 }, (_, i) => ({
    word: `word ${i}`,
    words: [`word ${i}`],
  }));
  const table = await db.createTable('t', rows);
  await table.createIndex('word', { config: Index.bitmap() });
  await table.createIndex('words', { config: Index.labelList() });

  for (const { files } of read(table).newest.indexes) {
    const { pages } = files[0] as ScalarFile;
    expect(pages.map(({ encoding }) => encoding)).toEqual(pages.map(() => ENCODING.sets));
    for (const { bytes } of pages.slice(0, -1)) expect(bytes).toBeGreaterThanOrEqual(2 ** 15);
    for (const { bytes } of pages) expect(bytes).toBeLessThan(2 ** 15 + 100);
    expect(pages.length).toBeGreaterThan(2);
  }
});

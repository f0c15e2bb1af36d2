// Tables, read by what docs/format.md says: which files there are, and the rows in them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  Table as ArrowTable,
  Dictionary,
  Field,
  FixedSizeBinary,
  Float32,
  Int32,
  makeData,
  makeVector,
  type RecordBatch,
  Utf8,
  Vector,
  vectorFromArray,
} from 'apache-arrow';
import { expect, test } from 'vitest';
import type { Table } from '../lib/index.js';
import { expectSameRows, temporaryTables } from './format/tables.js';

const fruit = (id: number) => ({ id, name: `fruit ${id % 3}`, price: id / 2, vector: [id, -id] });

const fruits = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => fruit(from + i));

/** A table to which everything was done that changes rows or columns, each as one version. */
async function lifeOfATable() {
  const tables = await temporaryTables();
  const table: Table = await tables.db.createTable('life', fruits(0, 100));
  await table.delete('id % 3 = 1');
  await table.update({ where: 'id < 30', values: { name: 'changed' } });
  const merge = table.mergeInsert('id').whenMatchedUpdateAll().whenNotMatchedInsertAll();
  await merge.execute(fruits(90, 110));
  await table.addColumns([{ name: 'twice', valueSql: 'price * 2' }]);
  await table.addColumns(new Field('note', new Utf8(), true));
  await table.add([{ ...fruit(200), twice: 400, note: 'new' }]);
  await table.alterColumns([{ path: 'name', rename: 'title', nullable: false }]);
  await table.alterColumns([{ path: 'price', dataType: new Float32() }]);
  await table.dropColumns(['twice']);
  await table.checkout(3);
  await table.restore();
  await table.add(fruits(300, 310), { mode: 'overwrite' });
  await table.add(fruits(310, 330));
  await table.delete('id < 310 OR id % 2 = 0');
  await table.optimize();
  return { ...tables, table };
}

test('every version of a table is read as it was, whatever came after it', async () => {
  const { table, read } = await lifeOfATable();

  const files = read(table);

  expect(files.versions.map(({ manifest }) => manifest.version)).toEqual(
    (await table.listVersions()).map(({ version }) => version),
  );
  expect(files.versions).toHaveLength(15);
  await expectSameRows(table, files);
});

test('a version knows when its columns changed or its rows were replaced, and the next row id', async () => {
  const { table, read } = await lifeOfATable();

  const manifests = read(table).versions.map(({ manifest }) => manifest);

  expect(manifests.map(({ generation }) => generation)).toEqual([
    1, 1, 1, 1, 5, 6, 6, 8, 9, 10, 11, 12, 12, 12, 12,
  ]);
  // A restored version gives no id again that came after it.
  expect(manifests.map(({ next_row_id }) => next_row_id)).toEqual([
    100, 100, 120, 140, 140, 140, 141, 141, 141, 141, 141, 151, 171, 171, 171,
  ]);
  expect(new Set(manifests.map(({ table_id }) => table_id)).size).toBe(1);
});

test('a column is where the segment says, and null where a row was deleted before it came', async () => {
  const { table, read } = await lifeOfATable();

  const { versions } = read(table);

  const inFirstSegment = versions.map(({ manifest, segments: [segment] }) => {
    const [{ parts, columns, unused_columns }] = manifest.segments;
    return { parts: parts?.length, columns, unused_columns, segment };
  });
  const [, , , before, twice, note, , renamed, altered, dropped] = inFirstSegment;
  expect(before).toMatchObject({ parts: undefined, columns: undefined });
  expect(twice.columns![4]).toEqual({ part: 1, column: 0 });
  expect(note.columns![5]).toBeNull();
  expect(renamed.columns).toEqual(note.columns);
  expect(altered).toMatchObject({ parts: 2, unused_columns: 1 });
  expect(altered.columns![2]).toEqual({ part: 2, column: 0 });
  // A part whose columns are all gone is no part any more.
  expect(dropped).toMatchObject({ parts: 1, unused_columns: 1 });
  const { columns, deleted } = twice.segment;
  expect(deleted.size).toBe(60);
  for (const place of deleted) expect(columns[4]!.get(place)).toBeNull();
});

test('batches and segments end where there is too much for one', async () => {
  const { db, read } = await temporaryTables();
  const shapeOf = (table: Table) =>
    read(table).newest.manifest.segments.map(({ rows, batches }) => [rows, ...new Set(batches)]);

  const many = new ArrowTable({ n: makeVector(new Int8Array(2 ** 20 + 3)) });
  expect(shapeOf(await db.createTable('many', many))).toEqual([
    [2 ** 20, 2 ** 16],
    [3, 3],
  ]);

  const type = new FixedSizeBinary(2 ** 20);
  const data = makeData({ type, length: 50, data: new Uint8Array(50 * type.byteWidth) });
  const large = new ArrowTable({ bytes: new Vector([data]) });
  expect(shapeOf(await db.createTable('large', large))).toEqual([[50, 32, 18]]);
});

test('a segment ends where the dictionary of a column changes', async () => {
  const { db, read } = await temporaryTables();
  const words = new Dictionary(new Utf8(), new Int32());
  const batches = ['red', 'green'].map(
    (word) =>
      new ArrowTable({ word: vectorFromArray(Array(2 ** 16).fill(word), words) }).batches[0],
  ) as RecordBatch[];

  const table = await db.createTable(
    'words',
    (async function* () {
      for (const batch of batches) yield new ArrowTable([batch]);
    })(),
  );

  const { newest } = read(table);
  expect(newest.segments.map(({ columns }) => columns[0]!.get(0))).toEqual(['red', 'green']);
});

test('rows that are gone, and ids with gaps, are sets of arrays, bitmaps and runs', async () => {
  const { db, read, pathOf } = await temporaryTables();
  const numbers = Int32Array.from({ length: 200_000 }, (_, i) => i);
  const table = await db.createTable('numbers', new ArrowTable({ n: makeVector(numbers) }));
  const isGone = [
    (n: number) => n < 60_000 && n % 3 === 0,
    (n: number) => n >= 65_536 && n < 165_536,
    (n: number) => n > 180_000 && n % 1000 === 1,
  ];
  await table.delete('n < 60000 AND n % 3 = 0');
  await table.delete('n >= 65536 AND n < 165536');
  await table.delete('n > 180000 AND n % 1000 = 1');
  await table.optimize();

  const { versions } = read(table);

  const left = (n: number) => !isGone.some((gone) => gone(n));
  const [, , , before, after] = versions.map(({ segments: [segment] }) => segment);
  expect([...before.deleted]).toEqual([...numbers].filter((n) => !left(n)));
  expect(after.deleted.size).toBe(0);
  expect(after.ids).toEqual([...numbers].filter(left));
  const { deletions } = versions[3].manifest.segments[0];
  const cookie = readFileSync(join(pathOf(table), deletions!.file.path)).readUInt32LE();
  expect(cookie & 0xffff).toBe(12347);
});

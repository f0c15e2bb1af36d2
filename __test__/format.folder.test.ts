// The files of a table and of a connection, by their names in docs/format.md.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Table as ArrowTable, makeVector } from 'apache-arrow';
import { expect, test } from 'vitest';
import { connect, Index } from '../lib/index.js';
import { rowsIn, temporaryTables } from './format/tables.js';
import { documentPath } from './format/version.js';
import { filesIn } from './support.js';

const numbers = (count: number) => new ArrowTable({ n: makeVector(new Int32Array(count)) });

test('versions are an unbroken series after a cleanup, and tagged ones are pinned', async () => {
  const { db, read, pathOf } = await temporaryTables();
  const table = await db.createTable('t', numbers(3));
  await table.add(numbers(4));
  const manifest = readFileSync(join(pathOf(table), documentPath('versions', 2)));
  const tags = await table.tags();
  await tags.create('second', 2);
  await tags.create('first', 1);
  await tags.update('first', 2);
  await tags.delete('first');
  for (let i = 0; i < 5; i++) await table.add(numbers(1));
  await table.delete('true');
  await table.optimize({ keepVersions: 3 });

  const files = read(table);

  expect(files.versions.map(({ manifest }) => manifest.version)).toEqual([6, 7, 8]);
  expect(files.newest.segments).toEqual([]);
  expect(files.tags).toEqual({ second: 2 });
  expect(readdirSync(join(pathOf(table), 'tags'))).toHaveLength(1);
  expect(readdirSync(join(pathOf(table), 'versions'))).toContain('00000000000000000006.oldest');
  // The copy of version 1, which has no tag any more, goes when it is a day old.
  expect(files.pinned.map(({ manifest }) => manifest.version)).toEqual([1, 2]);
  expect(rowsIn(files.pinned[1]!)).toHaveLength(7);
  expect(readFileSync(join(pathOf(table), documentPath('pinned', 2)))).toEqual(manifest);
  expect(files.unnamed).toEqual([]);
});

test('what is being written is in no version, and temporary names mean nothing', async () => {
  const { db, read, pathOf } = await temporaryTables();
  const table = await db.createTable('t', numbers(3));
  writeFileSync(join(pathOf(table), 'versions', '.tmp-00000000000000000002-x'), 'half of a ver');

  await table.add(
    (async function* () {
      yield numbers(2 ** 16);
      const { newest, unnamed } = read(table);
      expect(newest.manifest.version).toBe(1);
      expect(unnamed).toEqual([expect.stringMatching(/^data\/[-0-9a-f]{36}\.arrow$/)]);
      yield numbers(1);
    })(),
  );

  const { newest, unnamed } = read(table);
  expect(newest.manifest.version).toBe(2);
  expect(newest.manifest.segments.map(({ rows }) => rows)).toEqual([3, 2 ** 16 + 1]);
  expect(unnamed).toEqual([]);
});

test('a connection is a folder of tables, and a dropped one leaves nothing there', async () => {
  const { db, folder } = await temporaryTables();

  await db.createTable('Fruit_1.0-a', numbers(1));
  await db.createTable('gone', numbers(1));
  await db.dropTable('gone');

  expect(readdirSync(folder)).toEqual(['Fruit_1.0-a.quiver']);
});

test('memory:// is a folder of its own, with a lock in it', async () => {
  const name = 'a_table_of_the_format_test';
  const parents = ['/dev/shm', tmpdir()].filter((parent) => existsSync(parent));
  const db = await connect('memory://');
  await db.createTable(name, numbers(1));

  const homes = parents
    .flatMap((parent) => readdirSync(parent).map((child) => join(parent, child)))
    .filter((home) => existsSync(join(home, `${name}.quiver`)));

  expect(homes).toEqual([expect.stringMatching(/[/\\]quiverdb-memory-[^/\\]+$/)]);
  expect(readdirSync(homes[0]!).sort()).toEqual([`${name}.quiver`, 'lock']);
});

test('a byte that changes is noticed in whatever file it is', async () => {
  const { db, read, pathOf } = await temporaryTables();
  const rows = Array.from({ length: 50 }, (_, id) => ({ id, vector: [id, -id] }));
  const table = await db.createTable('t', rows);
  await table.createIndex('vector', {
    config: Index.ivfPq({ numPartitions: 2, numSubVectors: 1 }),
  });
  await table.createIndex('id');
  await table.delete('id % 2 = 1');
  await table.optimize();
  await table.addColumns([{ name: 'twice', valueSql: 'id * 2' }]);
  await (await table.tags()).create('tag', 1);
  const files = filesIn(pathOf(table));
  expect(new Set(files.map((file) => file.split(/[/\\]/)[0]))).toEqual(
    new Set(['data', 'deletions', 'indexes', 'pinned', 'row_ids', 'tags', 'versions']),
  );

  for (const file of files) {
    const path = join(pathOf(table), file);
    const bytes = readFileSync(path);
    for (const at of [0, Math.floor(bytes.length / 2), bytes.length - 1]) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      writeFileSync(path, changed);
      expect(() => read(table), `${file} at ${at}`).toThrow();
    }
    writeFileSync(path, bytes);
  }
  expect(read(table).newest.manifest.version).toBe(await table.version());
});

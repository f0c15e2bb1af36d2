// Earlier versions and tags.
import { expect, test } from 'vitest';
import { rejection, temporaryConnection } from './support.js';

async function threeVersions() {
  const db = await temporaryConnection();
  const table = await db.createTable('t', [{ id: 1, vector: [1, 1] }]);
  await table.add([{ id: 2, vector: [2, 2] }]);
  await table.delete('id = 1');
  return { db, table };
}

const ids = async (table: { query(): { toArray(): Promise<any[]> } }) =>
  (await table.query().toArray()).map((row) => row.id);

test('versions are listed in order, with times and numbers of rows', async () => {
  const { table } = await threeVersions();

  const versions = await table.listVersions();

  expect(versions.map((version) => version.version)).toEqual([1, 2, 3]);
  expect(versions.map((version) => version.metadata.total_rows)).toEqual(['1', '2', '1']);
  expect(versions[0]!.timestamp.getTime()).toBeLessThanOrEqual(versions[2]!.timestamp.getTime());
  expect(Date.now() - versions[2]!.timestamp.getTime()).toBeLessThan(60_000);
});

test('a checked-out version shows its rows, and cannot be changed', async () => {
  const { table } = await threeVersions();

  await table.checkout(2);

  expect(await table.version()).toBe(2);
  expect(await ids(table)).toEqual([1, 2]);
  expect((await table.search([1, 1]).limit(1).toArray())[0]!.id).toBe(1);
  for (const write of [
    () => table.add([{ id: 3, vector: [3, 3] }]),
    () => table.delete('true'),
    () => table.update({ values: { id: 1 } }),
    () => table.createIndex('vector'),
  ]) {
    const error = await rejection(write());
    expect(error.code).toBe('READ_ONLY');
    expect(error.message).toMatch(/version 2 is checked out.*checkoutLatest/);
  }

  await table.checkoutLatest();
  expect(await ids(table)).toEqual([2]);
  await table.add([{ id: 3, vector: [3, 3] }]);
  expect(await table.version()).toBe(4);
});

test('checking out pins one handle and not the others', async () => {
  const { db, table } = await threeVersions();
  const other = await db.openTable('t');

  await table.checkout(1);
  await other.add([{ id: 9, vector: [9, 9] }]);

  expect(await ids(table)).toEqual([1]);
  expect(await ids(other)).toEqual([2, 9]);
});

test('restore makes the checked-out version the newest one', async () => {
  const { table } = await threeVersions();
  await table.checkout(1);

  await table.restore();

  expect(await table.version()).toBe(4);
  expect(await ids(table)).toEqual([1]);
  await table.add([{ id: 5, vector: [5, 5] }]);
  const rows = await table.query().withRowId().toArray();
  expect(rows.map((row) => Number(row._rowid))).toEqual([0, 2]);
  expect((await rejection(table.restore())).message).toMatch(/call checkout first/);
});

test('a restored row is found by an index that was built while it was gone', async () => {
  const { table } = await threeVersions();
  await table.createIndex('vector');
  await table.checkout(2);
  await table.restore();

  expect((await table.search([1, 1]).limit(1).toArray())[0]!.id).toBe(1);
  expect(await table.listIndices()).toEqual([]);
});

test('tags name versions, and can be listed, moved and deleted', async () => {
  const { table } = await threeVersions();
  const tags = await table.tags();

  await tags.create('before', 2);
  await tags.create('v1.0', 1);
  expect(await tags.getVersion('before')).toBe(2);
  expect(await tags.list()).toEqual({
    before: { version: 2, manifestSize: expect.any(Number) },
    'v1.0': { version: 1, manifestSize: expect.any(Number) },
  });
  await table.checkout('before');
  expect(await ids(table)).toEqual([1, 2]);
  await table.checkoutLatest();
  await tags.update('before', 1);
  expect(await tags.getVersion('before')).toBe(1);
  await tags.delete('before');
  expect(Object.keys(await tags.list())).toEqual(['v1.0']);
  expect(await table.version()).toBe(3);
});

test('what is wrong with a version or a tag is an error that names it', async () => {
  const { table } = await threeVersions();
  const tags = await table.tags();
  await tags.create('stable', 1);
  const code = async (promise: Promise<unknown>) => (await rejection(promise)).code;

  expect(await code(table.checkout(7))).toBe('VERSION_NOT_FOUND');
  expect((await rejection(table.checkout(7))).message).toMatch(/version 7.*1 to 3/);
  expect((await rejection(table.checkout('stabel'))).message).toMatch(/did you mean 'stable'/);
  expect(await code(tags.create('stable', 2))).toBe('TAG_EXISTS');
  expect(await code(tags.create('new', 99))).toBe('VERSION_NOT_FOUND');
  expect(await code(tags.update('nope', 1))).toBe('TAG_NOT_FOUND');
  expect(await code(tags.delete('nope'))).toBe('TAG_NOT_FOUND');
  expect(await code(tags.create('a/b', 1))).toBe('INVALID_ARGUMENT');
  expect(await code(table.checkout(0))).toBe('INVALID_ARGUMENT');
});

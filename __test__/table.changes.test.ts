// Deleting, updating and merging rows.
import { expect, test } from 'vitest';
import { Index } from '../lib/index.js';
import { ladder, rejection, temporaryConnection } from './support.js';

async function shop() {
  const db = await temporaryConnection();
  return db.createTable('shop', [
    { id: 1, name: 'apple', price: 1, vector: [1, 0] },
    { id: 2, name: 'lemon', price: 2, vector: [0, 1] },
    { id: 3, name: 'cherry', price: 3, vector: [1, 1] },
  ]);
}

const names = (rows: Array<Record<string, any>>) => rows.map((row) => row.name);

test('delete says how many rows went and in which version', async () => {
  const table = await shop();

  expect(await table.delete('price >= 2')).toEqual({ numDeletedRows: 2, version: 2 });
  expect(await table.delete("name = 'nothing'")).toEqual({ numDeletedRows: 0, version: 2 });
  expect(names(await table.query().toArray())).toEqual(['apple']);
  expect(await table.countRows()).toBe(1);
});

test('a deleted row comes back from no search, with or without an index', async () => {
  const db = await temporaryConnection();
  const table = await db.createTable('t', ladder(300));
  await table.createIndex('vector', { config: Index.ivfPq({ numPartitions: 4 }) });
  await table.delete("id IN ('7', '8')");

  for (const query of [
    table.search([7, 7, 7, 7]),
    table.search([7, 7, 7, 7]).bypassVectorIndex(),
    table.search([7, 7, 7, 7]).where("id != '5'"),
    table.search([7, 7, 7, 7]).refineFactor(0),
  ]) {
    const ids = (await query.limit(4).toArray()).map((row) => row.id);
    expect(ids).toHaveLength(4);
    expect(ids).not.toContain('7');
    expect(ids).not.toContain('8');
  }
  expect((await table.listIndices())[0]).toMatchObject({
    numIndexedRows: 298,
    numUnindexedRows: 0,
  });
});

test('delete, update and mergeInsert take the conditions that where takes', async () => {
  const table = await shop();
  const rows = async () =>
    (await table.query().orderBy({ columnName: 'id' }).toArray()).map(({ id, price }) => [
      id,
      price,
    ]);

  await table.delete({ name: { startsWith: 'app' } });
  await table.delete('price IN (?)', [[7, 8]]);
  await table.update({ where: { id: 2 }, values: { price: 20 } });
  await table.update({ where: 'name = ?', parameters: ['cherry'], valuesSql: { price: '30' } });
  await table.update({ price: 'price + 1' }, { where: { price: { gte: 30 } } });
  expect(await rows()).toEqual([
    [2, 20],
    [3, 31],
  ]);

  const merge = (price: number) => [{ id: 3, name: 'cherry', price, vector: [1, 1] }];
  const larger = { where: { target: { price: { lt: 40 } }, source: { price: { gt: 40 } } } };
  await table.mergeInsert('id').whenMatchedUpdateAll(larger).execute(merge(39));
  await table.mergeInsert('id').whenMatchedUpdateAll(larger).execute(merge(50));
  await table
    .mergeInsert('id')
    .whenNotMatchedBySourceDelete({ where: 'price < ?', parameters: [25] })
    .execute(merge(0));
  expect(await rows()).toEqual([[3, 50]]);

  const lost = await rejection(table.update({ parameters: [1], values: { price: 1 } } as any));
  expect(lost.code).toBe('INVALID_ARGUMENT');
  expect(lost.message).toContain('parameters were given without where');
});

test('a filter that was asked before lets no row through that went meanwhile', async () => {
  const table = await shop();
  const found = () =>
    table
      .query()
      .where({ price: { gte: 2 } })
      .nearestTo([0, 1])
      .toArray();

  expect(names(await found())).toEqual(['lemon', 'cherry']);
  await table.delete({ name: 'lemon' });
  await table.update({ where: { id: 1 }, values: { price: 9 } });
  expect(names(await found()).sort()).toEqual(['apple', 'cherry']);
});

test('update takes values, SQL, and a map of SQL', async () => {
  const table = await shop();

  const values = await table.update({ where: 'id = 1', values: { name: 'pear', vector: [5, 5] } });
  const sql = await table.update({ where: 'id = 2', valuesSql: { price: 'price * 10' } });
  const map = await table.update(new Map([['name', "upper(name) || '!'"]]), { where: 'id = 3' });
  const all = await table.update({ price: 'price + 1' });

  expect([values, sql, map, all]).toEqual([
    { rowsUpdated: 1, version: 2 },
    { rowsUpdated: 1, version: 3 },
    { rowsUpdated: 1, version: 4 },
    { rowsUpdated: 3, version: 5 },
  ]);
  const rows = (await table.query().toArray()).sort((a, b) => a.id - b.id);
  expect(rows.map((row) => [row.name, row.price])).toEqual([
    ['pear', 2],
    ['lemon', 21],
    ['CHERRY!', 4],
  ]);
  expect((await table.search([5, 5]).limit(1).toArray())[0]!.name).toBe('pear');
});

test('update sets null, text with quotes, and columns of another case', async () => {
  const table = await shop();

  await table.update({ where: 'id = 1', values: { NAME: "it's", price: null } });

  const [row] = await table.query().where('id = 1').toArray();
  expect(row).toMatchObject({ name: "it's", price: null });
});

test('what is wrong with an update is an error that names it', async () => {
  const table = await shop();
  const message = async (promise: Promise<unknown>) => (await rejection(promise)).message;

  expect(await message(table.update({ values: {} }))).toMatch(/at least one column/);
  expect(await message(table.update({ values: { prise: 1 } }))).toMatch(/did you mean 'price'/);
  expect(await message(table.update({ values: { vector: [1, 2, 3] } }))).toMatch(/vector/);
  expect(await message(table.update({ price: 'nope + 1' }))).toMatch(/nope/);
  expect(await message(table.update({ values: { price: 1 }, wher: 'x' } as any))).toMatch(/wher/);
  expect((await rejection(table.update(7 as any))).code).toBe('INVALID_ARGUMENT');
  expect(await table.version()).toBe(1);
});

test('mergeInsert updates what matches and inserts what does not', async () => {
  const table = await shop();

  const result = await table
    .mergeInsert('id')
    .whenMatchedUpdateAll()
    .whenNotMatchedInsertAll()
    .execute([
      { id: 3, name: 'grape', price: 9, vector: [2, 2] },
      { id: 4, name: 'fig', price: 4, vector: [3, 3] },
    ]);

  expect(result).toEqual({
    version: 2,
    numInsertedRows: 1,
    numUpdatedRows: 1,
    numDeletedRows: 0,
    numAttempts: 1,
    numRows: 2,
  });
  expect(names(await table.query().toArray())).toEqual(['apple', 'lemon', 'grape', 'fig']);
});

test('mergeInsert has conditions, and deletes what the data lacks', async () => {
  const table = await shop();
  const data = [
    { id: 1, name: 'cheaper', price: 0.5, vector: [0, 0] },
    { id: 2, name: 'dearer', price: 20, vector: [0, 0] },
  ];

  const result = await table
    .mergeInsert(['id'])
    .whenMatchedUpdateAll({ where: 'source.price < target.price' })
    .whenNotMatchedBySourceDelete({ where: 'price > 1' })
    .execute(data);

  expect(result).toMatchObject({ numUpdatedRows: 1, numDeletedRows: 1, numInsertedRows: 0 });
  expect(names(await table.query().toArray())).toEqual(['lemon', 'cheaper']);
});

test('what is wrong with a merge is an error that names it', async () => {
  const table = await shop();
  const row = { id: 1, name: 'a', price: 1, vector: [0, 0] };
  const upsert = (on: string | string[]) =>
    table.mergeInsert(on).whenMatchedUpdateAll().whenNotMatchedInsertAll();

  expect((await rejection(upsert('idd').execute([row]))).code).toBe('COLUMN_NOT_FOUND');
  expect((await rejection(upsert('id').execute([row, row]))).message).toMatch(
    /rows 0 and 1 both have the key \(1\.0\)/,
  );
  expect((await rejection(table.mergeInsert('id').execute([row]))).message).toMatch(
    /not told what to do/,
  );
  expect(() => table.mergeInsert([])).toThrow(/the name of a column/);
  expect((await rejection(upsert('id').execute([{ ...row, vector: [1] }]))).code).toBe(
    'INVALID_DATA',
  );
  expect(await table.version()).toBe(1);
});

test('concurrent upserts of one key leave one row', async () => {
  const table = await shop();

  const upserts = Array.from({ length: 10 }, (_, i) =>
    table
      .mergeInsert('id')
      .whenMatchedUpdateAll()
      .whenNotMatchedInsertAll()
      .execute([{ id: 77, name: `writer ${i}`, price: i, vector: [i, i] }]),
  );
  const results = await Promise.all(upserts);

  expect(await table.countRows('id = 77')).toBe(1);
  expect(results.reduce((sum, result) => sum + result.numInsertedRows, 0)).toBe(1);
});

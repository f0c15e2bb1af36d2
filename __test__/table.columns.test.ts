// Adding, altering and dropping columns.
import { Field, FixedSizeList, Float16, Float32, Int32, Schema, Utf8 } from 'apache-arrow';
import { expect, test } from 'vitest';
import { Index } from '../lib/index.js';
import { ladder, rejection, temporaryConnection } from './support.js';

/** A table whose columns change, so that its rows are not typed by the first. */
async function shop() {
  const db = await temporaryConnection();
  return db.createTable<Record<string, any>>('shop', [
    { id: 1, name: 'apple', price: 1.5, vector: [1, 0] },
    { id: 2, name: 'lemon', price: 2, vector: [0, 1] },
  ]);
}

const columns = async (table: Awaited<ReturnType<typeof shop>>) =>
  (await table.schema()).fields.map((field) => field.name);

test('addColumns computes values, and adds empty columns for fields and schemas', async () => {
  const table = await shop();

  expect(
    await table.addColumns([
      { name: 'double', valueSql: 'price * 2' },
      { name: 'shout', valueSql: 'upper(name)' },
    ]),
  ).toEqual({ version: 2 });
  await table.addColumns(new Field('note', new Utf8(), true));
  await table.addColumns([{ name: 'stars', type: 'int32' }]);
  await table.addColumns(new Schema([new Field('other', new Int32(), true)]));

  expect(
    await table
      .query()
      .where('id = 2')
      .select(['double', 'shout', 'note', 'stars', 'other'])
      .toArray(),
  ).toEqual([{ double: 4, shout: 'LEMON', note: null, stars: null, other: null }]);
  await table.add([{ id: 3, name: 'fig', price: 3, vector: [1, 1], stars: 5 }]);
  expect(await table.countRows({ stars: 5, double: null })).toBe(1);
  expect(await table.version()).toBe(6);
});

test('alterColumns renames, casts, and sets whether nulls are allowed', async () => {
  const table = await shop();

  await table.alterColumns([
    { path: 'name', rename: 'title', nullable: false },
    { path: 'price', dataType: new Float32() },
    { path: 'id', dataType: 'BIGINT' },
  ]);

  expect(await columns(table)).toEqual(['id', 'title', 'price', 'vector']);
  const [id, title, price] = (await table.schema()).fields;
  expect([String(id!.type), String(price!.type), title!.nullable]).toEqual([
    'Int64',
    'Float32',
    false,
  ]);
  expect((await rejection(table.add([{ id: 3, vector: [1, 1] }]))).code).toBe('INVALID_DATA');
  const misfit = await rejection(table.alterColumns([{ path: 'price', dataType: 'int32' }]));
  expect(misfit.code).toBe('INVALID_DATA');
  expect(misfit.message).toContain('price');
});

test('an index follows its column to another name, and goes when its type does', async () => {
  const db = await temporaryConnection();
  const table = await db.createTable('t', ladder(300));
  await table.createIndex('vector', { config: Index.ivfFlat({ numPartitions: 4 }) });

  await table.alterColumns([{ path: 'vector', rename: 'embedding' }]);

  expect((await table.listIndices())[0]).toMatchObject({ columns: ['embedding'] });
  expect((await table.search([7, 7, 7, 7]).limit(1).toArray())[0]).toMatchObject({ id: '7' });
  const item = new Field('item', new Float16(), true);
  await table.alterColumns([{ path: 'embedding', dataType: new FixedSizeList(4, item) }]);
  expect(await table.listIndices()).toEqual([]);
  expect((await table.search([7, 7, 7, 7]).limit(1).toArray())[0]).toMatchObject({ id: '7' });
});

test('dropColumns takes columns away, and an earlier version still has them', async () => {
  const table = await shop();

  expect(await table.dropColumns(['name', 'price'])).toEqual({ version: 2 });

  expect(await columns(table)).toEqual(['id', 'vector']);
  expect(await table.query().select(['id']).toArray()).toEqual([{ id: 1 }, { id: 2 }]);
  await table.checkout(1);
  expect(await table.query().select(['name']).toArray()).toEqual([
    { name: 'apple' },
    { name: 'lemon' },
  ]);
});

test.each<[string, (table: Awaited<ReturnType<typeof shop>>) => Promise<unknown>, string, string]>([
  [
    'a name that is taken',
    (t) => t.addColumns([{ name: 'id', valueSql: '1' }]),
    'COLUMN_EXISTS',
    "'id'",
  ],
  ['no column', (t) => t.addColumns([]), 'INVALID_ARGUMENT', 'at least one'],
  [
    'an unknown column in SQL',
    (t) => t.addColumns([{ name: 'x', valueSql: 'pric' }]),
    'COLUMN_NOT_FOUND',
    'price',
  ],
  [
    'a field that allows no nulls',
    (t) => t.addColumns(new Field('x', new Int32(), false)),
    'INVALID_ARGUMENT',
    'nullable',
  ],
  [
    'an alteration of nothing',
    (t) => t.alterColumns([{ path: 'id' }]),
    'INVALID_ARGUMENT',
    'rename, nullable or dataType',
  ],
  [
    'an unknown column to alter',
    (t) => t.alterColumns([{ path: 'nme', rename: 'x' }]),
    'COLUMN_NOT_FOUND',
    "'name'",
  ],
  [
    'an unknown type',
    (t) => t.alterColumns([{ path: 'id', dataType: 'nonsense' }]),
    'UNSUPPORTED_SQL',
    'nonsense',
  ],
  [
    'an unknown option',
    (t) => t.alterColumns([{ path: 'id', renam: 'x' } as any]),
    'INVALID_ARGUMENT',
    'rename',
  ],
  ['an unknown column to drop', (t) => t.dropColumns(['x', 'id']), 'COLUMN_NOT_FOUND', "'x'"],
  [
    'all columns to drop',
    (t) => t.dropColumns(['id', 'name', 'price', 'vector']),
    'INVALID_ARGUMENT',
    'at least one',
  ],
])('refuses %s', async (_, change, code, message) => {
  const table = await shop();

  const error = await rejection(change(table));

  expect(error.code).toBe(code);
  expect(error.message.toLowerCase()).toContain(message.toLowerCase());
  expect(await table.version()).toBe(1);
});

import {
  Bool,
  Field,
  FixedSizeList,
  Float32,
  Float64,
  Int32,
  List,
  Schema,
  TimestampMillisecond,
  Utf8,
} from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import { connect, Index, type Table } from '../lib/index.js';
import { filesIn, rejection, temporaryConnection, temporaryFolder } from './support.js';

interface Fruit {
  id: number;
  name: string;
  price: number | null;
  ripe: boolean;
  picked: Date;
  tags: string[] | null;
  vector: number[];
}

const SCHEMA = new Schema([
  new Field('id', new Int32()),
  new Field('name', new Utf8()),
  new Field('price', new Float64(), true),
  new Field('ripe', new Bool()),
  new Field('picked', new TimestampMillisecond()),
  new Field('tags', new List(new Field('item', new Utf8(), true)), true),
  new Field('vector', new FixedSizeList(2, new Field('item', new Float32(), true))),
]);

const COLOURS = ['red', 'green', 'yellow'];

function fruit(id: number): Fruit {
  return {
    id,
    name: `fruit ${id % 100}`,
    price: id % 10 === 0 ? null : id / 10,
    ripe: id % 3 === 0,
    picked: new Date(Date.UTC(2024, 0, 1 + (id % 50))),
    tags: id % 7 === 0 ? null : COLOURS.slice(0, id % 4),
    vector: [Math.sin(id), Math.cos(id)],
  };
}

/** `count` fruits, of whose columns all but `id` and `vector` have an index. */
async function fruits(count = 1000): Promise<Table> {
  const db = await connect('memory://');
  const rows = Array.from({ length: count }, (_, id) => fruit(id));
  const table = await db.createTable('fruits', rows as any, { schema: SCHEMA });
  await table.createIndex('price');
  await table.createIndex('name', { config: Index.btree() });
  await table.createIndex('ripe', { config: Index.bitmap() });
  await table.createIndex('picked', { config: Index.bitmap() });
  await table.createIndex('tags', { config: Index.labelList() });
  return table;
}

async function ids(table: Table, filter: string): Promise<number[]> {
  return (await table.query().where(filter).select(['id']).toArray()).map((row) => row.id);
}

function expected(matches: (row: Fruit) => boolean, count = 1000): number[] {
  return Array.from({ length: count }, (_, id) => fruit(id))
    .filter(matches)
    .map((row) => row.id);
}

describe('scalar indexes', () => {
  const has = (row: Fruit, tag: string) => row.tags?.includes(tag) ?? false;
  const questions: [string, (row: Fruit) => boolean][] = [
    ['price = 3.3', (row) => row.price === 3.3],
    ['price < 5', (row) => row.price !== null && row.price < 5],
    [
      'price BETWEEN 10 AND 20.5',
      (row) => row.price !== null && row.price >= 10 && row.price <= 20.5,
    ],
    ['price IN (0.1, 0.2, 99.9, 500)', (row) => [0.1, 0.2, 99.9].includes(row.price as number)],
    ['price IS NULL', (row) => row.price === null],
    ['NOT (price >= 5)', (row) => row.price !== null && row.price < 5],
    ["name = 'fruit 7'", (row) => row.name === 'fruit 7'],
    ["name LIKE 'fruit 9%'", (row) => row.name.startsWith('fruit 9')],
    ["name LIKE 'fruit 9%1'", (row) => row.name === 'fruit 91'],
    ["name >= 'fruit 98'", (row) => row.name >= 'fruit 98'],
    ['ripe AND price < 5', (row) => row.ripe && row.price !== null && row.price < 5],
    ['NOT ripe AND price < 5', (row) => !row.ripe && row.price !== null && row.price < 5],
    ["picked = '2024-01-03'", (row) => row.id % 50 === 2],
    ["array_has(tags, 'yellow')", (row) => has(row, 'yellow')],
    ["NOT array_has(tags, 'red')", (row) => row.tags !== null && !has(row, 'red')],
    ["array_has_any(tags, ['green', 'blue'])", (row) => has(row, 'green')],
    ["array_has_all(tags, ['red', 'green'])", (row) => has(row, 'green')],
    [
      'price < 2 OR tags IS NULL',
      (row) => row.tags === null || (row.price !== null && row.price < 2),
    ],
    ['price < 5 AND id % 2 = 0', (row) => row.price !== null && row.price < 5 && row.id % 2 === 0],
  ];

  test('find the rows that a scan finds, and the plan says that they do', async () => {
    const table = await fruits();
    for (const [filter, matches] of questions) {
      expect(await ids(table, filter), filter).toEqual(expected(matches));
      expect(await table.countRows(filter), filter).toBe(expected(matches).length);
      expect(await table.query().where(filter).explainPlan(), filter).toContain('ScalarIndex: ');
    }
  });

  test('stay right while rows come and go', async () => {
    const table = await fruits(500);
    await table.add(Array.from({ length: 500 }, (_, i) => fruit(500 + i)) as any);
    await table.delete('id % 5 = 1');
    for (const [filter, matches] of questions) {
      const left = expected((row) => row.id % 5 !== 1 && matches(row));
      expect(await ids(table, filter), filter).toEqual(left);
    }
    await table.optimize();
    for (const [filter, matches] of questions) {
      const left = expected((row) => row.id % 5 !== 1 && matches(row));
      expect(await ids(table, filter), filter).toEqual(left);
    }
  });

  test('serve filtered searches', async () => {
    const table = await fruits();
    const search = table.search([0, 1]).where("price < 5 AND array_has(tags, 'green')").limit(1000);

    const analyzed = await search.analyzePlan();
    const found = (await search.toArray()).map((row) => row.id).sort((a, b) => a - b);

    const matches = (row: Fruit) => row.price !== null && row.price < 5 && has(row, 'green');
    expect(found).toEqual(expected(matches));
    expect(analyzed).toMatch(/filter: output_rows=\d+ predicate=.* indexed/);
  });

  test('are chosen by the type of the column, listed and dropped', async () => {
    const db = await temporaryConnection();
    const table = await db.createTable('fruits', [fruit(1), fruit(2)] as any, { schema: SCHEMA });
    for (const column of ['price', 'ripe', 'picked', 'tags']) await table.createIndex(column);

    const listed = (await table.listIndices()).map(({ name, indexType, columns }) => [
      name,
      indexType,
      columns,
    ]);
    expect(listed).toEqual([
      ['price_idx', 'BTree', ['price']],
      ['ripe_idx', 'BTree', ['ripe']],
      ['picked_idx', 'BTree', ['picked']],
      ['tags_idx', 'LabelList', ['tags']],
    ]);
    await table.add([fruit(3)] as any);
    expect(await table.indexStats('price_idx')).toMatchObject({
      indexType: 'BTREE',
      numIndexedRows: 2,
      numUnindexedRows: 1,
      details: { distinctValues: 2, rowsWithoutValue: 0 },
    });
    expect(await table.indexStats('price_idx')).not.toHaveProperty('distanceType');
    const exists = await rejection(table.createIndex('price', { replace: false }));
    expect(exists.code).toBe('INDEX_EXISTS');
    await table.createIndex('price', { config: Index.bitmap() });
    expect((await table.indexStats('price_idx'))?.indexType).toBe('BITMAP');
    await table.dropIndex('price_idx');
    expect(await table.indexStats('price_idx')).toBeUndefined();
    expect(await table.query().where('price > 0').explainPlan()).not.toContain('ScalarIndex');
  });

  test('say which columns they are for', async () => {
    const table = await fruits(10);

    const list = await rejection(table.createIndex('tags', { config: Index.btree() }));
    expect(list).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(list.message).toMatch(/'tags'.*Index\.labelList\(\)/);
    const single = await rejection(table.createIndex('price', { config: Index.labelList() }));
    expect(single.message).toMatch(/'price' of type Float64.*lists/);
    const vector = await rejection(table.createIndex('vector', { config: Index.bitmap() }));
    expect(vector.message).toMatch(/Index\.ivfPq\(\)/);
    expect((await rejection(table.createIndex('prize'))).message).toContain("'price'");
  });

  test('report progress, and leave nothing when they are cancelled', async () => {
    const folder = temporaryFolder();
    const db = await connect(folder);
    const rows = Array.from({ length: 20_000 }, (_, id) => fruit(id));
    const table = await db.createTable('fruits', rows as any, { schema: SCHEMA });
    const stages = new Set<string>();

    await table.createIndex('name', { onProgress: ({ stage }) => stages.add(stage) });
    expect([...stages]).toEqual(['sort', 'write']);
    const before = filesIn(folder).length;
    const controller = new AbortController();
    const build = table.createIndex('price', {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    expect((await rejection(build)).code).toBe('CANCELLED');
    expect(filesIn(folder)).toHaveLength(before);
    expect(await table.listIndices()).toHaveLength(1);
  });
});

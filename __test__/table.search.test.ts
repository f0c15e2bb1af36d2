import * as arrow from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import { Index, type Table } from '../lib/index.js';
import { ladder, randomNumbers, rejection, temporaryConnection } from './support.js';

/** Rows 0 to 9 at [0, 0], [1, 0], [2, 0] …, each with a few other columns. */
async function tenRows(): Promise<Table> {
  const db = await temporaryConnection();
  const rows = Array.from({ length: 10 }, (_, i) => ({
    id: i,
    name: `row ${i}`,
    vector: [i, 0],
    parity: i % 2 === 0 ? 'even' : 'odd',
    meta: { half: i / 2 },
  }));
  return db.createTable('t', rows);
}

async function ids(query: { toArray(): Promise<any[]> }): Promise<number[]> {
  return (await query.toArray()).map((row) => row.id);
}

/** Rows with random vectors. */
function cloud(rows: number, dim: number) {
  const next = randomNumbers(7);
  return Array.from({ length: rows }, (_, id) => ({
    id,
    vector: Float32Array.from({ length: dim }, () => next() - 0.5),
  }));
}

describe('Table.search', () => {
  test('returns the nearest rows first, whole, with their distance last', async () => {
    const table = await tenRows();

    const rows = await table.search([2.2, 0]).limit(2).toArray();

    expect(rows).toEqual([
      {
        id: 2,
        name: 'row 2',
        vector: Float32Array.of(2, 0),
        parity: 'even',
        meta: { half: 1 },
        _distance: expect.closeTo(0.04),
      },
      {
        id: 3,
        name: 'row 3',
        vector: Float32Array.of(3, 0),
        parity: 'odd',
        meta: { half: 1.5 },
        _distance: expect.closeTo(0.64),
      },
    ]);
    expect(Object.keys(rows[0]!)).toEqual(['id', 'name', 'vector', 'parity', 'meta', '_distance']);
  });

  test('returns ten rows by default', async () => {
    const db = await temporaryConnection();
    const table = await db.createTable('t', ladder(30));

    expect(await table.search([0, 0, 0, 0]).toArray()).toHaveLength(10);
    expect(await table.query().toArray()).toHaveLength(30);
  });

  test('is the same as vectorSearch and as query().nearestTo', async () => {
    const table = await tenRows();
    const expected = await table.search([5, 1]).limit(3).toArray();

    expect(await table.vectorSearch([5, 1]).limit(3).toArray()).toEqual(expected);
    expect(
      await table
        .query()
        .limit(3)
        .nearestTo(Promise.resolve([5, 1]))
        .toArray(),
    ).toEqual(expected);
    expect(await table.search(Float64Array.of(5, 1), 'vector').limit(3).toArray()).toEqual(
      expected,
    );
  });

  test('puts rows at the same distance in their order', async () => {
    const db = await temporaryConnection();
    const table = await db.createTable(
      't',
      [3, 1, 2, 0].map((id) => ({ id, vector: [1, 1] })),
    );

    expect(await ids(table.search([0, 0]))).toEqual([3, 1, 2, 0]);
  });

  test('pages with offset', async () => {
    const table = await tenRows();

    expect(await ids(table.search([0, 0]).limit(3).offset(2))).toEqual([2, 3, 4]);
    expect(await ids(table.search([0, 0]).limit(3).offset(9))).toEqual([9]);
    expect(await ids(table.query().limit(2).offset(4))).toEqual([4, 5]);
  });

  test('knows four distances', async () => {
    const db = await temporaryConnection();
    const table = await db.createTable('t', [{ vector: [3, 4] }, { vector: [0, 0] }]);
    const distances = async (type: any) =>
      (await table.search([1, 0]).distanceType(type).toArray()).map((row) => row._distance);

    expect(await distances('l2')).toEqual([1, 20]);
    expect(await distances('dot')).toEqual([-2, 1]);
    expect(await distances('cosine')).toEqual([expect.closeTo(0.4)]);

    const bytes = await db.createTable('bytes', [{ bits: Uint8Array.of(0b1010, 255) }]);
    const [row] = await bytes.search([0b0110, 255]).distanceType('hamming').toArray();
    expect(row!._distance).toBe(2);
  });

  test('leaves out rows without a vector, and with zeros where direction counts', async () => {
    const db = await temporaryConnection();
    const table = await db.createTable('t', [
      { id: 0, vector: null },
      { id: 1, vector: [0, 0] },
      { id: 2, vector: [9, 9] },
    ]);

    expect(await ids(table.search([0, 1]))).toEqual([1, 2]);
    expect(await ids(table.search([0, 1]).distanceType('cosine'))).toEqual([2]);
  });

  test('returns only distances in the range, lower bound included', async () => {
    const table = await tenRows();

    expect(await ids(table.search([0, 0]).distanceRange(4, 25))).toEqual([2, 3, 4]);
    expect(await ids(table.search([0, 0]).distanceRange(undefined, 4))).toEqual([0, 1]);
    expect(await ids(table.search([0, 0]).distanceRange(49))).toEqual([7, 8, 9]);
  });

  test('filters before it searches, or after', async () => {
    const table = await tenRows();

    expect(await ids(table.search([0, 0]).where("parity = 'odd'").limit(3))).toEqual([1, 3, 5]);
    expect(await ids(table.search([0, 0]).where('id > 2').where('id < 5'))).toEqual([3, 4]);
    expect(await ids(table.search([0, 0]).where("parity = 'odd'").postfilter().limit(3))).toEqual([
      1,
    ]);
    expect(await ids(table.search([0, 0]).where('meta.half = 2'))).toEqual([4]);
    expect(await ids(table.query().where('"parity" = "odd" AND `id` > 6'))).toEqual([7, 9]);
    expect(await table.countRows("parity = 'odd'")).toBe(5);
  });

  test('adds the row id when asked, and finds rows by it again', async () => {
    const table = await tenRows();

    const [row] = await table.search([7, 0]).select('id').withRowId().limit(1).toArray();

    expect(row).toEqual({ id: 7, _distance: 0, _rowid: expect.any(BigInt) });
    expect(await ids(table.takeRowIds([row!._rowid]))).toEqual([7]);
  });

  test('searches the column that fits, or the one that is named', async () => {
    const db = await temporaryConnection();
    const table = await db.createTable('t', [
      { id: 0, a: Float32Array.of(0, 0), b: Float32Array.of(9, 9), c: Float32Array.of(1, 2, 3) },
      { id: 1, a: Float32Array.of(9, 9), b: Float32Array.of(0, 0), c: Float32Array.of(1, 2, 4) },
    ]);

    expect(await ids(table.search([1, 2, 4]))).toEqual([1, 0]);
    expect(await ids(table.search([0, 0]).column('a'))).toEqual([0, 1]);
    expect(await ids(table.search([0, 0]).column('b'))).toEqual([1, 0]);
    expect((await rejection(table.search([0, 0]).toArray())).message).toMatch(/'?a'?.*'?b'?/);
  });

  test('searches for several vectors at once', async () => {
    const table = await tenRows();

    const rows = await table
      .search([
        [0, 0],
        [9, 0],
      ])
      .select('id')
      .limit(2)
      .toArray();

    expect(Object.keys(rows[0]!)).toEqual(['query_index', 'id', '_distance']);
    const found = rows.map((row: any) => [row.query_index, row.id]);
    expect(found).toEqual([
      [0, 0],
      [0, 1],
      [1, 9],
      [1, 8],
    ]);
    const added = await table.search([0, 0]).addQueryVector([9, 0]).select('id').limit(2).toArray();
    expect(added).toEqual(rows);
  });

  test.each<[string, (table: Table) => { toArray(): Promise<any> }, string, string]>([
    ['a vector of the wrong length', (t) => t.search([0]), 'DIMENSION_MISMATCH', '1'],
    ['several of the wrong length', (t) => t.search([[0], [1]]), 'DIMENSION_MISMATCH', '1'],
    [
      'a column that is not there',
      (t) => t.search([0, 0]).column('vektor'),
      'COLUMN_NOT_FOUND',
      "did you mean 'vector'?",
    ],
    [
      'a column without vectors',
      (t) => t.search([0, 0]).column('name'),
      'INVALID_ARGUMENT',
      'name',
    ],
    [
      'an unknown column to select',
      (t) => t.query().select(['nam']),
      'COLUMN_NOT_FOUND',
      "did you mean 'name'?",
    ],
    [
      'an unknown column in where',
      (t) => t.query().where('nam = 1'),
      'COLUMN_NOT_FOUND',
      "did you mean 'name'?",
    ],
    ['one column twice', (t) => t.query().select(['id', 'id']), 'INVALID_ARGUMENT', "'id' twice"],
    [
      'the name of the distance for something else',
      (t) => t.search([0, 0]).select({ _distance: 'id' }),
      'INVALID_ARGUMENT',
      '\'_distance\' for the expression "id"',
    ],
    ['where that is no SQL', (t) => t.query().where('id >'), 'INVALID_SQL', 'id >'],
    ['where that is no condition', (t) => t.query().where('id + 1'), 'TYPE_MISMATCH', 'id + 1'],
    [
      'hamming of floats',
      (t) => t.search([0, 0]).distanceType('hamming'),
      'INVALID_ARGUMENT',
      'hamming',
    ],
  ])('refuses %s', async (_, build, code, message) => {
    const table = await tenRows();
    const error = await rejection(build(table).toArray());

    expect(error.message).toContain(message);
    expect(error.code).toBe(code);
    expect(error.stack).toContain('table.search.test.ts');
  });
});

describe('results', () => {
  test('have the selected columns, in the order asked for', async () => {
    const table = await tenRows();

    expect(await table.query().select(['name', 'id']).limit(1).toArray()).toEqual([
      { name: 'row 0', id: 0 },
    ]);
    expect(
      await table
        .search([1, 0])
        .select({ twice: 'id * 2', name: 'upper(name)' })
        .limit(1)
        .toArray(),
    ).toEqual([{ twice: 2, name: 'ROW 1', _distance: 0 }]);
    expect(await table.search([1, 0]).select(['vector']).limit(1).toArray()).toEqual([
      { vector: Float32Array.of(1, 0), _distance: 0 },
    ]);
  });

  test('are the same as an Arrow table, with its schema even if empty', async () => {
    const table = await tenRows();

    const found = await table.search([3, 0]).select(['id']).limit(2).toArrow();
    const empty = await table.search([3, 0]).where('id > 99').toArrow();

    expect(found).toBeInstanceOf(arrow.Table);
    expect(found.toArray().map((row) => row.toJSON())).toEqual([
      { id: 3, _distance: 0 },
      { id: 2, _distance: 1 },
    ]);
    expect(empty.numRows).toBe(0);
    expect(empty.schema.names).toEqual(['id', 'name', 'vector', 'parity', 'meta', '_distance']);
  });

  test('stream as record batches', async () => {
    const db = await temporaryConnection();
    const table = await db.createTable('t', ladder(2500));

    const sizes: number[] = [];
    for await (const batch of table.query()) sizes.push(batch.numRows);
    const small: number[] = [];
    for await (const batch of table.query().limit(10).execute({ maxBatchLength: 4 })) {
      small.push(batch.numRows);
    }

    expect(sizes.reduce((sum, size) => sum + size)).toBe(2500);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1024);
    expect(small).toEqual([4, 4, 2]);
  });

  test('can be left in the middle of a stream', async () => {
    const db = await temporaryConnection();
    const table = await db.createTable('t', ladder(5000));

    for await (const batch of table.query()) {
      expect(batch.numRows).toBeGreaterThan(0);
      break;
    }

    expect(await table.countRows()).toBe(5000);
  });

  test('have a schema that is known beforehand', async () => {
    const table = await tenRows();

    const schema = await table.search([0, 0]).select({ n: 'id + 1' }).withRowId().outputSchema();

    expect(schema.fields.map((field) => `${field.name}: ${field.type}`).sort()).toEqual([
      '_distance: Float32',
      '_rowid: Uint64',
      'n: Float64',
    ]);
  });
});

describe('a column', () => {
  const NAMES = ['camelCase', 'a b', 'a.b', "it's", 'say "hi"', 'b`b', '😀', 'select'];

  test.each(NAMES)('may be named %s', async (name) => {
    const db = await temporaryConnection();
    const table = await db.createTable('t', [{ id: 1, [name]: 5, v: [0, 1] }]);
    const quoted = `\`${name.replaceAll('`', '``')}\``;
    const doubled = `"${name.replaceAll('"', '""')}"`;

    expect(await table.query().select([name]).toArray()).toEqual([{ [name]: 5 }]);
    expect(await table.countRows(`${quoted} = 5 AND ${doubled} > 4`)).toBe(1);
    expect(
      await table
        .query()
        .select({ more: `${quoted} + 1` })
        .toArray(),
    ).toEqual([{ more: 6 }]);
  });

  test.each(['__proto__', 'constructor', 'toString'])('may be named %s', async (name) => {
    const db = await temporaryConnection();
    const rows = [JSON.parse(`{"id": 1, "${name}": 5}`), { id: 2 }];

    const read = await (await db.createTable('t', rows)).query().toArray();

    expect(Object.keys(read[1])).toEqual(['id', name]);
    expect(read.map((row) => Object.entries(row)[1]![1])).toEqual([5, null]);
  });

  test('of big integers keeps and compares every digit', async () => {
    const db = await temporaryConnection();
    const big = 2n ** 53n;
    const table = await db.createTable('t', [{ id: big }, { id: big + 1n }, { id: -(2n ** 63n) }]);

    expect(await table.query().where(`id > ${big}`).toArray()).toEqual([{ id: big + 1n }]);
    expect(await table.countRows(`id = ${-(2n ** 63n)}`)).toBe(1);
  });
});

describe('Table.takeOffsets', () => {
  test('returns rows by their place', async () => {
    const table = await tenRows();

    expect((await ids(table.takeOffsets([7, 2, 99]))).sort()).toEqual([2, 7]);
    expect(await table.takeOffsets([3]).select(['name']).toArray()).toEqual([{ name: 'row 3' }]);
    expect(await ids(table.takeOffsets([]))).toEqual([]);
  });
});

describe('plans', () => {
  test('say how a query is run, and how it went', async () => {
    const table = await tenRows();
    const query = table.search([0, 0]).where('id > 1').limit(3);

    expect(await query.explainPlan()).toContain('metric=l2');
    expect(await query.explainPlan(true)).toContain('id > 1');
    expect(await query.analyzePlan()).toContain('output_rows=3');
  });
});

describe('a search with an index', () => {
  test('finds what an exact search finds when every partition is probed', async () => {
    const db = await temporaryConnection();
    const rows = cloud(2000, 16);
    const table = await db.createTable('t', rows);
    await table.createIndex('vector', {
      config: Index.ivfPq({ numPartitions: 16, numSubVectors: 8 }),
    });

    for (const { vector } of rows.slice(0, 20)) {
      const exact = await table.search(vector).bypassVectorIndex().toArray();
      const indexed = await table.search(vector).nprobes(16).refineFactor(50).toArray();
      expect(indexed).toEqual(exact);
    }
    expect(await table.search(rows[0]!.vector).explainPlan()).toContain('vector_idx');
  });

  test('never loses rows that a selective filter lets through', async () => {
    const db = await temporaryConnection();
    const rows = cloud(3000, 8);
    const table = await db.createTable('t', rows);
    await table.createIndex('vector', {
      config: Index.ivfPq({ numPartitions: 30, numSubVectors: 4 }),
    });

    for (const wanted of [3, 999, 2500]) {
      const query = table.search(rows[0]!.vector).nprobes(1).where(`id = ${wanted}`);
      expect(await ids(query.limit(1))).toEqual([wanted]);
    }
    expect(
      await table.search(rows[0]!.vector).where('id % 100 = 0').limit(400).toArray(),
    ).toHaveLength(30);
  });

  test('looks as far as the recall takes that it is asked for, and says so', async () => {
    const db = await temporaryConnection();
    const rows = cloud(3000, 8);
    const table = await db.createTable('t', rows);
    await table.createIndex('vector', {
      config: Index.ivfPq({ numPartitions: 30, numSubVectors: 4 }),
    });
    const search = () => table.search(rows[7]!.vector);

    const exact = await search().bypassVectorIndex().toArray();
    expect(await search().targetRecall(1).refineFactor(300).toArray()).toEqual(exact);
    expect(await search().explainPlan()).toMatch(/target_recall=0.95, expected_nprobes=\d/);
    expect(await search().targetRecall(0.5).analyzePlan()).toMatch(
      /partitions_searched=\d+ of=30 stopped_early=true/,
    );
    expect(await search().nprobes(3).analyzePlan()).toContain('partitions_searched=3 of=30');
    const { calibration } = (await table.indexStats('vector_idx'))!.details as any;
    expect(calibration.efforts).toContainEqual(
      expect.objectContaining({ k: 10, targetRecall: 0.95, nprobes: expect.any(Number) }),
    );
  });

  test('finds rows that were added later, unless it is fast', async () => {
    const db = await temporaryConnection();
    const table = await db.createTable('t', ladder(500, 8));
    await table.createIndex('vector', {
      config: Index.ivfPq({ numPartitions: 4, numSubVectors: 4 }),
    });
    await table.add([{ id: 'new', vector: Array(8).fill(-1) }]);

    const query = () => table.search(Array(8).fill(-1)).select('id').limit(1);

    expect(await query().toArray()).toEqual([{ id: 'new', _distance: 0 }]);
    expect(await query().fastSearch().toArray()).toEqual([{ id: '0', _distance: 8 }]);
    expect(await query().explainPlan()).toContain('ExactSearch: rows newer than the index');
    expect(await query().fastSearch().explainPlan()).toContain('Skip: rows newer than the index');
  });

  test('returns nothing with fastSearch where there is no index', async () => {
    const table = await tenRows();

    expect(await table.search([0, 0]).fastSearch().toArray()).toEqual([]);
  });

  test('gives true distances whatever the metric', async () => {
    const db = await temporaryConnection();
    const rows = cloud(1000, 8);
    for (const distanceType of ['l2', 'cosine', 'dot'] as const) {
      const table = await db.createTable(distanceType, rows);
      const config = Index.ivfPq({ distanceType, numPartitions: 4, numSubVectors: 4 });
      await table.createIndex('vector', { config });
      const search = () => table.search(rows[5]!.vector).select('id').limit(5).nprobes(4);

      const exact = await search().distanceType(distanceType).bypassVectorIndex().toArray();
      const indexed = await search().refineFactor(20).toArray();

      expect(indexed).toEqual(exact);
    }
  });
});

test('a query that takes too long ends with TIMEOUT', async () => {
  const db = await temporaryConnection();
  const table = await db.createTable('t', cloud(50_000, 64));
  const many = Array.from({ length: 200 }, () => Array(64).fill(0.1));

  const error = await rejection(table.search(many).toArray({ timeoutMs: 1 }));

  expect(error.code).toBe('TIMEOUT');
  expect(error.message).toContain('1 ms');
});

test('reading everything ends with TIMEOUT too', async () => {
  const db = await temporaryConnection();
  // Three record batches, 38 MB: no machine copies them in a millisecond.
  const query = (await db.createTable('t', cloud(150_000, 64))).query();

  expect((await rejection(query.toArray({ timeoutMs: 1 }))).code).toBe('TIMEOUT');
  expect((await rejection(query.toArrow({ timeoutMs: 1 }))).code).toBe('TIMEOUT');
});

test('many searches at once give each its own answer', async () => {
  const table = await tenRows();

  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) => ids(table.search([i % 10, 0]).limit(1))),
  );

  expect(answers).toEqual(Array.from({ length: 100 }, (_, i) => [i % 10]));
});

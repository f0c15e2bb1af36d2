import { describe, expect, test } from 'vitest';
import { Table } from '../lib/index.js';
import type { NativeRequest, NativeTable, QuerySettings } from '../lib/native-types.js';
import { refusal, rejection } from './support.js';

/** A request with its settings laid open. */
type OpenRequest = Omit<NativeRequest, 'settings'> & QuerySettings;

/** A table that remembers what it was asked, and the last request. */
function recordingTable(): { table: Table; last: () => OpenRequest } {
  let last: OpenRequest = {};
  const native = {
    query: async ({ settings, ...request }: NativeRequest) => {
      last = { ...JSON.parse(settings), ...request };
      return ['{"rowCount":0,"columns":[]}', new ArrayBuffer(0)];
    },
  } as unknown as NativeTable;
  return { table: new Table(native), last: () => last };
}

/** The request that a query makes, without what is undefined. */
async function requestOf(
  build: (table: Table) => { toArray(): Promise<unknown> },
): Promise<OpenRequest> {
  const { table, last } = recordingTable();
  await build(table).toArray();
  return Object.fromEntries(Object.entries(last()).filter(([, value]) => value !== undefined));
}

describe('builders', () => {
  test('fill in the request', async () => {
    const request = await requestOf((table) =>
      table
        .search([1, 2])
        .column('vec')
        .distanceType('cosine')
        .minimumNprobes(5)
        .maximumNprobes(0)
        .refineFactor(3)
        .distanceRange(0.5, 2)
        .bypassVectorIndex()
        .fastSearch()
        .postfilter()
        .limit(7)
        .offset(2)
        .withRowId()
        .where('a > 1')
        .select(['a', 'b']),
    );

    expect(request).toEqual({
      vectors: Float64Array.of(1, 2),
      vectorCount: 1,
      column: 'vec',
      distanceType: 'cosine',
      probesMin: 5,
      probesMax: 0,
      refineFactor: 3,
      lower: 0.5,
      upper: 2,
      bypassVectorIndex: true,
      fastSearch: true,
      postfilter: true,
      limit: 7,
      offset: 2,
      withRowId: true,
      filter: [{ sql: 'a > 1' }],
      columns: ['a', 'b'],
    });
  });

  test('ask for everything by default', async () => {
    expect(await requestOf((table) => table.query())).toEqual({});
  });

  test('can be run again, and changed in between', async () => {
    const { table, last } = recordingTable();
    const query = table.search([1]).limit(3);

    await query.toArray();
    const first = last();
    await query.limit(4).where('a').toArray({ timeoutMs: 50 });

    expect(first.limit).toBe(3);
    expect(last()).toMatchObject({ limit: 4, filter: [{ sql: 'a' }], timeoutMs: 50 });
    await query.toArray();
    expect(last().timeoutMs).toBeUndefined();
  });

  test('keep the limit and filter of a scan that becomes a search', async () => {
    const request = await requestOf((table) => table.query().limit(3).where('a').nearestTo([1]));

    expect(request).toMatchObject({
      limit: 3,
      filter: [{ sql: 'a' }],
      vectors: Float64Array.of(1),
    });
  });

  test('leave a scan alone that a search was made from', async () => {
    const request = await requestOf((table) => {
      const scan = table.query().limit(3);
      scan.nearestTo([1]).limit(5).where('a');
      return scan;
    });

    expect(request).toEqual({ limit: 3 });
  });

  test('leave the upper bound to the engine with nprobes, which lets a filter find enough rows', async () => {
    const request = await requestOf((table) => table.search([1]).maximumNprobes(60).nprobes(50));

    expect(request.probesMin).toBe(50);
    expect(request.probesMax).toBeUndefined();
  });

  test('let the later of nprobes and targetRecall count', async () => {
    const target = await requestOf((table) => table.search([1]).nprobes(50).targetRecall(0.9));
    expect(target.targetRecall).toBe(0.9);
    expect(target.probesMin).toBeUndefined();

    const probes = await requestOf((table) => table.search([1]).targetRecall(0.9).nprobes(50));
    expect(probes.targetRecall).toBeUndefined();
    expect(probes.probesMin).toBe(50);
  });

  test('bound targetRecall with minimumNprobes and maximumNprobes', async () => {
    const request = await requestOf((table) =>
      table.search([1]).minimumNprobes(2).maximumNprobes(9).targetRecall(1),
    );

    expect(request).toMatchObject({ targetRecall: 1, probesMin: 2, probesMax: 9 });
  });

  test('join several conditions, each on its own', async () => {
    const request = await requestOf((table) =>
      table.query().where('a OR b').filter('c -- why').where('d'),
    );

    expect(request.filter).toEqual([{ sql: 'a OR b' }, { sql: 'c -- why' }, { sql: 'd' }]);
  });
});

describe('select', () => {
  test.each([
    ['a name', 'a', { columns: ['a'] }],
    ['names', ['a', '_distance'], { columns: ['a', '_distance'] }],
    ['an object', { n: 'a + 1' }, { expressions: [{ name: 'n', sql: 'a + 1' }] }],
    ['a map', new Map([['n', 'a']]), { expressions: [{ name: 'n', sql: 'a' }] }],
  ])('takes %s', async (_, columns, expected) => {
    expect(await requestOf((table) => table.query().select(columns))).toEqual(expected);
  });

  test('takes text that is not well-formed for other text, and backslashes as they are', async () => {
    const request = await requestOf((table) => table.query().select(['a\ud800', '\\ud800']));

    expect(request).toEqual({ columns: ['a\ufffd', '\\ud800'] });
  });

  test('replaces an earlier selection', async () => {
    const request = await requestOf((table) => {
      const query = table.query();
      query.select({ n: 'a' });
      return query.select('b');
    });

    expect(request).toEqual({ columns: ['b'] });
  });

  test.each([[''], [['a', '']], [[1]], [{}], [{ n: 1 }], [null], [undefined], [5]])(
    'refuses %j',
    (columns) => {
      const { table } = recordingTable();

      expect(refusal(() => table.query().select(columns as any)).code).toBe('INVALID_ARGUMENT');
    },
  );
});

describe('query vectors', () => {
  const vectors = (query: any) => requestOf((table) => table.search(query));

  test.each([
    ['an array', [1, 2]],
    ['32-bit floats', Float32Array.of(1, 2)],
    ['64-bit floats', Float64Array.of(1, 2)],
    ['bytes', Uint8Array.of(1, 2)],
    ['a promise', Promise.resolve([1, 2])],
    ['a vector of Arrow', { toArray: () => Float32Array.of(1, 2) }],
  ])('may be %s', async (_, query) => {
    expect(await vectors(query)).toEqual({ vectors: Float64Array.of(1, 2), vectorCount: 1 });
  });

  test.each([
    [
      'arrays',
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ['typed arrays', [Float32Array.of(1, 2), Uint8Array.of(3, 4)]],
    ['promises', [Promise.resolve([1, 2]), [3, 4]]],
  ])('may be several, as %s', async (_, query) => {
    expect(await vectors(query)).toEqual({ vectors: Float64Array.of(1, 2, 3, 4), vectorCount: 2 });
  });

  test('may be added one by one', async () => {
    const request = await requestOf((table) =>
      table.search([1]).addQueryVector(Promise.resolve([2])),
    );

    expect(request).toEqual({ vectors: Float64Array.of(1, 2), vectorCount: 2 });
  });

  test.each([
    [[], 'the query vector is an empty array'],
    [null, 'the query vector is null'],
    [undefined, 'the query vector is undefined'],
    [{}, 'the query vector is an object'],
    [5, 'the query vector is 5'],
    [['a', 'b'], 'item 0 of the query vector is "a"'],
    [[1, Number.NaN], 'item 1 of the query vector is NaN'],
    [[1, null], 'item 1 of the query vector is null'],
    [[1, Infinity], 'item 1 of the query vector is Infinity'],
    [[[1], ['x']], 'item 0 of query vector 1 is "x"'],
    [BigInt64Array.of(1n), 'item 0 of the query vector is 1n'],
  ])('cannot be %o', (query, message) => {
    const { table } = recordingTable();
    const error = refusal(() => table.search(query as any));

    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toContain(message);
  });

  test('that are promised are checked when the query is run', async () => {
    const { table } = recordingTable();
    const search = table.search(Promise.resolve([Number.NaN]));

    expect((await rejection(search.toArray())).message).toContain(
      'item 0 of the query vector is NaN',
    );
  });

  test('that are never delivered fail the query, and nothing else', async () => {
    const { table } = recordingTable();
    const search = table.search(Promise.reject(new Error('no model')));

    await new Promise((resolve) => setTimeout(resolve, 5));
    await expect(search.toArray()).rejects.toThrow('no model');
  });

  test('must have the same length', async () => {
    const { table } = recordingTable();
    const error = await rejection(table.search([[1, 2], [1]]).toArray());

    expect(error.code).toBe('DIMENSION_MISMATCH');
    expect(error.message).toContain('query vector 1 has 1 dimension,');
  });
});

describe('bad arguments are refused at once, with the argument and its value', () => {
  test.each<[string, (table: Table) => unknown]>([
    ['limit is -1', (table) => table.query().limit(-1)],
    ['limit is 1.5', (table) => table.query().limit(1.5)],
    ['limit is NaN', (table) => table.query().limit(Number.NaN)],
    ['limit is Infinity', (table) => table.query().limit(Infinity)],
    ['limit is "5"', (table) => table.query().limit('5' as any)],
    ['limit is undefined', (table) => table.query().limit(undefined as any)],
    ['limit is 4294967296', (table) => table.query().limit(2 ** 32)],
    ['limit is 0', (table) => table.search([1]).limit(0)],
    ['offset is -1', (table) => table.query().offset(-1)],
    ['nprobes is 0', (table) => table.search([1]).nprobes(0)],
    ['nprobes is 2.5', (table) => table.search([1]).nprobes(2.5)],
    ['targetRecall is 0', (table) => table.search([1]).targetRecall(0)],
    [
      'targetRecall is 95, but it must be a number above 0 and at most 1',
      (table) => table.search([1]).targetRecall(95),
    ],
    ['targetRecall is NaN', (table) => table.search([1]).targetRecall(Number.NaN)],
    ['targetRecall is undefined', (table) => table.search([1]).targetRecall(undefined as any)],
    ['minimumNprobes is 0', (table) => table.search([1]).minimumNprobes(0)],
    [
      'minimumNprobes is 30, but it must be at most maximumNprobes, which is 20',
      (table) => table.search([1]).maximumNprobes(20).minimumNprobes(30),
    ],
    [
      'maximumNprobes is 10, but it must be at least minimumNprobes, which is 20',
      (table) => table.search([1]).nprobes(20).maximumNprobes(10),
    ],
    ['maximumNprobes is -1', (table) => table.search([1]).maximumNprobes(-1)],
    ['refineFactor is -1', (table) => table.search([1]).refineFactor(-1)],
    ['refineFactor is 10000000000', (table) => table.search([1]).refineFactor(1e10)],
    [
      'distanceType is "foo", but it must be one of "l2", "cosine", "dot", "hamming"',
      (table) => table.search([1]).distanceType('foo' as any),
    ],
    ['distanceType is undefined', (table) => table.search([1]).distanceType(undefined as any)],
    ['lower is NaN', (table) => table.search([1]).distanceRange(Number.NaN)],
    [
      'lower is 2, but it must be at most upper, which is 1',
      (table) => table.search([1]).distanceRange(2, 1),
    ],
    ['column is ""', (table) => table.search([1]).column('')],
    ['where is ""', (table) => table.query().where('')],
    ['where is undefined', (table) => table.query().where(undefined as any)],
    ['select is empty', (table) => table.query().select([])],
    ['offsets is 5', (table) => table.takeOffsets(5 as any)],
    ['rowIds is undefined', (table) => table.takeRowIds(undefined as any)],
    ['offset 1 is -1', (table) => table.takeOffsets([0, -1])],
    ['offset 0 is 1.5', (table) => table.takeOffsets([1.5])],
    ['row id 0 is -1n', (table) => table.takeRowIds([-1n])],
    ['row id 1 is 0.5', (table) => table.takeRowIds([0, 0.5])],
    ['row id 0 is 9007199254740992', (table) => table.takeRowIds([2 ** 53])],
    ['search was given a text', (table) => table.search('words')],
    ['queryType is "hybrid"', (table) => table.search([1], 'hybrid' as any)],
  ])('%s', (message, call) => {
    const { table } = recordingTable();
    const error = refusal(() => call(table));

    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toContain(message);
  });

  test('options of the methods that run a query', async () => {
    const { table } = recordingTable();
    const run = (options: any) => rejection(table.query().toArray(options));

    expect((await run({ timeoutMs: 0 })).message).toContain('timeoutMs is 0');
    expect((await run({ timeoutMs: -1 })).message).toContain('timeoutMs is -1');
    expect((await run({ maxBatchLength: 0.5 })).message).toContain('maxBatchLength is 0.5');
    expect((await run({ timeout: 5 })).message).toBe(
      "unknown option 'timeout' of the query (did you mean 'timeoutMs'?); " +
        'the options are maxBatchLength, timeoutMs',
    );
  });
});

describe('takeOffsets and takeRowIds', () => {
  test('pass the places on', async () => {
    expect(await requestOf((table) => table.takeOffsets([5, 0]).select('a'))).toEqual({
      offsets: Float64Array.of(5, 0),
      columns: ['a'],
    });
    expect(await requestOf((table) => table.takeRowIds([5, 2n ** 60n]).withRowId())).toEqual({
      rowIds: BigUint64Array.of(5n, 2n ** 60n),
      withRowId: true,
    });
  });
});

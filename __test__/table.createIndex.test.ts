import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { connect, Index, type IndexProgress, makeArrowTable } from '../lib/index.js';
import {
  filesIn,
  ladder,
  refusal,
  rejection,
  temporaryConnection,
  temporaryFolder,
} from './support.js';

const SMALL = { config: Index.ivfPq({ numPartitions: 4, numSubVectors: 4 }) };

async function ladderTable(rows = 500) {
  const db = await temporaryConnection();
  return db.createTable('t', ladder(rows, 8));
}

describe('Index', () => {
  test.each<[string, () => unknown]>([
    ['numPartitions of Index.ivfPq is 0', () => Index.ivfPq({ numPartitions: 0 })],
    ['numPartitions of Index.ivfFlat is 1.5', () => Index.ivfFlat({ numPartitions: 1.5 })],
    ['numSubVectors of Index.ivfPq is NaN', () => Index.ivfPq({ numSubVectors: Number.NaN })],
    [
      'numBits of Index.ivfPq is 5, but it must be 8 or 4',
      () => Index.ivfPq({ numBits: 5 as any }),
    ],
    ['maxIterations of Index.ivfPq is 0', () => Index.ivfPq({ maxIterations: 0 })],
    ['sampleRate of Index.ivfPq is -1', () => Index.ivfPq({ sampleRate: -1 })],
    ['distanceType of Index.ivfPq is "hamming"', () => Index.ivfPq({ distanceType: 'hamming' })],
    ['distanceType of Index.ivfFlat is "foo"', () => Index.ivfFlat({ distanceType: 'foo' as any })],
    [
      "unknown option 'numPartition' of Index.ivfPq (did you mean 'numPartitions'?)",
      () => Index.ivfPq({ numPartition: 5 } as any),
    ],
    [
      "unknown option 'numSubVectors' of Index.ivfFlat",
      () => Index.ivfFlat({ numSubVectors: 5 } as any),
    ],
  ])('refuses: %s', (message, make) => {
    const error = refusal(make);

    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toContain(message);
  });

  test('can be used more than once', async () => {
    const table = await ladderTable();

    await table.createIndex('vector', SMALL);
    await table.createIndex('vector', SMALL);

    expect(await table.listIndices()).toHaveLength(1);
  });
});

describe('Table.createIndex', () => {
  test('builds an IVF_PQ index of good defaults', async () => {
    const table = await ladderTable(1000);

    await table.createIndex('vector');

    const [index] = await table.listIndices();
    expect(index).toMatchObject({
      name: 'vector_idx',
      indexType: 'IvfPq',
      columns: ['vector'],
      numIndexedRows: 1000,
      numUnindexedRows: 0,
      indexUuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(index!.createdAt.getTime()).toBeGreaterThan(Date.now() - 600_000);
    expect(index!.sizeBytes).toBeGreaterThan(0);
    expect(index!.indexDetails.settings).toMatchObject({ numPartitions: 32, numBits: 8 });
    expect(await table.version()).toBe(2);
  });

  test('says how an index was built, and what it covers', async () => {
    const table = await ladderTable();
    await table.createIndex('vector', {
      config: Index.ivfPq({
        distanceType: 'cosine',
        numPartitions: 5,
        numSubVectors: 2,
        numBits: 4,
      }),
      name: 'mine',
    });
    await table.add(ladder(3, 8));

    expect(await table.indexStats('mine')).toMatchObject({
      indexType: 'IVF_PQ',
      distanceType: 'cosine',
      numIndexedRows: expect.any(Number),
      numUnindexedRows: 3,
      numIndices: 1,
      details: { settings: { numPartitions: 5, numSubVectors: 2, numBits: 4 } },
    });
    expect(await table.indexStats('yours')).toBeUndefined();
  });

  test('builds IVF_FLAT, whose answers are exact where it looks', async () => {
    const table = await ladderTable();

    await table.createIndex('vector', { config: Index.ivfFlat({ numPartitions: 4 }) });

    expect((await table.listIndices())[0]!.indexType).toBe('IvfFlat');
    const hits = await table.search(Array(8).fill(7.1)).nprobes(4).select('id').limit(2).toArray();
    expect(hits.map((row) => row.id)).toEqual(['7', '8']);
  });

  test('gives the same index for the same rows and seed', async () => {
    const table = await ladderTable();
    const search = () => table.search(Array(8).fill(3.3)).refineFactor(0).nprobes(1).toArray();

    await table.createIndex('vector', SMALL);
    const first = await search();
    await table.createIndex('vector', SMALL);

    expect(await search()).toEqual(first);
  });

  test('replaces an index unless told not to', async () => {
    const table = await ladderTable();
    await table.createIndex('vector', SMALL);
    const [before] = await table.listIndices();

    await table.createIndex('vector', SMALL);
    const error = await rejection(table.createIndex('vector', { ...SMALL, replace: false }));

    expect((await table.listIndices())[0]!.indexUuid).not.toBe(before!.indexUuid);
    expect(error.code).toBe('INDEX_EXISTS');
  });

  test('reports every stage from nothing to everything', async () => {
    const table = await ladderTable();
    const reports: IndexProgress[] = [];

    await table.createIndex('vector', { ...SMALL, onProgress: (report) => reports.push(report) });

    const stages = [...new Set(reports.map((report) => report.stage))];
    expect(stages).toEqual(['sample', 'train partitions', 'train codebooks', 'encode', 'write']);
    for (const stage of stages) {
      const done = reports.filter((report) => report.stage === stage);
      expect(done.map((report) => report.done)).toEqual(
        done.map((report) => report.done).sort((a, b) => a - b),
      );
      expect(done.at(-1)!.done).toBe(done.at(-1)!.total);
    }
  });

  test('ends with the error that onProgress throws', async () => {
    const table = await ladderTable();
    const onProgress = () => {
      throw new Error('the window was closed');
    };

    const build = table.createIndex('vector', { ...SMALL, onProgress });

    // A build this small may be over before the first report arrives.
    await build.catch((error) => expect(error.message).toBe('the window was closed'));
  });

  test('works for few rows, and for rows that are all the same', async () => {
    const db = await temporaryConnection();
    const same = await db.createTable(
      'same',
      Array.from({ length: 300 }, (_, id) => ({ id, vector: [1, 1, 1, 1] })),
    );
    const few = await db.createTable('few', ladder(3));

    await same.createIndex('vector');
    expect(await same.search([1, 1, 1, 1]).limit(5).toArray()).toHaveLength(5);
    // One row is enough or the error says how many are needed.
    const error = await few.createIndex('vector').then(
      () => undefined,
      (error) => error,
    );
    if (error !== undefined) expect(error.code).toBe('NOT_ENOUGH_ROWS');
    expect(await few.search([1, 1, 1, 1]).limit(1).toArray()).toMatchObject([{ id: '1' }]);
  });

  test.each<[string, string, any, string, string]>([
    ['a column that is not there', 'vectro', {}, 'COLUMN_NOT_FOUND', "did you mean 'vector'?"],
    ['a column without vectors', 'id', { config: Index.ivfPq() }, 'INVALID_ARGUMENT', 'id'],
    ['no column', undefined as any, {}, 'INVALID_ARGUMENT', 'column is undefined'],
    ['an unknown option', 'vector', { confg: 1 }, 'INVALID_ARGUMENT', "did you mean 'config'?"],
    [
      'a config that is none',
      'vector',
      { config: {} },
      'INVALID_ARGUMENT',
      'made by Index.ivfPq()',
    ],
    ['a bad name', 'vector', { name: '' }, 'INVALID_ARGUMENT', 'name is ""'],
    [
      'a negative wait',
      'vector',
      { waitTimeoutSeconds: -1 },
      'INVALID_ARGUMENT',
      'waitTimeoutSeconds is -1',
    ],
    ['no training', 'vector', { train: false }, 'INVALID_ARGUMENT', 'train is false'],
    [
      'sub-vectors that do not divide',
      'vector',
      { config: Index.ivfPq({ numSubVectors: 3 }) },
      'INVALID_ARGUMENT',
      '3',
    ],
    [
      'a device that is not there',
      'vector',
      { config: Index.ivfPq({ accelerator: 'Voodoo 2' }) },
      'GPU_UNAVAILABLE',
      'cpu',
    ],
  ])('refuses %s', async (_, column, options, code, message) => {
    const table = await ladderTable(50);
    const error = await rejection(table.createIndex(column, options));

    expect(error.message).toContain(message);
    expect(error.code).toBe(code);
    expect(await table.listIndices()).toEqual([]);
  });

  test('needs rows', async () => {
    const db = await temporaryConnection();
    const table = await db.createEmptyTable('t', makeArrowTable(ladder(1)).schema);

    expect((await rejection(table.createIndex('vector'))).code).toBe('NOT_ENOUGH_ROWS');
  });
});

describe('an AbortSignal', () => {
  test('that is aborted already keeps the build from starting', async () => {
    const table = await ladderTable();
    const reason = new Error('changed my mind');

    const error = await rejection(
      table.createIndex('vector', { signal: AbortSignal.abort(reason) }),
    );

    expect(error.code).toBe('CANCELLED');
    expect(error.cause).toBe(reason);
    expect(await table.listIndices()).toEqual([]);
  });

  test('stops a build at once, and leaves no file behind', async () => {
    const folder = temporaryFolder();
    const table = await (await connect(folder)).createTable('t', ladder(20_000, 64));
    const before = filesIn(folder);
    const controller = new AbortController();
    let stopped = 0;

    const error = await rejection(
      table.createIndex('vector', {
        config: Index.ivfPq({ numPartitions: 140, numSubVectors: 32 }),
        signal: controller.signal,
        onProgress: ({ stage, done }) => {
          if (stopped === 0 && stage === 'train codebooks' && done > 0) {
            stopped = performance.now();
            controller.abort();
          }
        },
      }),
    );

    expect(error.code).toBe('CANCELLED');
    expect(performance.now() - stopped).toBeLessThan(500);
    expect(filesIn(folder)).toEqual(before);
    expect(await table.listIndices()).toEqual([]);
    expect(await table.version()).toBe(1);
  });

  test.each(['sample', 'train partitions', 'train codebooks', 'encode', 'write', 'calibrate'])(
    'stops the stage %s within a tenth of a second',
    async (stage) => {
      const folder = temporaryFolder();
      const table = await (await connect(folder)).createTable('t', ladder(20_000, 64));
      const before = filesIn(folder);
      const controller = new AbortController();
      let stopped = 0;

      const error = await rejection(
        table.createIndex('vector', {
          config: Index.ivfPq({ numPartitions: 140, numSubVectors: 32, maxIterations: 2 }),
          signal: controller.signal,
          onProgress: (progress) => {
            if (stopped > 0 || progress.stage !== stage) return;
            stopped = performance.now();
            controller.abort();
          },
        }),
      );

      expect(error.code).toBe('CANCELLED');
      // A tenth, and as much again for a machine that is busy with other tests.
      expect(performance.now() - stopped).toBeLessThan(300);
      expect(filesIn(folder)).toEqual(before);
    },
  );

  test('must be one', async () => {
    const table = await ladderTable();

    for (const signal of [5, {}, { aborted: true }] as any[]) {
      const error = await rejection(table.createIndex('vector', { signal }));
      expect(error.code).toBe('INVALID_ARGUMENT');
      expect(error.message).toMatch(/^signal is .*, but it must be an AbortSignal$/);
    }
  });

  test('is let go of when the build is over', async () => {
    const table = await ladderTable();
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: any) => {
      listeners++;
      (add as any)(...args);
    };
    signal.removeEventListener = (...args: any) => {
      listeners--;
      (remove as any)(...args);
    };

    await table.createIndex('vector', { ...SMALL, signal });
    await rejection(table.createIndex('nope', { ...SMALL, signal }));

    expect(listeners).toBe(0);
  });
});

describe('Table.dropIndex', () => {
  test('removes an index', async () => {
    const table = await ladderTable();
    await table.createIndex('vector', SMALL);

    await table.dropIndex('vector_idx');

    expect(await table.listIndices()).toEqual([]);
    expect(await table.search(Array(8).fill(2)).limit(1).toArray()).toMatchObject([{ id: '2' }]);
    const error = await rejection(table.dropIndex('vector_idx'));
    expect(error.code).toBe('INDEX_NOT_FOUND');
  });
});

describe('Table.stats', () => {
  test('counts rows, bytes, files and indexes', async () => {
    const folder = temporaryFolder();
    const table = await (await connect(folder)).createTable('t', ladder(100, 8));
    await table.add(ladder(50, 8));
    await table.createIndex('vector', SMALL);

    const stats = await table.stats();

    expect(stats).toMatchObject({ numRows: 150, numIndices: 1 });
    expect(stats.totalBytes).toBeGreaterThan(150 * 32);
    expect(stats.fragmentStats).toMatchObject({
      numFragments: 2,
      lengths: { min: 50, max: 100, mean: 75 },
    });
    expect(filesIn(join(folder, 't.quiver/data')).length).toBeGreaterThanOrEqual(2);
  });
});

describe('Table.close', () => {
  test('lets calls finish that are under way', async () => {
    const table = await ladderTable();
    const calls = [
      table.countRows(),
      table.search(Array(8).fill(0)).toArray(),
      table.createIndex('vector', SMALL),
    ];

    table.close();

    const [rows, hits] = await Promise.all(calls);
    expect(rows).toBe(500);
    expect(hits).toHaveLength(10);
  });

  test('closes one handle', async () => {
    const db = await temporaryConnection();
    const table = await db.createTable('t', ladder(5));
    const other = await db.openTable('t');
    const query = table.search([1, 1, 1, 1]);

    expect(table.isOpen()).toBe(true);
    table.close();
    table.close();

    expect(table.isOpen()).toBe(false);
    expect(table.name).toBe('t');
    for (const call of [
      () => table.countRows(),
      () => table.add(ladder(1)),
      () => query.toArray(),
      () => table.schema(),
      () => table.createIndex('vector'),
    ]) {
      expect((await rejection(call())).code).toBe('CLOSED');
    }
    expect(await other.countRows()).toBe(5);
    expect(table.display()).toContain('Closed');
  });
});

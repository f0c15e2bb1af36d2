import { describe, expect, test } from 'vitest';
import { connect, Index } from '../lib/index.js';

/** A table of 600 rows around 12 centres. */
async function clustered() {
  const db = await connect('memory://');
  const rows = Array.from({ length: 600 }, (_, i) => ({
    id: i,
    vector: Array.from({ length: 8 }, (_, d) => (i % 12) * d + Math.sin(i * 31 + d * 7)),
  }));
  return db.createTable('t', rows);
}

describe('Table.measureRecall', () => {
  test('finds everything when everything is probed and compared', async () => {
    const table = await clustered();
    await table.createIndex('vector', {
      config: Index.ivfPq({ numPartitions: 10, numSubVectors: 4 }),
    });

    const measured = await table.measureRecall('vector', {
      k: 5,
      sample: 40,
      nprobes: 10,
      refineFactor: 120,
    });

    expect(measured).toMatchObject({ recall: 1, queries: 40 });
    expect(measured.indexedMs.median).toBeGreaterThan(0);
    expect(measured.exactMs.p95).toBeGreaterThanOrEqual(measured.exactMs.median);
  });

  test('takes a target instead of partitions, but not both', async () => {
    const table = await clustered();
    await table.createIndex('vector', { config: Index.ivfPq({ numSubVectors: 4 }) });

    expect(await table.measureRecall('vector', { targetRecall: 0.9 })).toMatchObject({ recall: 1 });
    await expect(
      table.measureRecall('vector', { targetRecall: 0.9, nprobes: 3 }),
    ).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('give one of the two'),
    });
  });

  test('says that there is no index', async () => {
    const table = await clustered();

    await expect(table.measureRecall('vector')).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('createIndex'),
    });
  });

  test.each([
    [{ k: 0 }],
    [{ sample: -1 }],
    [{ nprobes: 1.5 }],
    [{ targetRecall: 2 }],
    [{ probes: 3 } as object],
  ])('rejects %j', async (options) => {
    const table = await clustered();

    await expect(table.measureRecall('vector', options)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });
});

// What docs/format.md says of the calibration of an index is what ends a search.
import { expect, test } from 'vitest';
import { Index } from '../lib/index.js';
import type { IvfFlatFile } from './format/ivf.js';
import { pointOf } from './format/points.js';
import { partitionsSearched } from './format/reach.js';
import { temporaryTables } from './format/tables.js';
import { randomNumbers } from './support.js';

const K = 10;
const TARGET = 0.9;

test.each(['l2', 'cosine', 'dot'] as const)(
  'a search by %s ends where a partition is out of reach',
  async (metric) => {
    const { db, read } = await temporaryTables();
    const random = randomNumbers(3);
    const vector = () => Array.from({ length: 8 }, () => random() - 0.4);
    const rows = Array.from({ length: 1500 }, () => ({ vector: vector() }));
    const table = await db.createTable('t', rows);
    const config = Index.ivfFlat({ numPartitions: 30, distanceType: metric });
    await table.createIndex('vector', { config });
    const index = read(table).newest.indexes[0]!.files[0] as IvfFlatFile;
    const isAsked = (entry: { k: number; target: number }) =>
      entry.k === K && entry.target === Math.fround(TARGET);
    const { reach } = index.calibration.find(isAsked)!;

    const searched: Array<[expected: number, actual: number]> = [];
    for (const query of Array.from({ length: 20 }, vector)) {
      const search = table.vectorSearch(query).distanceType(metric).limit(K).targetRecall(TARGET);
      const actual = Number(/partitions_searched=(\d+)/.exec(await search.analyzePlan())![1]);
      searched.push([partitionsSearched(index, pointOf(metric, query)!, K, reach), actual]);
    }

    expect(new Set(searched.map(([expected]) => expected)).size).toBeGreaterThan(3);
    // Where two partitions are equally far, rounding decides.
    const differ = searched.filter(([expected, actual]) => expected !== actual);
    expect(differ.length, searched.join(' ')).toBeLessThanOrEqual(1);
  },
);

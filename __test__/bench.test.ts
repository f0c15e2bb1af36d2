/** The parts of the bench with logic in them. The bench itself is run by hand: `npm run bench`. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bars, type Entry } from '../benches/compare/bars.js';
import { inBatches, inFlight, oneByOne } from '../benches/compare/engines/measure.js';
import { ticksAround } from '../benches/compare/plot.js';
import { Random } from '../benches/compare/sets/random.js';
import { readParts, readVectors, VectorFile } from '../benches/compare/sets/vectors.js';
import { fastestAt, frontier, percentile, recall } from '../benches/compare/statistics.js';
import { nearest } from '../benches/compare/truth.js';

describe('percentile', () => {
  test('takes the middle of an odd number of values, and between the two of an even number', () => {
    expect(percentile([3, 1, 2], 0.5)).toBe(2);
    expect(percentile([4, 1, 3, 2], 0.5)).toBe(2.5);
  });

  test('reaches from the least to the greatest', () => {
    expect(percentile([5, 9, 7], 0)).toBe(5);
    expect(percentile([5, 9, 7], 1)).toBe(9);
    expect(percentile([0, 100], 0.99)).toBe(99);
  });

  test('of nothing is not a number', () => {
    expect(percentile([], 0.5)).toBeNaN();
  });
});

describe('recall', () => {
  test('is the share of the true neighbours that were found, in any order', () => {
    const truth = [
      [1, 2],
      [3, 4],
    ];
    expect(recall([[2, 1], [4, 9]], truth)).toBe(0.75); // biome-ignore format: short
  });

  test('counts a neighbour that is returned twice once', () => {
    expect(recall([[1, 1]], [[1, 2]])).toBe(0.5);
  });

  test('is about the queries that were answered', () => {
    expect(recall([[1]], [[1], [2]])).toBe(1);
    expect(recall([], [[1]])).toBeNaN();
  });
});

describe('a curve', () => {
  const points = [
    { recall: 0.9, perSecond: 1000 },
    { recall: 0.95, perSecond: 1200 },
    { recall: 0.99, perSecond: 300 },
    { recall: 0.99, perSecond: 200 },
    { recall: 0.97, perSecond: 250 },
  ];

  test('keeps what nothing beats at both recall and speed, by recall', () => {
    expect(frontier(points)).toEqual([points[1], points[2]]);
  });

  test('has a fastest point at a recall, or none', () => {
    expect(fastestAt(points, 0.95)).toBe(points[1]);
    expect(fastestAt(points, 0.96)).toBe(points[2]);
    expect(fastestAt(points, 0.995)).toBeUndefined();
  });
});

describe('a bar', () => {
  const entry = (name: string, seconds: number, points: Array<[number, number]>): Entry => ({
    name,
    build: { ingestSeconds: 0, seconds, runs: [], date: '' },
    curves: {
      one: points.map(([recall, medianMs]) => ({
        settings: {},
        recall,
        medianMs,
        p99Ms: medianMs,
        perSecond: 1000 / medianMs,
      })),
    },
  });
  const entries = [
    entry('quiverdb ivf_pq 8-bit', 4, [
      [0.95, 0.2],
      [0.99, 0.5],
    ]),
    entry('quiverdb ivf_pq 4-bit', 3, [[0.96, 0.1]]),
    entry('lancedb ivf_pq', 80, [[0.97, 3]]),
  ];
  const ratioOf = (what: string) => bars('fashion', entries).find((bar) => bar.what === what);

  test('is how many times faster the best of our indexes is', () => {
    expect(ratioOf('awaited, recall 0.95')?.ratio).toBeCloseTo(30);
    expect(ratioOf('build, 8-bit')).toMatchObject({ ratio: 20, wanted: 20 });
  });

  test('says when the other does not reach the recall', () => {
    const bar = ratioOf('awaited, recall 0.99');
    expect(bar?.ratio).toBeUndefined();
    expect(bar?.theirs).toBe('lancedb ivf_pq: not reached');
  });

  test('is not there for those who did not take part', () => {
    expect(bars('fashion', entries).some(({ theirs }) => theirs.startsWith('zvec'))).toBe(false);
  });
});

describe('an axis', () => {
  test('has ticks just around what is drawn', () => {
    expect(ticksAround(37, 410)).toEqual([20, 50, 100, 200, 500]);
    expect(ticksAround(100, 1000)).toEqual([100, 200, 500, 1000]);
  });
});

describe('the true neighbours', () => {
  test('are the nearest rows over all parts, nearest first', () => {
    const parts = [Float32Array.of(0, 0, 5, 5), Float32Array.of(1, 1, 2, 0)];

    const found = nearest(parts, Float32Array.of(1, 0), 3);

    expect(found.map(({ id, distance }) => [id, distance])).toEqual([
      [0, 1],
      [2, 1],
      [3, 1],
    ]);
  });
});

describe('files of vectors', () => {
  test('give back what was written, in parts of any size', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'quiverdb-bench-')), 'vectors.f32');
    const written = new VectorFile(file);
    const vector = new Float32Array(2);
    for (let row = 0; row < 5; row++) {
      vector.fill(row);
      await written.add(vector);
    }
    await written.close();

    expect(readVectors(file, 2)).toHaveLength(5);
    expect([...readParts(file, 2, 2)].map((part) => [...part])).toEqual([
      [0, 0, 1, 1],
      [2, 2, 3, 3],
      [4, 4],
    ]);
  });
});

describe('random numbers', () => {
  test('are the same for the same seed', () => {
    const draw = (seed: number) =>
      Array.from(
        { length: 4 },
        (
          (r) => () =>
            r.normal()
        )(new Random(seed)),
      );
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  test('are normally distributed where that is asked for', () => {
    const random = new Random(1);
    const values = Array.from({ length: 20_000 }, () => random.normal());
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + value ** 2, 0) / values.length;
    expect(mean).toBeCloseTo(0, 1);
    expect(variance).toBeCloseTo(1, 1);
  });
});

describe('asking', () => {
  const queries = Array.from({ length: 250 }, (_, i) => i);
  const noHurry = { budgetMs: Number.POSITIVE_INFINITY, queriesMin: 0 };

  test('gives the answers in the order of the queries, in every way', async () => {
    const expected = queries.map((query) => [query]);
    const slowly = async (query: number) => {
      await new Promise((resolve) => setTimeout(resolve, query % 3));
      return [query];
    };
    expect((await oneByOne((query) => [query], queries, noHurry)).answers).toEqual(expected);
    expect((await inFlight(slowly, queries, noHurry)).answers).toEqual(expected);
    const batch = (part: number[]) => part.map((query) => [query]);
    expect((await inBatches(batch, queries, noHurry)).answers).toEqual(expected);
  });

  test('ends when the time is up and enough was asked', async () => {
    const hurry = { budgetMs: -1, queriesMin: 7 };
    expect((await oneByOne((query) => [query], queries, hurry)).answers).toHaveLength(7);
    const awaited = await inFlight(async (query) => [query], queries, hurry);
    expect(awaited.answers).toHaveLength(7);
  });
});

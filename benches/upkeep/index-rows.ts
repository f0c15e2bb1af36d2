/**
 * New rows for an index: a million rows of 128 dimensions are indexed, 1 % more are added, and `optimize` gives them to
 * the index. Adding and optimizing are to cost a small share of what building the index did.
 */
import { performance } from 'node:perf_hooks';
import { connect, Index, type Table } from 'quiverdb';
import { Random } from '../compare/sets/random.js';
import { inFolder } from './appends.js';
import type { Bar } from './bench.js';

const ROWS = 1_000_000;
const NEW_ROWS = ROWS / 100;
const DIMENSIONS = 128;
const CLUSTERS = 2000;
/** Rows of one call of `add`. */
const CHUNK = 100_000;
const SHARE_MOST = 0.03;
const ROUNDS = 3;

export async function measureIndex(): Promise<Bar[]> {
  return inFolder(async (folder) => {
    const db = await connect(folder, { upkeep: false });
    const next = rows();
    const table = await db.createTable('t', await next(CHUNK));
    for (let at = CHUNK; at < ROWS; at += CHUNK) await table.add(await next(CHUNK));

    const build = await seconds(() =>
      table.createIndex('vector', { config: Index.ivfPq({ numSubVectors: 16 }) }),
    );
    console.log(`building an index of ${ROWS} rows: ${build.toFixed(2)} s`);
    const shares: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const more = await next(NEW_ROWS);
      const add = await seconds(() => table.add(more));
      const optimize = await seconds(() => table.optimize({ keepVersions: 1 }));
      const share = (add + optimize) / build;
      shares.push(share);
      console.log(
        `adding ${NEW_ROWS} rows: ${add.toFixed(3)} s, optimizing: ${optimize.toFixed(3)} s, ` +
          `${(100 * share).toFixed(2)} % of the build`,
      );
      await check(table);
    }
    return [
      {
        what: 'adding 1 % of rows and optimizing, as a share of the build',
        value: Math.max(...shares),
        most: SHARE_MOST,
      },
    ];
  });
}

async function check(table: Table): Promise<void> {
  const stats = await table.indexStats('vector_idx');
  if (stats?.numUnindexedRows !== 0) throw new Error('rows are not in the index');
  const { recall } = await table.measureRecall('vector', { sample: 20 });
  console.log(`recall: ${recall.toFixed(3)}`);
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

/** Makes rows around some centres. */
function rows(): (count: number) => Promise<Record<string, unknown>[]> {
  const random = new Random(7);
  const centres = Float32Array.from({ length: CLUSTERS * DIMENSIONS }, () => random.normal());
  let id = 0;
  return async (count) =>
    Array.from({ length: count }, () => {
      const centre = random.below(CLUSTERS) * DIMENSIONS;
      const vector = new Float32Array(DIMENSIONS);
      for (let i = 0; i < DIMENSIONS; i++) vector[i] = centres[centre + i]! + 0.5 * random.normal();
      return { id: id++, vector };
    });
}

/**
 * Recall and latency on real vectors, with the settings that the project promises something about.
 *
 *     npm run bench
 *
 * Fashion-MNIST comes from Debian's package dataset-fashion-mnist, GloVe from npm (the quickstart's
 * package.json). Exits with an error when a promise is not kept.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { connect, Index, type IvfPqOptions } from 'quiverdb';
import {
  measured,
  median,
  megabytes,
  milliseconds,
  recall,
} from '../examples/quickstart/measure.js';
import { installWords, readWords } from '../examples/quickstart/words.js';

interface Case {
  name: string;
  config: Partial<IvfPqOptions>;
  /** The least recall@10 that is good enough; none where the result is only for information. */
  promised?: number;
  /** Yields batches of rows, and puts the vectors to ask with into `queries`. */
  rows: (queries: Float32Array[]) => AsyncGenerator<Row[]>;
}

interface Row {
  id: number;
  vector: Float32Array;
}

const NEIGHBOURS = 10;
const FASHION_MNIST = '/usr/share/datasets/fashion-mnist';

const CASES: Case[] = [
  {
    name: 'Fashion-MNIST, l2',
    config: { distanceType: 'l2', numPartitions: 256, numSubVectors: 49 },
    promised: 0.99,
    rows: fashionMnist,
  },
  {
    name: 'GloVe, l2',
    config: { distanceType: 'l2', numPartitions: 512, numSubVectors: 25 },
    promised: 0.9,
    rows: glove,
  },
  {
    name: 'GloVe, cosine',
    config: { distanceType: 'cosine', numPartitions: 512, numSubVectors: 25 },
    rows: glove,
  },
];

const folder = await mkdtemp(join(tmpdir(), 'quiverdb-recall-'));
try {
  const results = [];
  for (const one of CASES) results.push(await run(one));
  console.table(results);
  if (results.some((result) => result['recall@10'] < (result.promised ?? 0))) {
    console.error('recall is below what is promised');
    process.exitCode = 1;
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** Fills a table, builds the index, and asks every query exactly and through the index. */
async function run({ name, config, promised, rows }: Case) {
  console.log(`${name}: loading`);
  const db = await connect(folder);
  const queries: Float32Array[] = [];
  const table = await db.createTable<Row>('vectors', rows(queries), { mode: 'overwrite' });

  console.log(`${name}: building the index`);
  const build = await measured(() => table.createIndex('vector', { config: Index.ivfPq(config) }));
  const [index] = await table.listIndices();

  console.log(`${name}: asking ${queries.length} queries`);
  const ask = async (exact: boolean) => {
    const ids: number[][] = [];
    const times: number[] = [];
    for (const vector of queries) {
      const query = table.search(vector).select(['id']).limit(NEIGHBOURS);
      query
        .distanceType(config.distanceType ?? 'l2')
        .nprobes(20)
        .refineFactor(10);
      if (exact) query.bypassVectorIndex();
      const started = performance.now();
      const found = await query.toArray();
      times.push(performance.now() - started);
      ids.push(found.map((row) => row.id));
    }
    return { ids, medianMs: median(times) };
  };
  const exact = await ask(true);
  const indexed = await ask(false);
  const result = {
    vectors: name,
    rows: await table.countRows(),
    settings: `${config.numPartitions} / ${config.numSubVectors}`,
    'recall@10': Number(recall(indexed.ids, exact.ids).toFixed(4)),
    promised,
    indexed: milliseconds(indexed.medianMs),
    exact: milliseconds(exact.medianMs),
    build: `${build.seconds.toFixed(1)} s`,
    'peak memory': megabytes(build.peakBytes),
    index: megabytes(index.sizeBytes ?? 0),
  };
  db.close();
  return result;
}

/** 60 000 pictures of 28 x 28 grey values; 1 000 of the test pictures are the queries. */
async function* fashionMnist(queries: Float32Array[]): AsyncGenerator<Row[]> {
  queries.push(...pictures('t10k-images-idx3-ubyte.gz').slice(0, 1000));
  yield* batched(pictures('train-images-idx3-ubyte.gz').map((vector, id) => ({ id, vector })));
}

/** The pictures of one file: four big-endian numbers (magic, count, height, width), then bytes. */
function pictures(name: string): Float32Array[] {
  const path = join(FASHION_MNIST, name);
  if (!existsSync(path)) {
    throw new Error(`${path} is missing; install it with: apt-get install dataset-fashion-mnist`);
  }
  const bytes = gunzipSync(readFileSync(path));
  const count = bytes.readUInt32BE(4);
  const size = bytes.readUInt32BE(8) * bytes.readUInt32BE(12);
  return Array.from({ length: count }, (_, i) =>
    Float32Array.from(bytes.subarray(16 + i * size, 16 + (i + 1) * size)),
  );
}

/** 341 479 English words; every 341st is kept out and asked for instead. */
async function* glove(queries: Float32Array[]): AsyncGenerator<Row[]> {
  installWords();
  const rows: Row[] = [];
  for await (const { rank, vector } of readWords()) {
    if (rank % 341 === 170) queries.push(vector);
    else rows.push({ id: rank, vector });
  }
  yield* batched(rows);
}

function* batched(rows: Row[]): Generator<Row[]> {
  for (let start = 0; start < rows.length; start += 8192) yield rows.slice(start, start + 8192);
}

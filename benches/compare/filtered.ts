/**
 * Filtered searches beside @lancedb/lancedb: the same rows, the same filters, in the same run.
 *
 *     npm run bench:filtered -- glove
 *
 * A filter lets a share of the rows through, in two ways: without regard to the vectors (`random`), and those
 * whose first value is least (`correlated`), which lie together. Both have a B-tree on both columns. The first
 * column of times is of filters that are asked for the first time, each a little different; the second of one filter
 * that is asked again and again.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import * as arrow from 'apache-arrow';
import { connect, Index } from 'quiverdb';
import { type Ids, NEIGHBOURS } from './engines/engine.js';
import { peer } from './engines/peer.js';
import { openSet, SET_NAMES, type SetName } from './sets/index.js';
import { Random } from './sets/random.js';
import { baseFile, queryFile, readVectors, type VectorSet } from './sets/vectors.js';
import { median, recall } from './statistics.js';

const SHARES = [1, 0.5, 0.1, 0.01, 0.001, 0.0001];
const COLUMNS = ['random', 'correlated'] as const;
/** What ours asks for with a filter; for the comparison, what it asks for without one. */
const TARGET = 0.95;
const TARGETS = [0.95, 0.97, 0.98, 0.99, 0.995, 0.999, 1];
const QUERIES = 100;
const ROUNDS = 3;
/** The same partitions and bytes of code for both, and probes at which both find most without a filter. */
const SHAPES: Record<SetName, { numPartitions: number; numSubVectors: number }> = {
  fashion: { numPartitions: 256, numSubVectors: 49 },
  glove: { numPartitions: 512, numSubVectors: 25 },
  clustered: { numPartitions: 1000, numSubVectors: 16 },
};
/** What the peer needs to find 95 of 100 neighbours without a filter. */
const PEER: Record<SetName, { nprobes: number; refineFactor: number }> = {
  fashion: { nprobes: 12, refineFactor: 10 },
  glove: { nprobes: 64, refineFactor: 20 },
  clustered: { nprobes: 16, refineFactor: 20 },
};
const BENCHES = fileURLToPath(new URL('..', import.meta.url));
const DATA = join(BENCHES, '.data');

/** Answers a query among the rows that a filter lets through; none for all rows. */
type Ask = (query: Float32Array, filter: string | undefined, target?: number) => Promise<Ids>;

interface Opened {
  name: string;
  ask: Ask;
  exact?: Ask;
}

const name = (process.argv[2] ?? 'glove') as SetName;
if (!SET_NAMES.includes(name))
  throw new Error(`${name} is no set; there are ${SET_NAMES.join(', ')}`);
const set = await openSet(name, join(DATA, 'sets'));
const queries = readVectors(queryFile(set), set.dimensions).slice(0, QUERIES);
const ours = await openOurs(set);
const engines = [ours, ...(await openPeer(set))];
console.log(
  `${set.title}; ${queries.length} queries; recall@10, and median milliseconds of a query`,
);
console.log('x unfiltered: beside a query without a filter that finds the same share, or more');
const unfiltered = await curve(ours);
console.log(
  '| matches | column |',
  engines
    .map(({ name }, i) => `${name} | new | again |${i === 0 ? ' x unfiltered |' : ''}`)
    .join(' '),
);
console.log('| --- | --- | --- |', '--- | --- | --- |'.repeat(engines.length));
for (const share of SHARES) {
  for (const column of share === 1 ? [undefined] : COLUMNS) await compare(share, column);
}

/** Recall and time without a filter, for targets from low to high. */
async function curve({ ask, exact }: Opened): Promise<{ recall: number; ms: number }[]> {
  const truth: Ids[] = [];
  for (const query of queries) truth.push(await exact!(query, undefined));
  const points = [];
  for (const target of TARGETS) {
    const times: number[] = [];
    const answers: Ids[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      for (const query of queries) {
        const started = performance.now();
        answers[times.length % queries.length] = await ask(query, undefined, target);
        times.push(performance.now() - started);
      }
    }
    points.push({ recall: recall(answers, truth), ms: median(times) });
  }
  return points;
}

/** The time of the quickest of our queries without a filter that finds at least this share. */
function unfilteredMs(recall: number): number {
  const enough = unfiltered.filter((point) => point.recall >= recall);
  return Math.min(...(enough.length > 0 ? enough : unfiltered.slice(-1)).map(({ ms }) => ms));
}

/** Prints a line: everyone's recall and times among the rows that a share of `column` lets through. */
async function compare(share: number, column: string | undefined): Promise<void> {
  const matches = Math.max(1, Math.round(set.rows * share));
  const filter = column && `${column} < ${matches}`;
  let asked = 0;
  // Every row's rank is at least 0: these all let the same rows through.
  const fresh = () => filter && `${filter} AND ${column} > ${-1 - asked++}`;
  const truth: Ids[] = [];
  for (const query of queries) truth.push(await ours.exact!(query, filter));
  const cells = engines.map(() => ({
    answers: [] as Ids[],
    fresh: [] as number[],
    again: [] as number[],
  }));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, { ask }] of engines.entries()) {
      const timed = async (times: number[], query: Float32Array, filter: string | undefined) => {
        const started = performance.now();
        const ids = await ask(query, filter);
        times.push(performance.now() - started);
        return ids;
      };
      cells[i].answers = [];
      for (const query of queries)
        cells[i].answers.push(await timed(cells[i].fresh, query, fresh()));
      for (const query of queries) await timed(cells[i].again, query, filter);
    }
  }
  const line = cells.map(({ answers, fresh, again }, i) => {
    const found = recall(answers, truth);
    const columns = [found, median(fresh), median(again)].map((number) => number.toFixed(3));
    if (i === 0) columns.push((median(again) / unfilteredMs(found)).toFixed(2));
    return `${columns.join(' | ')} |`;
  });
  console.log(`| ${matches} | ${column ?? 'no filter'} |`, line.join(' '));
}

async function openOurs(set: VectorSet): Promise<Opened> {
  const folder = await stored(set, 'quiverdb', async (folder) => {
    const table = await (await connect(folder)).createTable('rows', rows(arrow, set));
    await table.createIndex('vector', { config: Index.ivfPq(SHAPES[name]) });
    for (const column of COLUMNS) await table.createIndex(column);
  });
  const table = await (await connect(folder)).openTable('rows');
  const search = (query: Float32Array, filter: string | undefined) => {
    const found = table.search(query).select(['id']).limit(NEIGHBOURS);
    return filter === undefined ? found : found.where(filter);
  };
  const ids = (rows: Record<string, any>[]) => rows.map(({ id }) => id as number);
  return {
    name: 'quiverdb',
    ask: async (query, filter, target = TARGET) =>
      ids(await search(query, filter).targetRecall(target).toArray()),
    exact: async (query, filter) => ids(await search(query, filter).bypassVectorIndex().toArray()),
  };
}

/** The peer, if it is installed. */
async function openPeer(set: VectorSet): Promise<Opened[]> {
  if (!existsSync(join(BENCHES, 'peers/node_modules/@lancedb/lancedb'))) return [];
  const { module: lancedb, version } = peer('@lancedb/lancedb');
  const folder = await stored(set, 'lancedb', async (folder) => {
    const db = await lancedb.connect(folder);
    const table = await db.createTable('rows', rows(peer('apache-arrow').module, set));
    await table.createIndex('vector', { config: lancedb.Index.ivfPq(SHAPES[name]) });
    for (const column of COLUMNS) await table.createIndex(column);
  });
  const table = await (await lancedb.connect(folder)).openTable('rows');
  await table.prewarmIndex('vector_idx');
  const { nprobes, refineFactor } = PEER[name];
  const ask: Ask = async (query, filter) => {
    const search = table.query().nearestTo(query).select(['id', '_distance']).limit(NEIGHBOURS);
    if (filter !== undefined) search.where(filter);
    search.nprobes(nprobes).refineFactor(refineFactor).fastSearch();
    const found = (await search.toArrow()).getChild('id');
    return found === null ? [] : Array.from(found.toArray() as Int32Array);
  };
  return [{ name: `lancedb ${version}`, ask }];
}

/** The folder of what `build` made in this run or an earlier one. */
async function stored(
  set: VectorSet,
  engine: string,
  build: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = join(DATA, 'built', set.name, `filtered-${engine}`);
  if (existsSync(folder)) return folder;
  const making = `${folder}.making`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  console.log(`building ${folder}`);
  await build(making);
  renameSync(making, folder);
  return folder;
}

/** The columns `id`, `random`, `correlated` and `vector`, in one piece, by whichever apache-arrow an engine has. */
function rows(arrow: any, set: VectorSet): any {
  const vectors = readVectors(baseFile(set), set.dimensions);
  const random = Array.from(vectors.keys());
  const numbers = new Random(5);
  for (let i = random.length - 1; i > 0; i--) {
    const j = numbers.below(i + 1);
    [random[i], random[j]] = [random[j], random[i]];
  }
  const correlated = new Int32Array(vectors.length);
  const byFirst = Array.from(vectors.keys()).sort((a, b) => vectors[a][0] - vectors[b][0]);
  byFirst.forEach((row, rank) => {
    correlated[row] = rank;
  });
  const values = new Float32Array(vectors.length * set.dimensions);
  vectors.forEach((vector, row) => {
    values.set(vector, row * set.dimensions);
  });
  const { Field, FixedSizeList, Float32, Int32, Schema, Struct, RecordBatch, makeData } = arrow;
  const length = vectors.length;
  const type = new FixedSizeList(set.dimensions, new Field('item', new Float32(), true));
  const whole = (data: Int32Array) => makeData({ type: new Int32(), length, nullCount: 0, data });
  const child = makeData({
    type: new Float32(),
    length: values.length,
    nullCount: 0,
    data: values,
  });
  const columns = {
    id: whole(Int32Array.from(vectors.keys())),
    random: whole(Int32Array.from(random)),
    correlated: whole(correlated),
    vector: makeData({ type, length, nullCount: 0, child }),
  };
  const schema = new Schema(
    Object.entries(columns).map(([name, data]) => new Field(name, data.type, true)),
  );
  const children = Object.values(columns);
  const data = makeData({ type: new Struct(schema.fields), length, nullCount: 0, children });
  return new arrow.Table(schema, new RecordBatch(schema, data));
}

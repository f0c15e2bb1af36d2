/**
 * Filtered searches beside @lancedb/lancedb: the same rows, the same filters, in the same run.
 *
 *     npm run bench:filtered -- glove
 *
 * A filter lets a share of the rows through, in two ways: without regard to the vectors (`random`), and those
 * whose first value is least (`correlated`), which lie together. The peer has a scalar index on both columns.
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
const QUERIES = 100;
const ROUNDS = 3;
/** The same partitions and bytes of code for both, and probes at which both find most without a filter. */
const SHAPES: Record<SetName, { numPartitions: number; numSubVectors: number; nprobes: number }> = {
  fashion: { numPartitions: 256, numSubVectors: 49, nprobes: 12 },
  glove: { numPartitions: 512, numSubVectors: 25, nprobes: 64 },
  clustered: { numPartitions: 1000, numSubVectors: 16, nprobes: 16 },
};
const REFINE = 10;
const DATA = join(fileURLToPath(new URL('.', import.meta.url)), '.data');

/** Answers a query among the rows that a filter lets through; none for all rows. */
type Ask = (query: Float32Array, filter: string | undefined) => Promise<Ids>;

interface Opened {
  name: string;
  ask: Ask;
  exact?: Ask;
}

const name = (process.argv[2] ?? 'glove') as SetName;
if (!SET_NAMES.includes(name)) throw new Error(`${name} is no set; there are ${SET_NAMES.join(', ')}`);
const set = await openSet(name, join(DATA, 'sets'));
const queries = readVectors(queryFile(set), set.dimensions).slice(0, QUERIES);
const ours = await openOurs(set);
const engines = [ours, ...(await openPeer(set))];
console.log(`${set.title}; recall@10 and median milliseconds of a query, over ${queries.length} queries`);
console.log('| matches | column |', engines.map(({ name }) => `${name} |`).join(' '));
for (const share of SHARES) {
  for (const column of share === 1 ? [undefined] : COLUMNS) {
    const matches = Math.max(1, Math.round(set.rows * share));
    const filter = column && `${column} < ${matches}`;
    const truth: Ids[] = [];
    for (const query of queries) truth.push(await ours.exact!(query, filter));
    const cells: string[] = [];
    const times = engines.map((): number[] => []);
    const answers = engines.map((): Ids[] => []);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, engine] of engines.entries()) {
        answers[i] = [];
        for (const query of queries) {
          const started = performance.now();
          answers[i].push(await engine.ask(query, filter));
          times[i].push(performance.now() - started);
        }
      }
    }
    for (const i of engines.keys()) {
      const found = recall(answers[i], truth).toFixed(3);
      cells.push(`${found} ${median(times[i]).toFixed(3)} ms |`);
    }
    console.log(`| ${matches} | ${column ?? 'no filter'} |`, cells.join(' '));
  }
}

async function openOurs(set: VectorSet): Promise<Opened> {
  const folder = await stored(set, 'quiverdb', async (folder) => {
    const table = await (await connect(folder)).createTable('rows', rows(arrow, set));
    const { nprobes: _, ...shape } = SHAPES[name];
    await table.createIndex('vector', { config: Index.ivfPq(shape) });
  });
  const table = await (await connect(folder)).openTable('rows');
  const search = (query: Float32Array, filter: string | undefined) => {
    const found = table.search(query).select(['id']).limit(NEIGHBOURS);
    return filter === undefined ? found : found.where(filter);
  };
  const ids = (rows: Record<string, any>[]) => rows.map(({ id }) => id as number);
  const { nprobes } = SHAPES[name];
  return {
    name: 'quiverdb',
    ask: async (query, filter) =>
      ids(await search(query, filter).minimumNprobes(nprobes).refineFactor(REFINE).toArray()),
    exact: async (query, filter) => ids(await search(query, filter).bypassVectorIndex().toArray()),
  };
}

/** The peer, if it is installed. */
async function openPeer(set: VectorSet): Promise<Opened[]> {
  if (!existsSync(join(DATA, '../peers/node_modules/@lancedb/lancedb'))) return [];
  const { module: lancedb, version } = peer('@lancedb/lancedb');
  const folder = await stored(set, 'lancedb', async (folder) => {
    const db = await lancedb.connect(folder);
    const table = await db.createTable('rows', rows(peer('apache-arrow').module, set));
    const { nprobes: _, ...shape } = SHAPES[name];
    await table.createIndex('vector', { config: lancedb.Index.ivfPq(shape) });
    for (const column of COLUMNS) await table.createIndex(column);
  });
  const table = await (await lancedb.connect(folder)).openTable('rows');
  const { nprobes } = SHAPES[name];
  const ask: Ask = async (query, filter) => {
    const search = table.query().nearestTo(query).select(['id', '_distance']).limit(NEIGHBOURS);
    if (filter !== undefined) search.where(filter);
    search.nprobes(nprobes).refineFactor(REFINE).fastSearch();
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
  const child = makeData({ type: new Float32(), length: values.length, nullCount: 0, data: values });
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

/**
 * Runs one engine for the bench: `serve.ts <engine>`. Orders are lines of JSON on standard input; replies are
 * lines of JSON behind `@` on standard output, where engines may print what they like on other lines.
 */
import { createInterface } from 'node:readline';
import { queryFile, readVectors, type VectorSet } from '../sets/vectors.js';
import type { Engine, Mode, Opened, Settings } from './engine.js';
import { inBatches, inFlight, type Measured, oneByOne } from './measure.js';

const ENGINES: Record<string, () => Promise<{ engine: Engine }>> = {
  quiverdb: () => import('./quiverdb.js'),
  lancedb: () => import('./lancedb.js'),
  zvec: () => import('./zvec.js'),
  hnswlib: () => import('./hnswlib.js'),
  usearch: () => import('./usearch.js'),
};

interface Order {
  op: 'ingest' | 'build' | 'open' | 'ask';
  set: VectorSet;
  folder: string;
  config: Settings;
  mode: Mode;
  settings: Settings;
  queries: number;
  /** Asking ends when so many milliseconds are used up and so many queries answered. */
  budgetMs: number;
  queriesMin: number;
}

const { engine } = await ENGINES[process.argv[2]]();
let opened: Opened | undefined;
let queries: unknown[] = [];

for await (const line of createInterface({ input: process.stdin })) {
  reply(await obey(JSON.parse(line)).catch((error) => ({ error: String(error?.stack ?? error) })));
}
process.exit(0);

async function obey(order: Order): Promise<object> {
  const { op, set, folder, config } = order;
  switch (op) {
    case 'ingest':
      return timed(async () => engine.ingest?.(set, folder));
    case 'build':
      return timed(() => engine.build(set, folder, config));
    case 'open': {
      opened = await engine.open(set, folder, config);
      const asIs = (vector: Float32Array) => vector;
      queries = readVectors(queryFile(set), set.dimensions).map(opened.query ?? asIs);
      const modes = Object.keys(opened).concat(opened.one ? 'flight' : []);
      return { version: engine.version, indexBytes: opened.indexBytes, modes };
    }
    case 'ask':
      return ask(order);
  }
}

function ask({ mode, settings, queries: count, ...limits }: Order): Promise<Measured> {
  if (!opened) throw new Error('nothing is open');
  const asked = queries.slice(0, count);
  switch (mode) {
    case 'exact':
      return oneByOne(opened.exact!(), asked, limits);
    case 'one':
      return oneByOne(opened.one!(settings), asked, limits);
    case 'sync':
      return oneByOne(opened.sync!(settings), asked, limits);
    case 'flight':
      return inFlight(opened.one!(settings), asked, limits);
    case 'batch':
      return inBatches(opened.batch!(settings), asked, limits);
  }
}

async function timed(work: () => Promise<void> | undefined): Promise<{ seconds: number }> {
  const start = performance.now();
  await work();
  return { seconds: (performance.now() - start) / 1000 };
}

function reply(answer: object): void {
  process.stdout.write(`@${JSON.stringify(answer)}\n`);
}

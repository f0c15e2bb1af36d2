/** Who takes part, with which builds, and which settings of a query are tried. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Settings } from './engines/engine.js';
import { hasCargo, rustProgram } from './engines/rust.js';
import type { SetName } from './sets/index.js';

/** One kind of index of one engine on one set. */
export interface Contestant {
  /** The engine and the kind of index: `lancedb ivf_pq`. */
  name: string;
  engine: EngineName;
  config: Settings;
  sweep: Settings[];
  /** How often it is built: what takes a minute is built once. */
  builds: number;
}

const HERE = fileURLToPath(new URL('.', import.meta.url));
const PYTHON = join(HERE, '../.data/venv/bin/python');

/** How an engine is started, and the file that is there when it is installed. */
export const ENGINES = {
  quiverdb: node('quiverdb'),
  'quiverdb-rust': {
    command: () => [rustProgram(), '--serve'],
    isInstalled: hasCargo,
  },
  lancedb: node('lancedb', '@lancedb/lancedb'),
  zvec: node('zvec', '@zvec/zvec'),
  hnswlib: node('hnswlib', 'hnswlib-node'),
  usearch: node('usearch', 'usearch'),
  faiss: {
    command: () => [PYTHON, join(HERE, 'engines/faiss_engine.py')],
    isInstalled: () => existsSync(PYTHON),
  },
} satisfies Record<string, { command: () => string[]; isInstalled: () => boolean }>;

export type EngineName = keyof typeof ENGINES;
export const ENGINE_NAMES = Object.keys(ENGINES) as EngineName[];

function node(engine: string, peer?: string) {
  const serve = join(HERE, 'engines/serve.ts');
  return {
    command: () => [process.execPath, '--import', 'tsx', serve, engine],
    isInstalled: () => peer === undefined || existsSync(join(HERE, '../peers/node_modules', peer)),
  };
}

/**
 * What the comparison is about: partitions, and bytes of code a row, the same for everyone who has such
 * settings; and which probes are tried.
 */
const SHAPES = {
  fashion: { partitions: 256, bytes: 49, probes: [2, 3, 4, 6, 8, 10, 12, 16, 24] },
  glove: { partitions: 512, bytes: 25, probes: [8, 16, 24, 32, 48, 64, 96, 128, 192] },
  clustered: { partitions: 1000, bytes: 16, probes: [1, 2, 4, 8, 12, 16, 24, 32, 64] },
};

/** Candidates that are compared exactly, as a multiple of what is asked for. */
const REFINE = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];
/** How widely graphs are searched. */
const WIDTHS = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768];

/** Everyone who takes part on a set. */
export function contestants(set: SetName): Contestant[] {
  const { partitions, bytes, probes } = SHAPES[set];
  const ours = (engine: EngineName, numBits: 4 | 8): Contestant => ({
    name: `${engine} ivf_pq ${numBits}-bit`,
    engine,
    config: { numPartitions: partitions, numSubVectors: (bytes * 8) / numBits, numBits },
    sweep: grid({ nprobes: probes, refineFactor: REFINE }),
    builds: 3,
  });
  const everyone = [
    ours('quiverdb', 8),
    ours('quiverdb', 4),
    ours('quiverdb-rust', 8),
    ours('quiverdb-rust', 4),
    ...lancedb(set),
    {
      name: 'faiss ivf_pq 4-bit',
      engine: 'faiss' as const,
      config: { factory: `IVF${partitions},PQ${2 * bytes}x4fsr,RFlat` },
      sweep: grid({ nprobe: probes, k_factor: REFINE }),
      builds: 3,
    },
  ];
  // Graphs over a million rows take many minutes to build.
  return set === 'clustered' ? everyone : [...everyone, ...zvec(set), ...graphs()];
}

function lancedb(set: SetName): Contestant[] {
  const { partitions, bytes, probes } = SHAPES[set];
  // Its queries take milliseconds: fewer settings, spread over as wide a range.
  const nprobes = probes.filter((_, i) => i % 2 === 1);
  const of = (name: string, kind: string, options: Settings, sweep: Settings[]): Contestant => ({
    name: `lancedb ${name}`,
    engine: 'lancedb',
    config: { kind, ...options },
    sweep,
    builds: 1,
  });
  const partitioned = grid({ nprobes, refineFactor: [2, 5, 10, 20] });
  const all = [
    of('ivf_pq', 'ivfPq', { numPartitions: partitions, numSubVectors: bytes }, partitioned),
    of('ivf_rq', 'ivfRq', { numPartitions: partitions }, partitioned),
  ];
  if (set === 'clustered') return all;
  const graph = grid({ nprobes: [1], ef: [32, 64, 128, 256, 512], refineFactor: [1, 3] });
  return [...all, of('hnsw_sq', 'hnswSq', { numPartitions: 1 }, graph)];
}

function zvec(set: SetName): Contestant[] {
  const { partitions, probes } = SHAPES[set];
  const of = (name: string, kind: string, options: Settings, sweep: Settings[]): Contestant => ({
    name: `zvec ${name}`,
    engine: 'zvec',
    config: { kind, ...options },
    sweep,
    builds: 1,
  });
  return [
    of(
      'hnsw int8',
      'HNSW',
      { quantizer: 'INT8', m: 16, efConstruction: 200 },
      grid({ ef: WIDTHS, refiner: [0, 1] }),
    ),
    of(
      'ivf_rabitq',
      'IVF_RABITQ',
      { nList: partitions },
      grid({ nprobe: probes, refiner: [0, 1] }),
    ),
  ];
}

function graphs(): Contestant[] {
  const sweep = grid({ ef: WIDTHS });
  const config = { m: 16, efConstruction: 200 };
  return [
    { name: 'hnswlib hnsw', engine: 'hnswlib', config, sweep, builds: 1 },
    {
      name: 'usearch hnsw',
      engine: 'usearch',
      config: { ...config, scalar: 'f32' },
      sweep,
      builds: 1,
    },
  ];
}

/** Every combination of the values. */
function grid(values: Record<string, number[]>): Settings[] {
  return Object.entries(values).reduce<Settings[]>(
    (all, [name, list]) => all.flatMap((one) => list.map((value) => ({ ...one, [name]: value }))),
    [{}],
  );
}

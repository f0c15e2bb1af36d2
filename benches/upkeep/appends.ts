/**
 * 10 000 appends of 10 rows: how many files there are in the end, and how many bytes for each byte of the same rows
 * written at once; and how long the appends took, beside a table without upkeep.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, connect, type Table } from 'quiverdb';
import { Random } from '../compare/sets/random.js';
import type { Bar } from './bench.js';

const APPENDS = 10_000;
const ROWS = 10;
/** As small embedding models have; more of them make what is around the rows weigh less. */
const DIMENSIONS = Number(process.env.DIMENSIONS ?? 384);
const FILES_MOST = 20;
/** Bytes for each byte of live data, with the newest version only, and with the default. */
const GROWTH_MOST = { 'keepVersions: 1': 2, 'the default': 4 };
/** How often the size of the folder is looked at meanwhile. */
const LOOK_EVERY = 250;

interface Result {
  files: number;
  bytes: number;
  peakBytes: number;
  latencies: number[];
}

export async function measureAppends(): Promise<Bar[]> {
  const live = await inFolder(async (folder) => {
    const random = new Random(1);
    const rows = Array.from({ length: APPENDS }, (_, i) => batch(random, i)).flat();
    await (await connect(folder)).createTable('t', rows);
    return sizeOf(folder).bytes;
  });
  console.log(
    `${APPENDS} appends of ${ROWS} rows of ${DIMENSIONS} dimensions; live data: ${mb(live)}`,
  );
  console.log('|  | files | in the end | at most | appends: median, p99, longest, ms |');
  const results: Record<string, Result> = {};
  const modes: Record<string, ConnectionOptions> = {
    'without upkeep': { upkeep: false },
    'keepVersions: 1': { keepVersions: 1 },
    'the default': {},
  };
  for (const [name, options] of Object.entries(modes)) {
    const result = await inFolder((folder) => append(folder, options));
    results[name] = result;
    const { files, bytes, peakBytes, latencies } = result;
    const at = (share: number) => latencies[Math.round(share * (latencies.length - 1))]!.toFixed(2);
    const sizes = [bytes, peakBytes].map((size) => `${mb(size)}, ${(size / live).toFixed(2)}x`);
    const times = [0.5, 0.99, 1].map(at).join(', ');
    console.log(`| ${[name, files, ...sizes, times].join(' | ')} |`);
  }
  const growth = Object.entries(GROWTH_MOST).map(([name, most]) => ({
    what: `bytes for each byte of live data with ${name}`,
    value: results[name]!.bytes / live,
    most,
  }));
  const files = { what: 'files with keepVersions: 1', value: results['keepVersions: 1']!.files };
  return [{ ...files, most: FILES_MOST }, ...growth];
}

async function append(folder: string, options: ConnectionOptions): Promise<Result> {
  const db = await connect(folder, options);
  const random = new Random(1);
  const table = await db.createTable('t', batch(random, 0));
  const latencies: number[] = [];
  let peakBytes = 0;
  for (let i = 1; i < APPENDS; i++) {
    const rows = batch(random, i);
    const started = performance.now();
    await table.add(rows);
    latencies.push(performance.now() - started);
    if (i % LOOK_EVERY === 0) peakBytes = Math.max(peakBytes, sizeOf(folder).bytes);
  }
  await settled(table);
  const { files, bytes } = sizeOf(folder);
  if ((await table.countRows()) !== APPENDS * ROWS) throw new Error('rows are missing');
  table.close();
  latencies.sort((a, b) => a - b);
  return { files, bytes, peakBytes: Math.max(peakBytes, bytes), latencies };
}

/** Waits until upkeep has nothing to do. */
async function settled(table: Table): Promise<void> {
  for (;;) {
    const { state, lastError } = table.upkeepStatus();
    if (lastError !== undefined) throw new Error(lastError);
    if (state === 'idle' || state === 'off') return;
    await sleep(20);
  }
}

function batch(random: Random, at: number): Record<string, unknown>[] {
  return Array.from({ length: ROWS }, (_, row) => ({
    id: at * ROWS + row,
    title: `row ${row} of append ${at}, with a title as long as titles are`,
    vector: Float32Array.from({ length: DIMENSIONS }, () => random.normal()),
  }));
}

/** How many files are in a folder and below, and their bytes. */
function sizeOf(folder: string): { files: number; bytes: number } {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = files.map((file) => {
    const path = join(file.parentPath, file.name);
    return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  });
  return { files: files.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

/** The result of `work` in an empty folder, which goes afterwards. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'quiverdb-upkeep-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

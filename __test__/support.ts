/** What several tests need. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Connection, type ConnectionOptions, connect, QuiverError } from '../lib/index.js';

/** The error that `call` throws; the test fails if it throws another kind, or none. */
export function refusal(call: () => unknown): QuiverError {
  try {
    call();
  } catch (error) {
    if (error instanceof QuiverError) return error;
    throw error;
  }
  throw new Error('expected a QuiverError, but nothing was thrown');
}

/** {@link refusal} for promises. */
export async function rejection(promise: Promise<unknown>): Promise<QuiverError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  return refusal(() => {
    if ('error' in outcome) throw outcome.error;
  });
}

/** An empty folder that goes when the test is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'quiverdb-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The paths of all files in a folder and in those below it. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/** A connection to a folder of the test's own. */
export async function temporaryConnection(options?: ConnectionOptions): Promise<Connection> {
  const db = await connect(temporaryFolder(), options);
  onTestFinished(() => db.close());
  return db;
}

/** Rows `{id: '0', vector: [0, 0, …]}`, `{id: '1', vector: [1, 1, …]}` and so on. */
export function ladder(count: number, dim = 4): Array<{ id: string; vector: number[] }> {
  return Array.from({ length: count }, (_, i) => ({ id: String(i), vector: Array(dim).fill(i) }));
}

/** Numbers from 0 to 1 that look random and are the same in every run. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What the quickstart measures: seconds, memory, bytes and recall. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Runs `work` and says how long it took and how much memory the process held at most meanwhile. */
export async function measured<T>(
  work: () => Promise<T>,
): Promise<{ result: T; seconds: number; peakBytes: number }> {
  const started = performance.now();
  let peakBytes = process.memoryUsage.rss();
  const sampler = setInterval(() => {
    peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
  }, 20);
  try {
    const result = await work();
    peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
    return { result, seconds: (performance.now() - started) / 1000, peakBytes };
  } finally {
    clearInterval(sampler);
  }
}

/** The middle one of some numbers. */
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** The share of the true neighbours that were found, over all queries. */
export function recall(found: unknown[][], truth: unknown[][]): number {
  let hits = 0;
  let wanted = 0;
  for (const [query, expected] of truth.entries()) {
    const answer = new Set(found[query]);
    hits += expected.filter((key) => answer.has(key)).length;
    wanted += expected.length;
  }
  return wanted === 0 ? 0 : hits / wanted;
}

/** The bytes of all files below a folder. */
export function folderBytes(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath ?? entry.path, entry.name)).size;
  }
  return bytes;
}

/** `1500000` as `1.5 MB`. */
export function megabytes(bytes: number): string {
  const value = bytes / 1e6;
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} MB`;
}

/** Milliseconds with as many digits as they deserve. */
export function milliseconds(value: number): string {
  return `${value >= 10 ? value.toFixed(1) : value.toFixed(2)} ms`;
}

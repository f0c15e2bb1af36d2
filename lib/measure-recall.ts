/**
 * Checking an index on the table's own rows.
 *
 * @module
 */
import { rethrow } from './errors.js';
import type { NativeTable } from './native-types.js';
import { checkOptions, optionalWholeNumber, share, text } from './options.js';

/** Options of {@link Table.measureRecall}. */
export interface MeasureRecallOptions {
  /** How many neighbours a query asks for. Default: 10. */
  k?: number;
  /** How many rows are asked with, spread evenly over the table. Default: 200. */
  sample?: number;
  /** Partitions that a query searches. Default: as many as `targetRecall` takes. */
  nprobes?: number;
  /** Candidates for each neighbour that are compared exactly. Default: as for a query that does not say. */
  refineFactor?: number;
  /** The recall that a query asks for; not together with `nprobes`. Default: 0.95. */
  targetRecall?: number;
}

/** What {@link Table.measureRecall} found. */
export interface MeasuredRecall {
  /** The share of the true nearest neighbours that the index found, from 0 to 1. */
  recall: number;
  /** How many rows were asked with. */
  queries: number;
  /** Milliseconds that the engine took for a query with the index. */
  indexedMs: Latency;
  /** Milliseconds that the engine took for an exact query. */
  exactMs: Latency;
}

/** How long queries took, in milliseconds: half of them at most `median`, 95 of 100 at most `p95`. */
export interface Latency {
  median: number;
  p95: number;
}

const OPTIONS: readonly (keyof MeasureRecallOptions)[] = [
  'k',
  'sample',
  'nprobes',
  'refineFactor',
  'targetRecall',
];

/** {@link Table.measureRecall}. */
export async function measureRecall(
  table: NativeTable,
  column: string,
  options?: MeasureRecallOptions,
): Promise<MeasuredRecall> {
  checkOptions<MeasureRecallOptions>('measureRecall', options, OPTIONS);
  const { k, sample, nprobes, refineFactor, targetRecall } = options ?? {};
  const settings = {
    k: optionalWholeNumber('k', k),
    sample: optionalWholeNumber('sample', sample),
    nprobes: optionalWholeNumber('nprobes', nprobes),
    refineFactor: optionalWholeNumber('refineFactor', refineFactor, 0),
    targetRecall: targetRecall === undefined ? undefined : share('targetRecall', targetRecall),
  };
  return rethrow(table.measureRecall(text('column', column), settings));
}

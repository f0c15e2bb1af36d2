/**
 * Upkeep: {@link Table.optimize} and {@link Table.verify}.
 *
 * @module
 */
import { cancellable, type StageProgress } from './cancellable.js';
import type { NativeTable } from './native-types.js';
import { callback, checkOptions, flag, invalid, optionalWholeNumber } from './options.js';

/** Options of {@link Table.optimize}. */
export interface OptimizeOptions {
  /** Versions made before this time are removed. Default: those that `keepVersions` says. */
  cleanupOlderThan?: Date;
  /**
   * How many of the newest versions stay. Default: the newest 100, and all of the last hour. Tagged versions
   * always stay, and so does what a handle shows or a query reads.
   */
  keepVersions?: number;
  /**
   * Whether files that no version names are removed even if they are less than a day old. Only safe when
   * nobody else is writing to the table. Default: false.
   */
  deleteUnverified?: boolean;
  /** Called several times a second with the stages `"compact"` and `"clean up"`. An error it throws ends the work. */
  onProgress?: (progress: StageProgress) => void;
  /** Ends the work; what is done by then stays done, and the table is whole. */
  signal?: AbortSignal;
}

/** What {@link Table.optimize} did. */
export interface OptimizeStats {
  /** Small files of rows that were joined, and files with many deleted rows that were written again. */
  compaction: {
    fragmentsRemoved: number;
    fragmentsAdded: number;
    filesRemoved: number;
    filesAdded: number;
  };
  /** What was removed from the disk. */
  prune: {
    bytesRemoved: number;
    oldVersionsRemoved: number;
  };
}

/** What {@link Table.verify} found. */
export interface VerifyResult {
  /** How many files were read. */
  files: number;
  /** Their bytes. */
  bytes: number;
  /** Files that are missing or damaged, each with the reason. Empty if all is well. */
  problems: string[];
}

/** {@link Table.optimize}. */
export async function optimize(
  table: NativeTable,
  options?: OptimizeOptions,
): Promise<OptimizeStats> {
  checkOptions<OptimizeOptions>('optimize', options, [
    'cleanupOlderThan',
    'keepVersions',
    'deleteUnverified',
    'onProgress',
    'signal',
  ]);
  const settings = {
    cleanupBeforeMs: time(options?.cleanupOlderThan),
    keepVersions: optionalWholeNumber('keepVersions', options?.keepVersions),
    deleteUnverified: flag('deleteUnverified', options?.deleteUnverified),
  };
  const onProgress = callback('onProgress', options?.onProgress);
  const { bytesRemoved, oldVersionsRemoved, ...compaction } = await cancellable(
    'optimizing the table was cancelled; what was done by then stays done',
    options?.signal,
    onProgress,
    (cancel, report) => table.optimize(settings, cancel, report),
  );
  return { compaction, prune: { bytesRemoved, oldVersionsRemoved } };
}

function time(date: Date | undefined): number | undefined {
  if (date === undefined) return undefined;
  const time = date instanceof Date ? date.getTime() : Number.NaN;
  if (Number.isNaN(time)) throw invalid('cleanupOlderThan', date, 'a valid Date');
  return time;
}

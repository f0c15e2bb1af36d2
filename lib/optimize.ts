/**
 * Upkeep: {@link Table.optimize}, {@link Table.verify}, {@link Table.diskUsage}, {@link Connection.repairTable}.
 *
 * @module
 */
import { cancellable, type StageProgress } from './cancellable.js';
import { type KeepVersions, retention } from './keep-versions.js';
import type { NativeOptimizeOptions, NativeTable } from './native-types.js';
import { callback, checkOptions, flag, invalid } from './options.js';

/** Options of {@link Table.optimize}. */
export interface OptimizeOptions {
  /** Versions made before this time are removed. Default: those that `keepVersions` lets go. */
  cleanupOlderThan?: Date;
  /**
   * Which versions stay. Default: with `cleanupOlderThan` just the newest and those since then, else what
   * {@link connect} was told.
   */
  keepVersions?: KeepVersions;
  /**
   * Whether indexes of vectors are trained again, of all rows and with the settings they have. `"auto"`: those that
   * find less than they were trained to, because rows came that are unlike the others, or that have many times the
   * rows; indexes with new rows are measured for this. `true`: all. Default: false.
   */
  retrain?: boolean | 'auto';
  /**
   * Whether files that no version names are removed even if they are less than a day old. Only safe when
   * nobody else is writing to the table. Default: false.
   */
  deleteUnverified?: boolean;
  /**
   * Called several times a second with the stages `"compact"`, `"encode"`, `"write"` and `"clean up"`, and, where
   * indexes are measured or trained, `"measure"` and those of `createIndex`. An error it throws ends the work.
   */
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
  /** Rows that indexes did not cover, and do now; and indexes that were trained again. */
  index: {
    rowsIndexed: number;
    retrained: number;
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

/** Where the bytes of a table are. All but the total add up to it. */
export interface DiskUsage {
  /** Bytes of all files. */
  totalBytes: number;
  /** How many files there are. */
  files: number;
  /** Rows of the newest version, with deleted ones that are still in its files. */
  rowBytes: number;
  /** What says which rows of the newest version are deleted, and which ids they have. */
  rowSetBytes: number;
  /** Indexes of the newest version. */
  indexBytes: number;
  /** What only earlier versions need: {@link Table.optimize} removes it when they go. */
  oldBytes: number;
  /** What no version needs: it is being written, or a process was killed. {@link Table.optimize} removes it after a day. */
  unnamedBytes: number;
  /** Descriptions of versions, and tags. */
  manifestBytes: number;
}

/** What {@link Table.upkeepStatus} tells. */
export interface UpkeepStatus {
  /**
   * - `"off"`: the connection was opened with `upkeep: false`, or the table is closed.
   * - `"idle"`: everything is done since this process last wrote.
   * - `"waiting"`: it looks at what was written when nobody has written for two seconds, or another process is at it.
   * - `"running"`: it is at work.
   */
  state: 'off' | 'idle' | 'waiting' | 'running';
  /** How many things it has done, such as joining some files or adding rows to an index. */
  done: number;
  /** What went wrong last, if nothing went well since. It is tried again later. */
  lastError?: string;
}

/** What {@link Connection.repairTable} found and did. */
export interface RepairResult {
  /** The newest version now. */
  version: number;
  /** The version whose rows it has: itself, if nothing was wrong with them. */
  restoredVersion: number;
  /** Indexes that were damaged and are gone. Searches look at every row until they are built again. */
  droppedIndices: string[];
  /** Files that are missing or damaged, each with the reason. Empty if all was well. */
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
    'retrain',
    'deleteUnverified',
    'onProgress',
    'signal',
  ]);
  const settings = {
    cleanupBeforeMs: time(options?.cleanupOlderThan),
    keep: retention(options?.keepVersions),
    retrain: retraining(options?.retrain),
    deleteUnverified: flag('deleteUnverified', options?.deleteUnverified),
  };
  const onProgress = callback('onProgress', options?.onProgress);
  const { rowsIndexed, retrained, bytesRemoved, oldVersionsRemoved, ...compaction } =
    await cancellable(
      'optimizing the table was cancelled; what was done by then stays done',
      options?.signal,
      onProgress,
      (cancel, report) => table.optimize(settings, cancel, report),
    );
  return {
    compaction,
    index: { rowsIndexed, retrained },
    prune: { bytesRemoved, oldVersionsRemoved },
  };
}

function retraining(retrain: boolean | 'auto' | undefined): NativeOptimizeOptions['retrain'] {
  if (retrain === 'auto') return 'if-worse';
  if (retrain !== undefined && typeof retrain !== 'boolean')
    throw invalid('retrain', retrain, 'true, false or "auto"');
  return retrain ? 'always' : 'never';
}

function time(date: Date | undefined): number | undefined {
  if (date === undefined) return undefined;
  const time = date instanceof Date ? date.getTime() : Number.NaN;
  if (Number.isNaN(time)) throw invalid('cleanupOlderThan', date, 'a valid Date');
  return time;
}

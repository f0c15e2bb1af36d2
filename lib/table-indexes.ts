/**
 * Building indexes, and what is known about them.
 *
 * @module
 */
import { cancellable, type StageProgress } from './cancellable.js';
import { Index } from './indices.js';
import type { NativeIndexInfo, NativeIndexStats, NativeTable } from './native-types.js';
import { callback, checkOptions, flag, invalid, number, text } from './options.js';

/**
 * How far the building of an index is. Its stages are `"sample"`, `"train partitions"`, `"train codebooks"`,
 * `"encode"` and `"write"` for vectors, `"sort"` and `"write"` for scalar indexes.
 */
export type IndexProgress = StageProgress;

/** Options of {@link Table.createIndex}. */
export interface IndexOptions {
  /**
   * The kind of index and its settings. Default: `Index.ivfPq()` for vectors, `Index.labelList()` for lists,
   * `Index.btree()` for everything else.
   */
  config?: Index;
  /** Whether an index of the same name may be replaced. Default: true. */
  replace?: boolean;
  /** The index's name. Default: the column's, followed by `_idx`. */
  name?: string;
  /** Has no effect: the index is there when the promise resolves. */
  waitTimeoutSeconds?: number;
  /** Indexes are always built of the rows there are; only `true` can be given. */
  train?: boolean;
  /** Called several times a stage. An error it throws ends the build. */
  onProgress?: (progress: IndexProgress) => void;
  /** Ends the build, within a tenth of a second. */
  signal?: AbortSignal;
}

/** An index, as {@link Table.listIndices} lists it. */
export interface IndexConfig {
  name: string;
  /** `"IvfPq"`, `"IvfFlat"`, `"BTree"`, `"Bitmap"` or `"LabelList"`. */
  indexType: string;
  /** The column that it is on. */
  columns: string[];
  indexUuid: string;
  createdAt: Date;
  numIndexedRows: number;
  /** Rows that were added after it was built. */
  numUnindexedRows: number;
  sizeBytes: number;
  /** Its settings, and how it was built. */
  indexDetails: Record<string, any>;
}

/** What {@link Table.indexStats} tells. */
export interface IndexStatistics {
  numIndexedRows: number;
  /** Rows that were added after it was built. */
  numUnindexedRows: number;
  /** `"IVF_PQ"`, `"IVF_FLAT"`, `"BTREE"`, `"BITMAP"` or `"LABEL_LIST"`. */
  indexType: string;
  /** Of an index of vectors. */
  distanceType?: string;
  /** How many parts it has. */
  numIndices?: number;
  /**
   * Why it should be trained again, if it should: because it finds less than it was trained to, or has many times the
   * rows. Upkeep does it by itself, and `optimize({ retrain: 'auto' })` on request.
   */
  retrain?: string;
  /**
   * Its settings, and how it was built. `skippedRows` counts the rows that an index of vectors leaves out: deleted
   * ones that are still in their files, and those without a vector.
   */
  details: Record<string, any>;
}

const OPTIONS: readonly (keyof IndexOptions)[] = [
  'config',
  'replace',
  'name',
  'waitTimeoutSeconds',
  'train',
  'onProgress',
  'signal',
];

/** {@link Table.createIndex}. */
export async function buildIndex(
  table: NativeTable,
  column: string,
  options?: IndexOptions,
): Promise<void> {
  checkOptions<IndexOptions>('createIndex', options, OPTIONS);
  options ??= {};
  const { config, signal } = options;
  text('column', column);
  if (config !== undefined && !(config instanceof Index))
    throw invalid(
      'config',
      config,
      'made by Index.ivfPq(), Index.btree() or another of its methods',
    );
  if (options.waitTimeoutSeconds !== undefined)
    number('waitTimeoutSeconds', options.waitTimeoutSeconds, 0);
  if (flag('train', options.train) === false)
    throw invalid('train', false, 'true: indexes are always built of the rows there are');
  const settings = {
    ...config?.settings,
    name: options.name === undefined ? undefined : text('name', options.name),
    replace: flag('replace', options.replace),
  };
  const onProgress = callback('onProgress', options.onProgress);
  await cancellable(
    `the building of an index on column '${column}' was cancelled; nothing was changed`,
    signal,
    onProgress,
    (cancel, report) => table.createIndex(column, settings, cancel, report),
  );
}

/** A native description of an index as callers see it. */
export function toIndexConfig({ details, createdAt, ...info }: NativeIndexInfo): IndexConfig {
  return { ...info, createdAt: new Date(createdAt), indexDetails: JSON.parse(details) };
}

/** Native statistics of an index as callers see them. */
export function toIndexStatistics({ details, ...stats }: NativeIndexStats): IndexStatistics {
  return { ...stats, details: JSON.parse(details) };
}

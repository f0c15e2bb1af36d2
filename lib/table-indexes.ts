/**
 * Building indexes, and what is known about them.
 *
 * @module
 */
import { QuiverError, rethrow } from './errors.js';
import { Index } from './indices.js';
import { addon } from './native.js';
import type { NativeIndexInfo, NativeIndexStats, NativeTable } from './native-types.js';
import { callback, checkOptions, flag, invalid, number, text } from './options.js';

/** How far the building of an index is. */
export interface IndexProgress {
  /** What is being done: `"sample"`, `"train partitions"`, `"train codebooks"`, `"encode"`, `"write"`. */
  stage: string;
  /** How much of this stage is done, in the stage's own unit. */
  done: number;
  /** How much there is to do in this stage. */
  total: number;
}

/** Options of {@link Table.createIndex}. */
export interface IndexOptions {
  /** The kind of index and its settings. Default: `Index.ivfPq()`. */
  config?: Index;
  /** Whether an index of the same name may be replaced. Default: true. */
  replace?: boolean;
  /** The index's name. Default: the column's, followed by `_idx`. */
  name?: string;
  /** Has no effect: the index is there when the promise resolves. */
  waitTimeoutSeconds?: number;
  /** Vector indexes are always trained; only `true` can be given. */
  train?: boolean;
  /** Called several times a stage. An error it throws ends the build. */
  onProgress?: (progress: IndexProgress) => void;
  /** Ends the build, within a tenth of a second. */
  signal?: AbortSignal;
}

/** An index, as {@link Table.listIndices} lists it. */
export interface IndexConfig {
  name: string;
  /** `"IvfPq"` or `"IvfFlat"`. */
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
  /** `"IVF_PQ"` or `"IVF_FLAT"`. */
  indexType: string;
  distanceType?: string;
  /** How many parts it has. */
  numIndices?: number;
  /** Its settings, and how it was built. */
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
  const { config = Index.ivfPq() } = options;
  const signal = abortSignal(options.signal);
  text('column', column);
  if (!(config instanceof Index))
    throw invalid('config', config, 'made by Index.ivfPq() or Index.ivfFlat()');
  if (options.waitTimeoutSeconds !== undefined)
    number('waitTimeoutSeconds', options.waitTimeoutSeconds, 0);
  if (flag('train', options.train) === false)
    throw invalid('train', false, 'true: vector indexes are always trained');
  const settings = {
    ...config.settings,
    name: options.name === undefined ? undefined : text('name', options.name),
    replace: flag('replace', options.replace),
  };
  const onProgress = callback('onProgress', options.onProgress);
  if (signal?.aborted) throw cancelled(column, signal);

  const cancel = new (addon().NativeCancel)();
  const stop = () => cancel.cancel();
  let thrown: { error: unknown } | undefined;
  const report =
    onProgress &&
    ((stage: string, done: number, total: number) => {
      if (thrown !== undefined) return;
      try {
        onProgress({ stage, done, total });
      } catch (error) {
        thrown = { error };
        stop();
      }
    });

  signal?.addEventListener('abort', stop, { once: true });
  try {
    await rethrow(table.createIndex(column, settings, cancel, report));
  } catch (error) {
    if (thrown !== undefined) throw thrown.error;
    if (signal?.aborted && (error as QuiverError).code === 'CANCELLED')
      throw cancelled(column, signal);
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** An AbortSignal, of whatever realm or polyfill. */
function abortSignal(signal: AbortSignal | null | undefined): AbortSignal | undefined {
  if (signal === undefined || signal === null) return undefined;
  if (typeof signal.aborted === 'boolean' && typeof signal.addEventListener === 'function') {
    return signal;
  }
  throw invalid('signal', signal, 'an AbortSignal');
}

function cancelled(column: string, signal: AbortSignal): QuiverError {
  return new QuiverError(
    'CANCELLED',
    `the building of an index on column '${column}' was cancelled; nothing was changed`,
    { cause: signal.reason },
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

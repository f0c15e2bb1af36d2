/**
 * Writing: batch after batch, then one commit that makes them all visible, or none of them.
 *
 * @module
 */
import type { Source } from './data.js';
import { rethrow } from './errors.js';
import type { NativeWriter } from './native-types.js';

/** How far a write is. */
export interface WriteProgress {
  /** Rows written so far. */
  outputRows: number;
  /** Bytes written so far, about. */
  outputBytes: number;
  /** How many rows there are, if that is known beforehand. */
  totalRows?: number;
  elapsedSeconds: number;
  /** Batches being written now. */
  activeTasks: number;
  /** Batches that have been handed over so far. */
  totalTasks: number;
  /** Whether everything is written and visible. */
  done: boolean;
}

/**
 * Writes all rows and commits them; on any error, nothing of them is left.
 *
 * @param open makes the writer
 * @param skipEmpty whether to leave the table as it is if there are no rows
 * @returns the new version, or `undefined` if there were no rows and nothing was changed
 */
export async function writeAll(
  open: () => Promise<NativeWriter>,
  source: Source,
  progress: ((progress: WriteProgress) => void) | undefined,
  skipEmpty: boolean,
): Promise<number | undefined> {
  const start = performance.now();
  const state = { outputRows: 0, outputBytes: 0, totalTasks: 0 };
  const report = (done: boolean) =>
    progress?.({
      ...state,
      totalRows: source.rows,
      elapsedSeconds: (performance.now() - start) / 1000,
      activeTasks: 0,
      done,
    });

  let writer: NativeWriter | undefined;
  try {
    writer = await open();
    for await (const { ipc, rows } of source.chunks) {
      await rethrow(writer.write(ipc));
      state.outputRows += rows;
      state.outputBytes += ipc.length;
      state.totalTasks++;
      report(false);
    }
    if (skipEmpty && state.outputRows === 0) {
      await writer.abort();
      return undefined;
    }
    const version = await rethrow(writer.commit());
    report(true);
    return version;
  } catch (error) {
    // Whatever goes wrong while cleaning up, the first error is the one to tell.
    await source.chunks.return().catch(() => {});
    await writer?.abort().catch(() => {});
    throw error;
  }
}

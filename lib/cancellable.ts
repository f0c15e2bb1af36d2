/**
 * Long work that reports how far it is, and that an `AbortSignal` ends.
 *
 * @module
 */
import { QuiverError, rethrow } from './errors.js';
import { addon } from './native.js';
import type { NativeCancel } from './native-types.js';
import { invalid } from './options.js';

/** How far long work is. */
export interface StageProgress {
  /** What is being done. */
  stage: string;
  /** How much of this stage is done, in the stage's own unit. */
  done: number;
  /** How much there is to do in this stage. */
  total: number;
}

/**
 * Runs `work`, which a signal ends. An error that `onProgress` throws ends it too, and is thrown.
 *
 * @param cancelled what is said when the signal ended it
 */
export async function cancellable<T>(
  cancelled: string,
  signalOption: AbortSignal | null | undefined,
  onProgress: ((progress: StageProgress) => void) | undefined,
  work: (
    cancel: NativeCancel,
    report?: (stage: string, done: number, total: number) => void,
  ) => Promise<T>,
): Promise<T> {
  const signal = abortSignal(signalOption);
  const aborted = () => new QuiverError('CANCELLED', cancelled, { cause: signal?.reason });
  if (signal?.aborted) throw aborted();
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
    return await rethrow(work(cancel, report));
  } catch (error) {
    if (thrown !== undefined) throw thrown.error;
    if (signal?.aborted && (error as QuiverError).code === 'CANCELLED') throw aborted();
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

/**
 * The one error class of this package.
 *
 * @module
 */

/** A stable name for what went wrong, for programs to match on. Messages may be reworded, codes may not. */
export type QuiverErrorCode =
  | 'TABLE_NOT_FOUND'
  | 'TABLE_EXISTS'
  | 'INVALID_TABLE_NAME'
  | 'COLUMN_EXISTS'
  | 'COLUMN_NOT_FOUND'
  | 'INVALID_ARGUMENT'
  | 'DIMENSION_MISMATCH'
  | 'INVALID_DATA'
  | 'SCHEMA_MISMATCH'
  | 'INVALID_SQL'
  | 'UNSUPPORTED_SQL'
  | 'TYPE_MISMATCH'
  | 'INDEX_NOT_FOUND'
  | 'INDEX_EXISTS'
  | 'NOT_ENOUGH_ROWS'
  | 'CORRUPTED'
  | 'UNSUPPORTED_FORMAT'
  | 'IO'
  | 'NOT_DURABLE'
  | 'CONFLICT'
  | 'VERSION_NOT_FOUND'
  | 'TAG_NOT_FOUND'
  | 'TAG_EXISTS'
  | 'READ_ONLY'
  | 'CLOSED'
  | 'CANCELLED'
  | 'TIMEOUT'
  | 'GPU_UNAVAILABLE'
  | 'GPU_FAILED'
  | 'INTERNAL'
  | 'ADDON_NOT_LOADED'
  | 'ARROW_NOT_INSTALLED';

/**
 * Thrown by every method of this package: a stable {@link QuiverError.code}, and a message that says
 * what happened, with the value that was wrong, and what to do.
 *
 * @example
 * ```ts
 * try {
 *   await db.openTable('citys');
 * } catch (error) {
 *   if (error instanceof QuiverError && error.code === 'TABLE_NOT_FOUND') …
 * }
 * ```
 */
export class QuiverError extends Error {
  override readonly name = 'QuiverError';

  /** What went wrong, as a name that does not change between releases. */
  readonly code: QuiverErrorCode;

  /** @internal */
  constructor(code: QuiverErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Awaits a native call and restores the caller's stack, which native errors do not carry. */
export async function rethrow<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    throw asQuiverError(cause);
  }
}

/** {@link rethrow} for native calls that return at once. */
export function rethrowSync<T>(call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw asQuiverError(cause);
  }
}

function asQuiverError(cause: unknown): QuiverError {
  if (cause instanceof QuiverError) return cause;
  const { code, message } = cause as { code?: unknown; message?: unknown };
  // The engine's own codes look like this; napi has others, for faults that are ours.
  const known = typeof code === 'string' && /^[A-Z]+(_[A-Z]+)*$/.test(code);
  return new QuiverError(known ? (code as QuiverErrorCode) : 'INTERNAL', String(message ?? cause), {
    cause,
  });
}

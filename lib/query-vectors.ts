/**
 * Query vectors, in all the shapes that callers have them.
 *
 * @module
 */
import { QuiverError } from './errors.js';
import { describe, dimensions, invalid } from './options.js';

/** A query vector: numbers, or a promise of them. */
export type IntoVector = VectorLike | Promise<VectorLike>;

/** Several query vectors. */
export type MultiVector = readonly IntoVector[];

/** Numbers in a row: an array, a typed array, or a vector of a result or of Arrow. */
export type VectorLike =
  | readonly number[]
  | Float32Array
  | Float64Array
  | Uint8Array
  | Int8Array
  | { toArray(): ArrayLike<number> };

/** Query vectors, checked, except for those that are still to come. */
export type PendingVectors = Array<Float64Array | Promise<Float64Array>>;

/** Reads one query vector, or an array of several. */
export function readVectors(query: IntoVector | MultiVector): PendingVectors {
  if (
    Array.isArray(query) &&
    query.length > 0 &&
    typeof query[0] === 'object' &&
    query[0] !== null
  ) {
    return (query as MultiVector).map((vector, i) => readVector(vector, `query vector ${i}`));
  }
  return [readVector(query as IntoVector, 'the query vector')];
}

/** Reads one query vector; a promise is read once it is fulfilled. */
export function readVector(query: IntoVector, what: string): Float64Array | Promise<Float64Array> {
  if (typeof (query as Promise<VectorLike>)?.then !== 'function') {
    return readNumbers(query as VectorLike, what);
  }
  const pending = (query as Promise<VectorLike>).then((vector) => readNumbers(vector, what));
  // Whoever runs the query is told; a query that is never run must not end the process.
  pending.catch(() => {});
  return pending;
}

function readNumbers(query: VectorLike, what: string): Float64Array {
  const values = open(query);
  if (values === undefined) throw invalid(what, query, 'an array or typed array of numbers');
  if (values.length === 0) throw invalid(what, query, 'an array with at least one number');
  if (Array.isArray(values)) {
    const found = values.findIndex((value) => typeof value !== 'number');
    if (found >= 0) throw notFinite(what, found, values[found]);
  } else if (typeof values[0] !== 'number') {
    throw notFinite(what, 0, values[0]);
  }
  const numbers = new Float64Array(values as ArrayLike<number>);
  // A sum is not finite if one of its terms is not; or if they are huge, which is looked into.
  let sum = 0;
  for (let i = 0; i < numbers.length; i++) sum += numbers[i]!;
  if (!Number.isFinite(sum)) {
    const found = numbers.findIndex((value) => !Number.isFinite(value));
    if (found >= 0) throw notFinite(what, found, numbers[found]);
  }
  return numbers;
}

function notFinite(what: string, index: number, value: unknown): QuiverError {
  return new QuiverError(
    'INVALID_ARGUMENT',
    `item ${index} of ${what} is ${describe(value)}, but it must be a finite number`,
  );
}

function open(query: any): ArrayLike<unknown> | undefined {
  if (Array.isArray(query)) return query;
  if (ArrayBuffer.isView(query)) return query instanceof DataView ? undefined : (query as any);
  return typeof query?.toArray === 'function' ? query.toArray() : undefined;
}

/** Query vectors one after the other, as the engine takes them. */
export function joinVectors(vectors: readonly Float64Array[]): Float64Array {
  if (vectors.length === 1) return vectors[0]!;
  const size = vectors[0]!.length;
  const joined = new Float64Array(vectors.length * size);
  for (const [i, vector] of vectors.entries()) {
    if (vector.length !== size) {
      throw new QuiverError(
        'DIMENSION_MISMATCH',
        `query vector ${i} has ${dimensions(vector.length)}, but query vector 0 has ${size}`,
      );
    }
    joined.set(vector, i * size);
  }
  return joined;
}

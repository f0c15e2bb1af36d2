/**
 * A search for the rows nearest to a vector.
 *
 * @module
 */
import { QuiverError } from './errors.js';
import { DISTANCE_TYPES, type DistanceType } from './indices.js';
import type { NativeCondition, NativeRequest, NativeTable } from './native-types.js';
import { invalid, number, oneOf, text, wholeNumber } from './options.js';
import type { QueryExecutionOptions, Selection } from './query-base.js';
import { type IntoVector, joinVectors, type PendingVectors, readVector } from './query-vectors.js';
import { StandardQueryBase } from './standard-query.js';

/** A row with its distance to the query vector, as the last column. */
export type WithDistance<Row> = Row & { _distance: number };

/**
 * A search for the rows nearest to a vector, nearest first. Made by {@link Table.search},
 * {@link Table.vectorSearch} and {@link Query.nearestTo}.
 *
 * Without an index, and with `bypassVectorIndex()`, it looks at every row, and the answer is exact.
 *
 * @example
 * ```ts
 * const hits = await table.search([0.1, 0.9]).where('year > 2020').limit(5).toArray();
 * ```
 */
export class VectorQuery<Row = WithDistance<Record<string, any>>> extends StandardQueryBase<Row> {
  readonly #vectors: PendingVectors;

  /** @internal */
  constructor(
    table: NativeTable,
    request: NativeRequest,
    conditions: NativeCondition[],
    vectors: PendingVectors,
  ) {
    super(table, request, conditions);
    this.#vectors = vectors;
  }

  /**
   * Returns only some columns, or SQL expressions under names; `_distance` always comes with them.
   *
   * @example
   * ```ts
   * search.select(['id', 'text']);
   * search.select({ id: 'id', closeness: '1 - _distance' });
   * ```
   */
  select<K extends keyof Row & string>(
    columns: K | readonly K[],
  ): VectorQuery<WithDistance<Pick<Row, K>>>;
  select(columns: Selection): VectorQuery<WithDistance<Record<string, any>>>;
  select(columns: Selection): VectorQuery<any> {
    this.setSelection(columns);
    return this;
  }

  /** Adds the column `_rowid`: a bigint that stays the row's own for as long as it exists. */
  withRowId(): VectorQuery<Row & { _rowid: bigint }> {
    this.request.withRowId = true;
    return this as VectorQuery<any>;
  }

  /**
   * Searches for one more vector at the same time. The result gets `query_index` as its first column
   * and has up to `limit` rows for each vector.
   */
  addQueryVector(vector: IntoVector): VectorQuery<Row & { query_index: number }> {
    this.#vectors.push(readVector(vector, `query vector ${this.#vectors.length}`));
    return this as VectorQuery<any>;
  }

  /** Names the vector column. Default: the only one that has as many dimensions as the query. */
  column(column: string): this {
    this.request.column = text('column', column);
    return this;
  }

  /**
   * Sets what distance means. Default: what the column's index was built for, else `"l2"`, or
   * `"hamming"` for columns of bytes.
   */
  distanceType(distanceType: DistanceType): this {
    text('distanceType', distanceType);
    this.request.distanceType = oneOf('distanceType', distanceType, DISTANCE_TYPES);
    return this;
  }

  /** Returns only rows at distances from `lower` (included) to `upper` (not included). */
  distanceRange(lower?: number, upper?: number): this {
    const range = [number('lower', lower ?? undefined), number('upper', upper ?? undefined)];
    if (range[0] !== undefined && range[1] !== undefined && range[0] > range[1]) {
      throw invalid('lower', lower, `at most upper, which is ${upper}`);
    }
    [this.request.lower, this.request.upper] = range;
    return this;
  }

  /**
   * Searches exactly this many partitions of the index: more find more of the true neighbours and
   * take longer. Default: 20. Only a filter makes it more, while fewer than `limit` rows were found:
   * no filter loses rows. `maximumNprobes` bounds that too.
   */
  nprobes(nprobes: number): this {
    wholeNumber('nprobes', nprobes);
    this.request.probesMin = nprobes;
    delete this.request.probesMax;
    return this;
  }

  /** Searches at least this many partitions. Default: 20. */
  minimumNprobes(minimumNprobes: number): this {
    wholeNumber('minimumNprobes', minimumNprobes);
    const { probesMax } = this.request;
    if (probesMax && minimumNprobes > probesMax) {
      throw invalid(
        'minimumNprobes',
        minimumNprobes,
        `at most maximumNprobes, which is ${probesMax}`,
      );
    }
    this.request.probesMin = minimumNprobes;
    return this;
  }

  /**
   * Goes on to as many partitions as this while fewer than `limit` rows were found, as can happen
   * with a filter. 0: to all of them.
   */
  maximumNprobes(maximumNprobes: number): this {
    wholeNumber('maximumNprobes', maximumNprobes, 0);
    const { probesMin } = this.request;
    if (maximumNprobes !== 0 && probesMin && maximumNprobes < probesMin) {
      throw invalid(
        'maximumNprobes',
        maximumNprobes,
        `at least minimumNprobes, which is ${probesMin}`,
      );
    }
    this.request.probesMax = maximumNprobes;
    return this;
  }

  /**
   * Computes the distances of `refineFactor` × `limit` candidates from their stored vectors, and
   * keeps the best. 0: of none, so that `_distance` is the estimate of the compressed index.
   */
  refineFactor(refineFactor: number): this {
    wholeNumber('refineFactor', refineFactor, 0);
    this.request.refineFactor = refineFactor;
    return this;
  }

  /** Applies the filter to the nearest rows that were found, instead of searching among those that pass. */
  postfilter(): this {
    this.request.postfilter = true;
    return this;
  }

  /** Looks at every row instead of using the index: slower, and exact. */
  bypassVectorIndex(): this {
    this.request.bypassVectorIndex = true;
    return this;
  }

  /** @internal */
  protected override limitMin(): number {
    return 1;
  }

  /** @internal */
  protected override pending(): Promise<unknown> | undefined {
    const vectors = this.#vectors;
    if (vectors.every((vector) => vector instanceof Float64Array)) return undefined;
    // What has come stays: the next run does not wait.
    return Promise.all(vectors).then((all) => vectors.splice(0, all.length, ...all));
  }

  /** @internal */
  protected override prepare(options?: QueryExecutionOptions): NativeRequest {
    const request = super.prepare(options);
    request.vectors = joinVectors(this.#vectors as Float64Array[]);
    request.vectorCount = this.#vectors.length;
    if (request.limit === 0) {
      throw new QuiverError('INVALID_ARGUMENT', 'limit is 0, but a vector search needs at least 1');
    }
    return request;
  }
}

/**
 * A search for the rows nearest to a vector.
 *
 * @module
 */
import { QuiverError } from './errors.js';
import { DISTANCE_TYPES, type DistanceType } from './indices.js';
import type { NativeCondition, NativeRequest, NativeTable, QuerySettings } from './native-types.js';
import { invalid, number, oneOf, share, text, wholeNumber } from './options.js';
import type { LateSelection, QueryExecutionOptions, Selected, Selection } from './query-base.js';
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
  /** Whether `nprobes` chose the partitions. */
  #probesFixed = false;

  /** @internal */
  constructor(
    table: NativeTable,
    settings: QuerySettings,
    conditions: NativeCondition[],
    vectors: PendingVectors,
  ) {
    super(table, settings, conditions);
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
  select<const Expressions extends Readonly<Record<string, string>>>(
    columns: Expressions,
  ): VectorQuery<WithDistance<Selected<Row, Expressions>>>;
  select<Name extends string>(
    columns: LateSelection<Name>,
  ): VectorQuery<WithDistance<Record<string, any>>>;
  select(columns: Selection): VectorQuery<any> {
    this.setSelection(columns);
    return this;
  }

  /** Adds the column `_rowid`: a bigint that stays the row's own for as long as it exists. */
  withRowId(): VectorQuery<Row & { _rowid: bigint }> {
    this.settings.withRowId = true;
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
    this.settings.column = text('column', column);
    return this;
  }

  /**
   * Sets what distance means. Default: what the column's index was built for, else `"l2"`, or
   * `"hamming"` for columns of bytes.
   */
  distanceType(distanceType: DistanceType): this {
    text('distanceType', distanceType);
    this.settings.distanceType = oneOf('distanceType', distanceType, DISTANCE_TYPES);
    return this;
  }

  /** Returns only rows at distances from `lower` (included) to `upper` (not included). */
  distanceRange(lower?: number, upper?: number): this {
    const range = [bound('lower', lower ?? undefined), bound('upper', upper ?? undefined)];
    if (range[0] !== undefined && range[1] !== undefined && range[0] > range[1]) {
      throw invalid('lower', lower, `at most upper, which is ${upper}`);
    }
    [this.settings.lower, this.settings.upper] = range;
    return this;
  }

  /**
   * Searches as many partitions of the index as it takes to find this share of the true nearest rows,
   * on average over many queries. Default: 0.95.
   *
   * How many that are was measured on the table's own rows when the index was built. Each query
   * decides for itself: an easy one stops early, a hard one goes on. 1 searches all partitions. The
   * number of candidates that are compared exactly follows too, unless `refineFactor` says it.
   *
   * Of `targetRecall` and `nprobes` the later call counts. `minimumNprobes` and `maximumNprobes` bound
   * the search; without a call of `targetRecall` they replace it.
   *
   * @throws {QuiverError} `INVALID_ARGUMENT` unless it is above 0 and at most 1.
   *
   * @example
   * ```ts
   * const hits = await table.search(vector).targetRecall(0.99).limit(10).toArray();
   * ```
   */
  targetRecall(targetRecall: number): this {
    this.settings.targetRecall = share('targetRecall', targetRecall);
    if (this.#probesFixed) delete this.settings.probesMin;
    this.#probesFixed = false;
    return this;
  }

  /**
   * Searches exactly this many partitions of the index: more find more of the true neighbours and
   * take longer. Default: as many as `targetRecall` takes. Only a filter makes it more, while fewer
   * than `limit` rows were found: no filter loses rows. `maximumNprobes` bounds that too.
   */
  nprobes(nprobes: number): this {
    wholeNumber('nprobes', nprobes);
    this.settings.probesMin = nprobes;
    this.#probesFixed = true;
    delete this.settings.probesMax;
    delete this.settings.targetRecall;
    return this;
  }

  /** Searches at least this many partitions. Default: 20, or none with `targetRecall`. */
  minimumNprobes(minimumNprobes: number): this {
    wholeNumber('minimumNprobes', minimumNprobes);
    const { probesMax } = this.settings;
    if (probesMax && minimumNprobes > probesMax) {
      throw invalid(
        'minimumNprobes',
        minimumNprobes,
        `at most maximumNprobes, which is ${probesMax}`,
      );
    }
    this.settings.probesMin = minimumNprobes;
    this.#probesFixed = false;
    return this;
  }

  /**
   * Goes on to as many partitions as this: with `targetRecall` while more are likely to matter, else
   * while fewer than `limit` rows were found, as can happen with a filter. 0: to all of them.
   */
  maximumNprobes(maximumNprobes: number): this {
    wholeNumber('maximumNprobes', maximumNprobes, 0);
    const { probesMin } = this.settings;
    if (maximumNprobes !== 0 && probesMin && maximumNprobes < probesMin) {
      throw invalid(
        'maximumNprobes',
        maximumNprobes,
        `at least minimumNprobes, which is ${probesMin}`,
      );
    }
    this.settings.probesMax = maximumNprobes;
    return this;
  }

  /**
   * Computes the distances of `refineFactor` × `limit` candidates from their stored vectors, and
   * keeps the best. Default: of as many as `targetRecall` needs, or 0.99 where partitions are chosen by
   * hand. 0: of none, so that `_distance` is the estimate of the compressed index.
   */
  refineFactor(refineFactor: number): this {
    wholeNumber('refineFactor', refineFactor, 0);
    this.settings.refineFactor = refineFactor;
    return this;
  }

  /** Applies the filter to the nearest rows that were found, instead of searching among those that pass. */
  postfilter(): this {
    this.settings.postfilter = true;
    return this;
  }

  /** Looks at every row instead of using the index: slower, and exact. */
  bypassVectorIndex(): this {
    this.settings.bypassVectorIndex = true;
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
    if (this.settings.limit === 0) {
      throw new QuiverError('INVALID_ARGUMENT', 'limit is 0, but a vector search needs at least 1');
    }
    return request;
  }
}

/** A bound of a distance: JSON has no infinity, and no distance is beyond the largest number. */
function bound(argument: string, value: number | undefined): number | undefined {
  const { MAX_VALUE } = Number;
  const checked = number(argument, value);
  return checked === undefined ? undefined : Math.min(Math.max(checked, -MAX_VALUE), MAX_VALUE);
}

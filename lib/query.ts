/**
 * Queries without a vector: scans, and rows taken by their place.
 *
 * @module
 */
import type { NativeRequest, NativeTable, QuerySettings } from './native-types.js';
import {
  type LateSelection,
  QueryBase,
  type QueryExecutionOptions,
  type Selected,
  type Selection,
} from './query-base.js';
import { type IntoVector, type MultiVector, readVectors } from './query-vectors.js';
import { StandardQueryBase } from './standard-query.js';
import { VectorQuery, type WithDistance } from './vector-query.js';

/** A scan of a table's rows, in the order in which they are stored. Made by {@link Table.query}. */
export class Query<Row = Record<string, any>> extends StandardQueryBase<Row> {
  /** @internal */
  constructor(table: NativeTable, settings: QuerySettings = {}) {
    super(table, settings, []);
  }

  /**
   * Returns only some columns, or SQL expressions under names.
   *
   * @example
   * ```ts
   * query.select(['id', 'price']);
   * query.select({ id: 'id', net: 'price / 1.2' });
   * ```
   */
  select<K extends keyof Row & string>(columns: K | readonly K[]): Query<Pick<Row, K>>;
  select<const Expressions extends Readonly<Record<string, string>>>(
    columns: Expressions,
  ): Query<Selected<Row, Expressions>>;
  select<Name extends string>(columns: LateSelection<Name>): Query<Record<string, any>>;
  select(columns: Selection): Query<any> {
    this.setSelection(columns);
    return this;
  }

  /** Adds the column `_rowid`: a bigint that stays the row's own for as long as it exists. */
  withRowId(): Query<Row & { _rowid: bigint }> {
    this.settings.withRowId = true;
    return this as Query<any>;
  }

  /**
   * Makes this a search for the rows nearest to a vector, with the filter and limit that were set.
   *
   * @param vector numbers, a promise of them, or an array of several vectors
   */
  nearestTo(vector: IntoVector | MultiVector): VectorQuery<WithDistance<Row>> {
    return new VectorQuery(
      this.table,
      { ...this.settings },
      [...this.conditions],
      readVectors(vector),
    );
  }
}

/**
 * Rows taken by their place or their id. Made by {@link Table.takeOffsets} and {@link Table.takeRowIds}.
 */
export class TakeQuery<Row = Record<string, any>> extends QueryBase<Row> {
  readonly #rows: Pick<NativeRequest, 'offsets' | 'rowIds'>;

  /** @internal */
  constructor(table: NativeTable, rows: Pick<NativeRequest, 'offsets' | 'rowIds'>) {
    super(table, {});
    this.#rows = rows;
  }

  /** Returns only some columns, or SQL expressions under names. */
  select<K extends keyof Row & string>(columns: K | readonly K[]): TakeQuery<Pick<Row, K>>;
  select<const Expressions extends Readonly<Record<string, string>>>(
    columns: Expressions,
  ): TakeQuery<Selected<Row, Expressions>>;
  select<Name extends string>(columns: LateSelection<Name>): TakeQuery<Record<string, any>>;
  select(columns: Selection): TakeQuery<any> {
    this.setSelection(columns);
    return this;
  }

  /** Adds the column `_rowid`: a bigint that stays the row's own for as long as it exists. */
  withRowId(): TakeQuery<Row & { _rowid: bigint }> {
    this.settings.withRowId = true;
    return this as TakeQuery<any>;
  }

  /** @internal */
  protected override prepare(options?: QueryExecutionOptions): NativeRequest {
    return { ...super.prepare(options), ...this.#rows };
  }
}

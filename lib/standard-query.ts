/**
 * What queries that go through a table's rows share: filter, limit, offset.
 *
 * @module
 */
import { type Filter, type FilterParameter, toCondition } from './filter.js';
import type { NativeCondition, NativeRequest, NativeTable, QuerySettings } from './native-types.js';
import { checkOptions, flag, invalid, text, wholeNumber } from './options.js';
import { QueryBase, type QueryExecutionOptions } from './query-base.js';

/** A column that decides the order of rows. */
export interface ColumnOrdering {
  /** Its name; `a.b` is a field of a struct, and in a search there is `_distance`. */
  columnName: string;
  /** Least first. Default: true. */
  ascending?: boolean;
  /** Whether rows without a value come first. Default: false. */
  nullsFirst?: boolean;
}

/** A query with a filter, an order, a limit and an offset. */
export abstract class StandardQueryBase<Row> extends QueryBase<Row> {
  /** The conditions of {@link where}; a row must meet all of them. @internal */
  protected readonly conditions: NativeCondition[];

  /** @internal */
  constructor(table: NativeTable, settings: QuerySettings, conditions: NativeCondition[]) {
    super(table, settings);
    this.conditions = conditions;
  }

  /**
   * Keeps the rows that meet a condition. Several calls keep the rows that meet all of them.
   *
   * Values from outside belong in `parameters`, one for each `?` (or `$1`, `$2`, …) of the condition: they are
   * never read as SQL. A list is for `IN (?)`.
   *
   * @param predicate an SQL expression, such as `price < 10 AND tag IN ('a', 'b')`. Names that are
   * not plain words stand in backquotes or double quotes.
   *
   * @example
   * ```ts
   * await table.search(vector).where("lang = 'en'").limit(5).toArray();
   * await table.search(vector).where('price < ? AND tag IN (?)', [10, ['a', 'b']]).toArray();
   * ```
   */
  where(predicate: string, parameters?: readonly FilterParameter[]): this;
  /**
   * Keeps the rows that meet the conditions of an object.
   *
   * @example
   * ```ts
   * await table.search(vector).where({ price: { lt: 10 }, tag: ['a', 'b'] }).toArray();
   * ```
   */
  where(filter: Filter<Row>): this;
  where(filter: string | Filter<Row>, parameters?: readonly FilterParameter[]): this {
    this.conditions.push(toCondition('where', filter, parameters));
    return this;
  }

  /**
   * The old name of {@link where}.
   *
   * @deprecated Use {@link where}.
   */
  filter(predicate: string): this {
    return this.where(predicate);
  }

  /** Returns at most `limit` rows. Default: all for a scan, 10 for a vector search. */
  limit(limit: number): this {
    this.settings.limit = wholeNumber('limit', limit, this.limitMin());
    return this;
  }

  /** Leaves out the first `offset` rows of the result. Default: 0. */
  offset(offset: number): this {
    this.settings.offset = wholeNumber('offset', offset, 0);
    return this;
  }

  /**
   * Orders the rows by one or several columns, of which the first counts most. A search orders the nearest
   * rows that it has found; a scan orders all rows that match, and takes `limit` and `offset` from that.
   *
   * @example
   * ```ts
   * await table.query().orderBy({ columnName: 'price', ascending: false }).limit(10).toArray();
   * ```
   */
  orderBy(ordering: ColumnOrdering | readonly ColumnOrdering[]): this {
    const columns: readonly ColumnOrdering[] = Array.isArray(ordering) ? ordering : [ordering];
    this.settings.orderBy = columns.map((column) => {
      if (typeof column !== 'object' || column === null) {
        throw invalid('orderBy', column, 'an object such as { columnName: "price" }');
      }
      checkOptions<ColumnOrdering>('orderBy', column, ['columnName', 'ascending', 'nullsFirst']);
      return {
        column: text('columnName of orderBy', column.columnName),
        ascending: flag('ascending of orderBy', column.ascending) ?? true,
        nullsFirst: flag('nullsFirst of orderBy', column.nullsFirst) ?? false,
      };
    });
    return this;
  }

  /**
   * Searches only the rows that the index covers: faster after many additions, and blind to them.
   * Without an index there are none.
   */
  fastSearch(): this {
    this.settings.fastSearch = true;
    return this;
  }

  /** The least `limit` that makes sense. @internal */
  protected limitMin(): number {
    return 0;
  }

  /** @internal */
  protected override prepare(options?: QueryExecutionOptions): NativeRequest {
    const request = super.prepare(options);
    if (this.conditions.length > 0) request.filter = [...this.conditions];
    return request;
  }
}

/**
 * What queries that go through a table's rows share: filter, limit, offset.
 *
 * @module
 */
import type { NativeRequest, NativeTable } from './native-types.js';
import { text, wholeNumber } from './options.js';
import { QueryBase, type QueryExecutionOptions } from './query-base.js';

/** A query with a filter, a limit and an offset. */
export abstract class StandardQueryBase<Row> extends QueryBase<Row> {
  /** The conditions of {@link where}; a row must meet all of them. @internal */
  protected readonly conditions: string[];

  /** @internal */
  constructor(table: NativeTable, request: NativeRequest, conditions: string[]) {
    super(table, request);
    this.conditions = conditions;
  }

  /**
   * Keeps the rows that meet a condition. Several calls keep the rows that meet all of them.
   *
   * @param predicate an SQL expression, such as `price < 10 AND tag IN ('a', 'b')`. Names that are
   * not plain words stand in backquotes or double quotes.
   *
   * @example
   * ```ts
   * await table.search(vector).where("lang = 'en'").limit(5).toArray();
   * ```
   */
  where(predicate: string): this {
    this.conditions.push(text('where', predicate));
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
    this.request.limit = wholeNumber('limit', limit, this.limitMin());
    return this;
  }

  /** Leaves out the first `offset` rows of the result. Default: 0. */
  offset(offset: number): this {
    this.request.offset = wholeNumber('offset', offset, 0);
    return this;
  }

  /**
   * Searches only the rows that the index covers: faster after many additions, and blind to them.
   * Without an index there are none.
   */
  fastSearch(): this {
    this.request.fastSearch = true;
    return this;
  }

  /** The least `limit` that makes sense. @internal */
  protected limitMin(): number {
    return 0;
  }

  /** @internal */
  protected override prepare(options?: QueryExecutionOptions): NativeRequest {
    const request = super.prepare(options);
    if (this.conditions.length > 0) request.filter = allOf(this.conditions);
    return request;
  }
}

function allOf(conditions: readonly string[]): string {
  if (conditions.length === 1) return conditions[0]!;
  // The line break ends a comment that a condition may end with.
  return conditions.map((condition) => `(${condition}\n)`).join(' AND ');
}

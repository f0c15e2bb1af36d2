/**
 * Ways to say which rows: SQL with values beside it, and objects.
 *
 * @module
 */
import { QuiverError } from './errors.js';
import { ofObject } from './filter-object.js';
import { toParameter } from './filter-values.js';
import type { NativeCondition } from './native-types.js';
import { invalid, text } from './options.js';

/** A value for a `?` in SQL. A `Date` is a time; a `Uint8Array` (or `Buffer`) is bytes. */
export type FilterValue = string | number | bigint | boolean | Date | Uint8Array | null;

/** A value for a `?`, or a list of values of one kind for `IN (?)` and functions of lists. */
export type FilterParameter = FilterValue | readonly FilterValue[] | ArrayLike<number>;

/** What a column of type `T` can be compared with. */
export type Comparable<T> = T extends number | bigint
  ? number | bigint | Date
  : T extends string | boolean | Date | Uint8Array
    ? T | (T extends Date ? string : never)
    : never;

/** Conditions on one column; a row must meet all of them. */
export interface ColumnConditions<T> {
  /** Equal; `null` asks for rows without a value. */
  eq?: T | null;
  /** Not equal, and not null; `null` asks for rows with a value. */
  ne?: T | null;
  lt?: T;
  lte?: T;
  gt?: T;
  gte?: T;
  /** From the first to the second value, both included. */
  between?: readonly [T, T];
  /** One of the values; a `null` among them also asks for rows without a value. */
  in?: readonly (T | null)[];
  /** None of the values, and not null. */
  notIn?: readonly (T | null)[];
  /** Whether there is no value. */
  isNull?: boolean;
  /** `%` stands for any characters, `_` for one. */
  like?: string;
  /** As `like`, without regard to case. */
  ilike?: string;
  startsWith?: string;
  endsWith?: string;
  contains?: string;
}

/** Conditions on a column of lists. */
export interface ListConditions<E> {
  /** The list has this element. */
  has?: E;
  /** The list has one of these elements. */
  hasAny?: readonly E[];
  /** The list has all of these elements. */
  hasAll?: readonly E[];
  isNull?: boolean;
}

/** A value that the column equals, values of which it equals one, or conditions. */
export type ColumnFilter<T> = 0 extends 1 & T
  ? any
  : T extends ArrayLike<infer E> & object
    ? ListConditions<Comparable<NonNullable<E>>> | null
    : [Comparable<T>] extends [never]
      ? { readonly [K in keyof T]?: ColumnFilter<NonNullable<T[K]>> } | { isNull?: boolean } | null
      : Comparable<T> | readonly (Comparable<T> | null)[] | ColumnConditions<Comparable<T>> | null;

/**
 * An object that says which rows: its members are columns, and a row must meet all of them. `AND`, `OR` and
 * `NOT` combine such objects.
 *
 * @example
 * ```ts
 * table.query().where({ price: { lt: 10 }, tag: ['a', 'b'] });
 * table.query().where({ OR: [{ lang: 'en' }, { stars: { gte: 4 } }], NOT: { title: null } });
 * ```
 */
export type Filter<Row = Record<string, any>> = {
  readonly [K in keyof Row]?: ColumnFilter<NonNullable<Row[K]>>;
} & {
  readonly AND?: readonly Filter<Row>[];
  readonly OR?: readonly Filter<Row>[];
  readonly NOT?: Filter<Row>;
};

/** Which rows an operation is about. */
export interface Where<Row = Record<string, any>> {
  /** An SQL condition that the rows must meet, or an object. Default: all rows. */
  where?: string | Filter<Row>;
  /** A value for each `?` of an SQL condition. */
  parameters?: readonly FilterParameter[];
}

/** The condition of an operation, as it goes to the engine; `undefined` for all rows. @internal */
export function whereCondition(options: Where<any> | undefined): NativeCondition | undefined {
  const { where, parameters } = options ?? {};
  if (where !== undefined) return toCondition('where', where, parameters);
  if (parameters === undefined) return undefined;
  throw new QuiverError(
    'INVALID_ARGUMENT',
    'parameters were given without where; they are the values of its ?: { where: "x < ?", parameters: [10] }',
  );
}

/** A filter in either form, as it goes to the engine. @internal */
export function toCondition(
  argument: string,
  filter: string | object,
  parameters?: readonly FilterParameter[],
): NativeCondition {
  if (typeof filter === 'object' && filter !== null && !Array.isArray(filter)) {
    if (parameters !== undefined) {
      throw new QuiverError(
        'INVALID_ARGUMENT',
        `${argument} was given an object and values; values go with SQL: where("x < ?", [10])`,
      );
    }
    return ofObject(filter);
  }
  const sql = text(argument, filter as string);
  if (parameters === undefined) return { sql };
  if (!Array.isArray(parameters)) {
    throw invalid(`the values of ${argument}`, parameters, 'an array with a value for each ?');
  }
  return {
    sql,
    parameters: parameters.map((value, i) => toParameter(`value ${i + 1} of ${argument}`, value)),
  };
}

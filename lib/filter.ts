/**
 * Ways to say which rows: SQL with values beside it, and objects.
 *
 * @module
 */
import { QuiverError } from './errors.js';
import type { NativeCondition, NativeParameter } from './native-types.js';
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

type AnyConditions = ColumnConditions<any> & ListConditions<any>;

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
    const values: NativeParameter[] = [];
    const sql = allOf(filter as Record<string, unknown>, [], values);
    return { sql, parameters: values };
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

type Member = 'numbers' | 'bigints' | 'strings' | 'booleans' | 'times' | 'bytes';

const SHORT = new Map<string, string>([
  ['lt', '<'],
  ['lte', '<='],
  ['gt', '>'],
  ['gte', '>='],
  ['like', 'LIKE'],
  ['ilike', 'ILIKE'],
]);

const CALLS = new Map<string, string>([
  ['startsWith', 'starts_with'],
  ['endsWith', 'ends_with'],
  ['contains', 'contains'],
  ['has', 'array_has'],
  ['hasAny', 'array_has_any'],
  ['hasAll', 'array_has_all'],
]);

const OPERATORS = new Set([
  ...SHORT.keys(),
  ...CALLS.keys(),
  'eq',
  'ne',
  'in',
  'notIn',
  'between',
  'isNull',
]);

/** The SQL of an object: names are quoted, values become parameters. */
function allOf(
  filter: Record<string, unknown>,
  path: readonly string[],
  values: NativeParameter[],
): string {
  const conditions = Object.entries(filter).map(([name, value]) => {
    const where = [...path, name].join('.');
    if (value === undefined) {
      throw new QuiverError(
        'INVALID_ARGUMENT',
        `${where} in where is undefined; leave it out to ask for all rows, or pass null for those without a value`,
      );
    }
    if (path.length === 0 && (name === 'AND' || name === 'OR')) {
      if (!Array.isArray(value)) throw invalid(`${name} in where`, value, 'an array of objects');
      const parts = value.map((part) => `(${allOf(plain(`${name} in where`, part), [], values)})`);
      if (parts.length === 0) return name === 'AND' ? 'true' : 'false';
      return `(${parts.join(` ${name} `)})`;
    }
    if (path.length === 0 && name === 'NOT') {
      return `NOT (${allOf(plain('NOT in where', value), [], values)})`;
    }
    return column([...path, name], value, values);
  });
  return conditions.length === 0 ? 'true' : conditions.join(' AND ');
}

function column(path: readonly string[], value: unknown, values: NativeParameter[]): string {
  const where = `${path.join('.')} in where`;
  // A dotted name may be a path; the engine looks for a column of the whole name too.
  const name = path
    .flatMap((part) => part.split('.'))
    .map((part) => `\`${part.replaceAll('`', '``')}\``)
    .join('.');
  const bind = (value: unknown): string => {
    values.push(toParameter(where, value));
    return '?';
  };
  if (Array.isArray(value)) return oneOf(name, value, bind);
  if (!isPlain(value)) return equal(name, value, bind);
  const keys = Object.keys(value);
  const operators = keys.filter((key) => OPERATORS.has(key));
  if (operators.length === 0 && keys.length > 0) return `(${allOf(value, path, values)})`;
  if (operators.length < keys.length || keys.length === 0) {
    const unknown = keys.find((key) => !OPERATORS.has(key));
    throw new QuiverError(
      'INVALID_ARGUMENT',
      `${where} has ${unknown === undefined ? 'no condition' : `the unknown condition '${unknown}'`}; there are ${[
        ...OPERATORS,
      ].join(', ')}`,
    );
  }
  const { length } = keys;
  const parts = keys.map((key) => compare(name, key, value[key], `${key} of ${where}`, bind));
  return length === 1 ? parts[0]! : `(${parts.join(' AND ')})`;
}

function compare(
  name: string,
  key: string,
  value: unknown,
  where: string,
  bind: (value: unknown) => string,
): string {
  if (value === undefined) throw invalid(where, value, 'a value; leave it out to not compare');
  const short = SHORT.get(key);
  if (short !== undefined) return `${name} ${short} ${bind(notNull(where, value))}`;
  const call = CALLS.get(key);
  if (call !== undefined) return `${call}(${name}, ${bind(notNull(where, value))})`;
  switch (key as keyof AnyConditions) {
    case 'eq':
      return equal(name, value, bind);
    case 'ne':
      return value === null ? `${name} IS NOT NULL` : `${name} <> ${bind(value)}`;
    case 'in':
      return oneOf(name, array(where, value), bind);
    case 'notIn': {
      const listed = array(where, value).filter((item) => item !== null);
      return `(${name} IS NOT NULL AND ${name} NOT IN (${bind(listed)}))`;
    }
    case 'between': {
      const bounds = array(where, value);
      if (bounds.length !== 2) throw invalid(where, value, 'an array of two values');
      const [low, high] = bounds.map((bound) => bind(notNull(where, bound)));
      return `${name} BETWEEN ${low} AND ${high}`;
    }
    default:
      if (typeof value !== 'boolean') throw invalid(where, value, 'true or false');
      return `${name} IS ${value ? '' : 'NOT '}NULL`;
  }
}

function equal(name: string, value: unknown, bind: (value: unknown) => string): string {
  return value === null ? `${name} IS NULL` : `${name} = ${bind(value)}`;
}

/** Null is one of the values that a list may ask for, as it is for people. */
function oneOf(name: string, list: readonly unknown[], bind: (value: unknown) => string): string {
  const listed = list.filter((item) => item !== null);
  const among = `${name} IN (${bind(listed)})`;
  return listed.length === list.length ? among : `(${among} OR ${name} IS NULL)`;
}

function notNull(where: string, value: unknown): unknown {
  if (value === null) throw invalid(where, value, 'a value; ask for rows without one with null');
  return value;
}

function array(where: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(where, value, 'an array');
  return value;
}

function plain(where: string, value: unknown): Record<string, unknown> {
  if (!isPlain(value)) throw invalid(where, value, 'an object of columns');
  return value;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** A value or a list of values of one kind, as the engine takes it. */
function toParameter(where: string, value: unknown): NativeParameter {
  if (ArrayBuffer.isView(value) && !isBytes(value)) {
    const list = Array.from(value as unknown as ArrayLike<number | bigint>);
    return typed(where, list, true);
  }
  return Array.isArray(value) ? typed(where, value, true) : typed(where, [value], false);
}

function typed(where: string, items: readonly unknown[], list: boolean): NativeParameter {
  const values = items.filter((item) => item !== null);
  const parameter: NativeParameter = { list, hasNull: values.length < items.length };
  let kind: Member | undefined;
  for (const value of values) {
    const own = kindOf(where, value);
    kind ??= own;
    if (kind === own) continue;
    // Numbers and bigints mix, because both say whole numbers.
    if (isNumeric(kind) && isNumeric(own)) kind = 'bigints';
    else
      throw invalid(
        where,
        list ? values : value,
        `a list of one kind of value, not of ${kind} and ${own}`,
      );
  }
  if (kind === undefined) return parameter;
  return { ...parameter, [kind]: MAKE[kind](values, where) };
}

const MAKE: Record<Member, (values: readonly unknown[], where: string) => unknown> = {
  numbers: (values) => Float64Array.from(values as number[]),
  bigints: (values, where) =>
    values.map((value) => {
      if (typeof value === 'bigint') return value;
      if (Number.isSafeInteger(value)) return BigInt(value as number);
      throw invalid(where, value, 'a whole number, because the list has bigints');
    }),
  times: (values) => Float64Array.from(values as Date[], (date) => date.getTime()),
  strings: (values) => values,
  booleans: (values) => values,
  bytes: (values) => values,
};

function kindOf(where: string, value: unknown): Member {
  if (typeof value === 'string') return 'strings';
  if (typeof value === 'boolean') return 'booleans';
  if (typeof value === 'bigint') return 'bigints';
  if (typeof value === 'number') {
    if (Number.isNaN(value)) throw invalid(where, value, 'a number that is one');
    return 'numbers';
  }
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw invalid(where, 'Invalid Date', 'a valid Date');
    return 'times';
  }
  if (isBytes(value)) return 'bytes';
  throw invalid(where, value, 'a string, number, bigint, boolean, Date, Uint8Array or null');
}

function isNumeric(kind: Member): boolean {
  return kind === 'numbers' || kind === 'bigints';
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

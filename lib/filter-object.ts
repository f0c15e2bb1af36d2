/**
 * The SQL of an object that says which rows: names are quoted, values become parameters.
 *
 * @module
 */
import { QuiverError } from './errors.js';
import { toParameter } from './filter-values.js';
import type { NativeCondition, NativeParameter } from './native-types.js';
import { invalid } from './options.js';

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

/** The condition that an object is. */
export function ofObject(filter: object): NativeCondition {
  const values: NativeParameter[] = [];
  const sql = allOf(filter as Record<string, unknown>, [], values);
  return { sql, parameters: values };
}

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
  switch (key) {
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

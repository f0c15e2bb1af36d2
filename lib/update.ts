/**
 * Changing rows that are there: {@link Table.update} and {@link Table.delete}.
 *
 * @module
 */
import { Schema } from './arrow/library.js';
import { tableOfRows, toIpc } from './arrow/make-table.js';
import { QuiverError } from './errors.js';
import { type Where, whereCondition } from './filter.js';
import type { NativeUpdate } from './native-types.js';
import { checkOptions, didYouMean, invalid, text } from './options.js';

/** New values of columns, with the rows that get them. */
export interface UpdateOptions<Row = Record<string, any>> extends Where<Row> {
  /** The new values, by column, as they would be in {@link Table.add}. */
  values?: Record<string, unknown>;
  /** The new values as SQL expressions over the row as it was, by column. */
  valuesSql?: Record<string, string>;
}

/** New values as SQL expressions over the row as it was, by column. */
export type UpdateExpressions = Map<string, string> | Record<string, string>;

/** What {@link Table.update} did. */
export interface UpdateResult {
  /** How many rows changed. */
  rowsUpdated: number;
  /** The version with the changes; the current one if no row met the condition. */
  version: number;
}

/** What {@link Table.delete} did. */
export interface DeleteResult {
  /** How many rows went. */
  numDeletedRows: number;
  /** The version without them; the current one if no row met the condition. */
  version: number;
}

/** What the engine is asked to do. */
export async function toNativeUpdate(
  update: UpdateOptions<any> | UpdateExpressions,
  options: Where<any> | undefined,
  schema: () => Promise<Schema>,
): Promise<NativeUpdate> {
  if (isOptions(update)) {
    checkOptions<UpdateOptions>('update', update, ['where', 'parameters', 'values', 'valuesSql']);
    const values = Object.entries(update.values ?? {});
    return {
      filter: whereCondition(update),
      expressions: assignments(Object.entries(update.valuesSql ?? {})),
      values: values.length === 0 ? undefined : valuesIpc(values, await schema()),
    };
  }
  checkOptions<Where>('update', options, ['where', 'parameters']);
  const entries = update instanceof Map ? [...update] : Object.entries(update);
  return { filter: whereCondition(options), expressions: assignments(entries) };
}

function isOptions(update: UpdateOptions<any> | UpdateExpressions): update is UpdateOptions<any> {
  if (typeof update !== 'object' || update === null || Array.isArray(update)) {
    throw invalid('update', update, '{ values } or { valuesSql }, or a Map of columns and SQL');
  }
  const isObject = (value: unknown) => typeof value === 'object' && value !== null;
  return !(update instanceof Map) && (isObject(update.values) || isObject(update.valuesSql));
}

function assignments(entries: Array<[string, string]>): Array<{ column: string; sql: string }> {
  return entries.map(([column, sql]) => ({
    column,
    sql: text(`the expression for '${column}'`, sql),
  }));
}

/** One row of just the columns that change. */
function valuesIpc(values: Array<[string, unknown]>, schema: Schema): Uint8Array {
  const names = schema.fields.map((field) => field.name);
  const fields = values.map(([name]) => {
    const lower = name.toLowerCase();
    const alike = schema.fields.filter((field) => field.name.toLowerCase() === lower);
    const exact = schema.fields.find((field) => field.name === name);
    const found = exact ?? (alike.length === 1 ? alike[0] : undefined);
    if (found !== undefined) return found;
    throw new QuiverError(
      'COLUMN_NOT_FOUND',
      `column '${name}' was not found${didYouMean(name, names)}; the columns are ${names.join(', ')}`,
    );
  });
  const row = Object.fromEntries(fields.map((field, i) => [field.name, values[i]![1]]));
  return toIpc(tableOfRows([row], new Schema(fields), 0));
}

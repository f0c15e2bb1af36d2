/**
 * Making a table: {@link Connection.createTable}.
 *
 * @module
 */
import type { Schema } from './arrow/library.js';
import { fromIpc, schemaToIpc } from './arrow/make-table.js';
import { type SchemaLike, schemaDifference, toSchema } from './arrow/schema.js';
import { type Data, openData } from './data.js';
import { QuiverError, rethrow } from './errors.js';
import type { NativeConnection, NativeTable } from './native-types.js';
import { checkOptions, flag, invalid, oneOf, text } from './options.js';
import { writeAll } from './write.js';

/** Options of {@link Connection.createTable}. */
export interface CreateTableOptions {
  /**
   * What to do about a table of that name: `"create"` makes it an error, `"overwrite"` replaces its
   * rows, columns and indexes. Default: `"create"`.
   */
  mode?: 'create' | 'overwrite';
  /** Whether to return the table of that name, if there is one, and ignore the data. Default: false. */
  existOk?: boolean;
  /** The columns and their types. Default: those of the data. */
  schema?: SchemaLike;
}

const OPTIONS: readonly (keyof CreateTableOptions)[] = ['mode', 'existOk', 'schema'];

/** Makes a table and writes its first rows, or opens the one that is there if `existOk` says so. */
export async function createTable(
  connection: NativeConnection,
  name: string,
  data: Data,
  options: CreateTableOptions | undefined,
): Promise<NativeTable> {
  checkOptions<CreateTableOptions>('createTable', options, OPTIONS);
  text('name', name);
  if (data === undefined || data === null) throw invalid('data', data, 'rows, or [] with a schema');
  const mode = oneOf('mode', options?.mode, ['create', 'overwrite']) ?? 'create';
  const existOk = flag('existOk', options?.existOk) === true && mode === 'create';
  const schema = options?.schema && toSchema(options.schema);

  const existing = existOk ? await openIfThere(connection, name) : undefined;
  if (existing !== undefined) return accept(existing, schema);

  const source = await openData(data, schema);
  const open = () => rethrow(connection.createTable(name, schemaToIpc(source.schema), mode));
  try {
    await writeAll(open, source, undefined, false);
  } catch (error) {
    // Another writer may have made the table meanwhile.
    const lost = existOk && (error as QuiverError).code === 'TABLE_EXISTS';
    const winner = lost ? await openIfThere(connection, name) : undefined;
    if (winner !== undefined) return accept(winner, schema);
    throw error;
  }
  return rethrow(connection.openTable(name));
}

async function openIfThere(
  connection: NativeConnection,
  name: string,
): Promise<NativeTable | undefined> {
  try {
    return await rethrow(connection.openTable(name));
  } catch (error) {
    if ((error as QuiverError).code === 'TABLE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** A table that was there already, if its columns are those that were asked for. */
async function accept(table: NativeTable, schema: Schema | undefined): Promise<NativeTable> {
  if (schema === undefined) return table;
  const stored = fromIpc(await rethrow(table.schema())).schema;
  const difference = schemaDifference(schema, stored);
  if (difference === undefined) return table;
  throw new QuiverError(
    'SCHEMA_MISMATCH',
    `the provided schema does not match the existing table '${table.name}': ${difference}`,
  );
}

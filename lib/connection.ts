/**
 * A connection: a folder of tables.
 *
 * @module
 */
import type { Schema } from './arrow/library.js';
import { fromIpc, schemaToIpc } from './arrow/make-table.js';
import { type SchemaLike, schemaDifference, toSchema } from './arrow/schema.js';
import { type Data, openData } from './data.js';
import { QuiverError, rethrow } from './errors.js';
import { type KeepVersions, retention } from './keep-versions.js';
import { addon } from './native.js';
import type { NativeConnection, NativeTable } from './native-types.js';
import type { RepairResult } from './optimize.js';
import {
  checkOptions,
  flag,
  invalid,
  number,
  oneOf,
  optionalWholeNumber,
  text,
} from './options.js';
import { Table } from './table.js';
import { writeAll } from './write.js';

/** Options of {@link connect}. */
export interface ConnectionOptions {
  /**
   * How old, in seconds, a table handle's view of what others wrote may be. Default: 0, every read
   * sees everything that was committed before it.
   */
  readConsistencyInterval?: number;
  /**
   * Which versions of a table stay when it is put in order. Default: `{ versions: 100, hours: 1 }`, the last 100
   * and everything of the last hour.
   */
  keepVersions?: KeepVersions;
  /**
   * Whether tables that this process writes to are kept in order in the background: small files joined, deleted rows
   * taken off the disk, new rows added to indexes, old versions removed. See {@link Table.upkeepStatus}.
   * Default: true.
   */
  upkeep?: boolean;
  /**
   * What a write waits for before its promise resolves. Default: `"full"`.
   *
   * - `"full"`: the disk has it. Neither a killed process nor a power cut loses it.
   * - `"relaxed"`: the system has it. A killed process loses nothing. A power cut may lose the last
   *   writes, or leave the table in need of {@link Connection.repairTable}, which brings back its
   *   last whole version. For bulk loads, and for what can be made again.
   */
  durability?: 'full' | 'relaxed';
}

const CONNECTION_OPTIONS: readonly (keyof ConnectionOptions)[] = [
  'readConsistencyInterval',
  'durability',
  'keepVersions',
  'upkeep',
];

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

/** Options of {@link Connection.tableNames}. */
export interface TableNamesOptions {
  /** Leaves out the names up to and including this one. */
  startAfter?: string;
  /** How many names to return at most. Default: all. */
  limit?: number;
}

const CREATE_OPTIONS: readonly (keyof CreateTableOptions)[] = ['mode', 'existOk', 'schema'];

/**
 * Opens a connection to a folder of tables, which is made if it is not there.
 *
 * @param uri a path, in which a leading `~` is the home folder, a `file://` address, or `memory://`
 * for tables that go when the process does
 *
 * @example
 * ```ts
 * const db = await connect('data/words');
 * ```
 */
export async function connect(uri: string, options?: ConnectionOptions): Promise<Connection>;
/** Opens a connection, with everything in one object. */
export async function connect(options: { uri: string } & ConnectionOptions): Promise<Connection>;
export async function connect(
  target: string | ({ uri: string } & ConnectionOptions),
  options?: ConnectionOptions,
): Promise<Connection> {
  let uri: string;
  if (typeof target === 'object' && target !== null) ({ uri, ...options } = target);
  else uri = target;
  text('uri', uri);
  checkOptions<ConnectionOptions>('connect', options, CONNECTION_OPTIONS);
  const seconds = number('readConsistencyInterval', options?.readConsistencyInterval, 0);
  const native = addon().NativeConnection.connect(uri, {
    readConsistencyIntervalMs: seconds === undefined ? undefined : seconds * 1000,
    durability: oneOf('durability', options?.durability, ['full', 'relaxed']),
    keep: retention(options?.keepVersions),
    upkeep: flag('upkeep', options?.upkeep),
  });
  return new Connection(await rethrow(native));
}

/** A folder of tables. Open one with {@link connect}. */
export class Connection {
  readonly #native: NativeConnection;

  /** @internal */
  constructor(native: NativeConnection) {
    this.#native = native;
  }

  /** Whether {@link close} was not called yet. */
  isOpen(): boolean {
    return this.#native.isOpen();
  }

  /** Closes the connection. Tables that were opened with it stay open. */
  close(): void {
    this.#native.close();
  }

  /** The connection in a few words, for people. */
  display(): string {
    return this.#native.display();
  }

  /** The names of the tables, sorted. */
  async tableNames(options?: TableNamesOptions): Promise<string[]>;
  /** The names of the tables, sorted. There is one namespace, `[]`. */
  async tableNames(namespace: string[], options?: TableNamesOptions): Promise<string[]>;
  async tableNames(
    first?: string[] | TableNamesOptions,
    second?: TableNamesOptions,
  ): Promise<string[]> {
    const options = rootNamespace(first) ? second : first;
    checkOptions<TableNamesOptions>('tableNames', options, ['startAfter', 'limit']);
    const limit = optionalWholeNumber('limit', options?.limit);
    const startAfter = options?.startAfter;
    if (typeof (startAfter ?? '') !== 'string') throw invalid('startAfter', startAfter, 'a string');
    return rethrow(this.#native.tableNames(startAfter, limit));
  }

  /**
   * Opens a table.
   *
   * @throws {QuiverError} `TABLE_NOT_FOUND`, with the nearest name.
   */
  async openTable<Row = Record<string, any>>(
    name: string,
    namespace?: string[],
  ): Promise<Table<Row>> {
    if (!rootNamespace(namespace)) checkOptions('openTable', namespace, []);
    return new Table(await rethrow(this.#native.openTable(text('name', name))));
  }

  /**
   * Makes a table and writes its first rows. The table appears with all of them, or not at all.
   *
   * @throws {QuiverError} `TABLE_EXISTS` if there is one of that name, unless `mode` or `existOk`
   * allow it; `INVALID_DATA`, with row and column, if a value does not fit; `SCHEMA_MISMATCH` if a
   * column has a name that results use: `_distance`, `_rowid` or `query_index`.
   *
   * @example
   * ```ts
   * const table = await db.createTable('words', [{ word: 'one', vector: [0.1, 0.9] }]);
   * ```
   */
  async createTable<Row = Record<string, any>>(
    name: string,
    data: Data,
    options?: CreateTableOptions,
  ): Promise<Table<Row>>;
  /** Makes a table. There is one namespace, `[]`. */
  async createTable<Row = Record<string, any>>(
    name: string,
    data: Data,
    namespace: string[],
    options?: CreateTableOptions,
  ): Promise<Table<Row>>;
  /** Makes a table, with everything in one object. */
  async createTable<Row = Record<string, any>>(
    options: { name: string; data: Data } & CreateTableOptions,
    namespace?: string[],
  ): Promise<Table<Row>>;
  async createTable(
    first: string | ({ name: string; data: Data } & CreateTableOptions),
    second?: Data | string[],
    third?: string[] | CreateTableOptions,
    fourth?: CreateTableOptions,
  ): Promise<Table> {
    if (typeof first === 'object' && first !== null) {
      const { name, data, ...options } = first;
      if (!rootNamespace(second)) throw invalid('namespace', second, 'an empty array');
      return this.#create(name, data, options);
    }
    return this.#create(first, second as Data, rootNamespace(third) ? fourth : third);
  }

  /** Makes a table without rows. */
  async createEmptyTable<Row = Record<string, any>>(
    name: string,
    schema: SchemaLike,
    options?: Omit<CreateTableOptions, 'schema'>,
  ): Promise<Table<Row>>;
  /** Makes a table without rows. There is one namespace, `[]`. */
  async createEmptyTable<Row = Record<string, any>>(
    name: string,
    schema: SchemaLike,
    namespace: string[],
    options?: Omit<CreateTableOptions, 'schema'>,
  ): Promise<Table<Row>>;
  async createEmptyTable(
    name: string,
    schema: SchemaLike,
    third?: string[] | Omit<CreateTableOptions, 'schema'>,
    fourth?: Omit<CreateTableOptions, 'schema'>,
  ): Promise<Table<any>> {
    const options = rootNamespace(third) ? fourth : third;
    checkOptions<CreateTableOptions>('createEmptyTable', options, ['mode', 'existOk']);
    return this.#create(name, [], { ...options, schema: toSchema(schema) });
  }

  /**
   * Brings a damaged table back to its last version whose rows are all there, also if it cannot be opened any more:
   * reads the newest version, and earlier ones until one is whole, and makes that the newest. Indexes that are damaged
   * go. Nothing else is removed, and nothing is done to a table that is whole.
   *
   * Rows that only later versions had are not shown any more. Nobody else should write meanwhile.
   *
   * @throws {QuiverError} `CORRUPTED` if no version is whole
   */
  async repairTable(name: string): Promise<RepairResult> {
    return rethrow(this.#native.repairTable(text('name', name)));
  }

  /** Removes a table with everything in it. */
  async dropTable(name: string, namespace?: string[]): Promise<void> {
    if (!rootNamespace(namespace)) checkOptions('dropTable', namespace, []);
    await rethrow(this.#native.dropTable(text('name', name)));
  }

  /** Removes all tables with everything in them. */
  async dropAllTables(namespace?: string[]): Promise<void> {
    if (!rootNamespace(namespace)) checkOptions('dropAllTables', namespace, []);
    await rethrow(this.#native.dropAllTables());
  }

  async #create(name: string, data: Data, options?: CreateTableOptions): Promise<Table> {
    checkOptions<CreateTableOptions>('createTable', options, CREATE_OPTIONS);
    text('name', name);
    if (data === undefined || data === null)
      throw invalid('data', data, 'rows, or [] with a schema');
    const mode = oneOf('mode', options?.mode, ['create', 'overwrite']) ?? 'create';
    const existOk = flag('existOk', options?.existOk) === true && mode === 'create';
    const schema = options?.schema && toSchema(options.schema);

    const existing = existOk ? await this.#openIfThere(name) : undefined;
    if (existing !== undefined) return accept(existing, schema);

    const source = await openData(data, schema);
    const open = () => rethrow(this.#native.createTable(name, schemaToIpc(source.schema), mode));
    try {
      await writeAll(open, source, undefined, false);
    } catch (error) {
      // Another writer may have made the table meanwhile.
      const lost = existOk && (error as QuiverError).code === 'TABLE_EXISTS';
      const winner = lost ? await this.#openIfThere(name) : undefined;
      if (winner !== undefined) return accept(winner, schema);
      throw error;
    }
    return this.openTable(name);
  }

  async #openIfThere(name: string): Promise<NativeTable | undefined> {
    try {
      return await rethrow(this.#native.openTable(name));
    } catch (error) {
      if ((error as QuiverError).code === 'TABLE_NOT_FOUND') return undefined;
      throw error;
    }
  }
}

/** A table that was there already, if its columns are those that were asked for. */
async function accept(native: NativeTable, schema: Schema | undefined): Promise<Table> {
  if (schema !== undefined) {
    const stored = fromIpc(await rethrow(native.schema())).schema;
    const difference = schemaDifference(schema, stored);
    if (difference !== undefined) {
      throw new QuiverError(
        'SCHEMA_MISMATCH',
        `the provided schema does not match the existing table '${native.name}': ${difference}`,
      );
    }
  }
  return new Table(native);
}

/** Whether this argument is a namespace, of which there is only the root, or was left out. */
function rootNamespace(value: unknown): value is string[] | undefined {
  if (value === undefined || value === null) return true;
  if (!Array.isArray(value)) return false;
  if (value.length > 0) throw invalid('namespace', value, 'an empty array: there is only the root');
  return true;
}

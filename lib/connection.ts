/**
 * A connection: a folder of tables.
 *
 * @module
 */
import { type SchemaLike, toSchema } from './arrow/schema.js';
import { type CreateTableOptions, createTable } from './create-table.js';
import type { Data } from './data.js';
import { rethrow } from './errors.js';
import { type KeepVersions, retention } from './keep-versions.js';
import { addon } from './native.js';
import type { NativeConnection } from './native-types.js';
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
import type { RowsOf, StoredRow } from './row-types.js';
import { Table } from './table.js';

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

/** Options of {@link Connection.tableNames}. */
export interface TableNamesOptions {
  /** Leaves out the names up to and including this one. */
  startAfter?: string;
  /** How many names to return at most. Default: all. */
  limit?: number;
}

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
   * Rows are typed by those that are written. Where the columns are known otherwise (from a schema, or because they
   * will change), say what rows look like: `createTable<Row>(…)`.
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
  // Whoever names a type passes one; this takes two, so that it is only for calls that leave it to the data.
  async createTable<Row extends Record<string, any>, _Inferred extends true>(
    name: string,
    data: RowsOf<Row>,
    options?: CreateTableOptions & { schema?: undefined },
  ): Promise<Table<StoredRow<Row>>>;
  /** Makes a table, with everything in one object. */
  async createTable<Row extends Record<string, any>, _Inferred extends true>(
    options: { name: string; data: RowsOf<Row> } & CreateTableOptions & { schema?: undefined },
  ): Promise<Table<StoredRow<Row>>>;
  /** Makes a table whose rows are of a type that is given. */
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
  /** Makes a table whose rows are of a type that is given, with everything in one object. */
  async createTable<Row = Record<string, any>>(
    options: { name: string; data: Data } & CreateTableOptions,
    namespace?: string[],
  ): Promise<Table<Row>>;
  async createTable(
    first: string | ({ name: string; data: Data } & CreateTableOptions),
    second?: Data | string[],
    third?: string[] | CreateTableOptions,
    fourth?: CreateTableOptions,
  ): Promise<Table<any>> {
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

  async #create(name: string, data: Data, options?: CreateTableOptions): Promise<Table<any>> {
    return new Table(await createTable(this.#native, name, data, options));
  }
}

/** Whether this argument is a namespace, of which there is only the root, or was left out. */
function rootNamespace(value: unknown): value is string[] | undefined {
  if (value === undefined || value === null) return true;
  if (!Array.isArray(value)) return false;
  if (value.length > 0) throw invalid('namespace', value, 'an empty array: there is only the root');
  return true;
}

/**
 * The addon as TypeScript sees it. `src/node` implements this; `__test__/native.test.ts` compares the two.
 *
 * Rejections carry `code` and `message`. Rows travel as Arrow IPC streams, or as {@link NativeRows}.
 *
 * @module
 */

/** What the addon exports. */
export interface Addon {
  NativeConnection: {
    connect(uri: string, options: NativeConnectOptions): Promise<NativeConnection>;
  };
  NativeCancel: new () => NativeCancel;
  /** Every GPU, the best first. */
  accelerators(): Promise<NativeAccelerator[]>;
}

export interface NativeAccelerator {
  name: string;
  vendor: string;
  backend: string;
  kind: string;
  driver: string;
  maxBufferBytes: number;
  maxBindingBytes: number;
  maxWorkgroupBytes: number;
  features: string[];
  variants: string[];
  unfit?: string;
}

export interface NativeConnectOptions {
  /** How old a handle's view of a table may be. Absent: every read looks. */
  readConsistencyIntervalMs?: number;
  /** What a write waits for. Absent: the disk. */
  durability?: 'full' | 'relaxed';
  /** Absent: the last 100, and all of the last hour. */
  keep?: NativeRetention;
  /** Absent: true. */
  upkeep?: boolean;
}

export interface NativeRetention {
  /** May be infinite. */
  versions: number;
  ageMs: number;
}

export interface NativeConnection {
  isOpen(): boolean;
  close(): void;
  display(): string;
  tableNames(startAfter?: string | null, limit?: number | null): Promise<string[]>;
  openTable(name: string): Promise<NativeTable>;
  /** Starts a table, or its next version. Nothing is visible before the writer commits. */
  createTable(
    name: string,
    schemaIpc: Uint8Array,
    mode: 'create' | 'overwrite',
  ): Promise<NativeWriter>;
  repairTable(name: string): Promise<NativeRepaired>;
  dropTable(name: string): Promise<void>;
  dropAllTables(): Promise<void>;
}

export interface NativeWriter {
  /** Takes one whole IPC stream with any number of batches, and conforms them to the table's schema. */
  write(ipcStream: Uint8Array): Promise<void>;
  /** Publishes what was written; returns the new version. */
  commit(): Promise<number>;
  /** Removes what was written. */
  abort(): Promise<void>;
}

export interface NativeTable {
  readonly name: string;
  isOpen(): boolean;
  close(): void;
  display(): string;
  /** An IPC stream with just the schema. */
  schema(): Promise<Uint8Array>;
  version(): Promise<number>;
  countRows(filter?: NativeCondition[] | null): Promise<number>;
  writer(mode: 'append' | 'overwrite'): Promise<NativeWriter>;
  delete(filter: NativeCondition): Promise<NativeDeleted>;
  update(update: NativeUpdate): Promise<NativeUpdated>;
  merge(options: NativeMergeOptions): Promise<NativeMerge>;
  addColumns(computed: NativeNewColumn[], schemaIpc?: Uint8Array | null): Promise<number>;
  alterColumns(alterations: NativeAlteration[]): Promise<number>;
  dropColumns(columns: string[]): Promise<number>;
  listVersions(): Promise<NativeVersion[]>;
  /** By number or by tag; with neither, the newest version again. */
  checkout(version?: number | null, tag?: string | null): Promise<void>;
  restore(): Promise<number>;
  listTags(): Promise<NativeTag[]>;
  taggedVersion(tag: string): Promise<number>;
  setTag(tag: string, version: number, isNew: boolean): Promise<void>;
  deleteTag(tag: string): Promise<void>;
  query(request: NativeRequest): Promise<NativeRows>;
  queryArrow(request: NativeRequest): Promise<Uint8Array>;
  querySync(request: NativeRequest): NativeRows;
  queryArrowSync(request: NativeRequest): Uint8Array;
  queryStream(request: NativeRequest, maxBatchRows: number): Promise<NativeStream>;
  explain(request: NativeRequest, verbose: boolean): Promise<string>;
  analyze(request: NativeRequest): Promise<string>;
  outputSchema(request: NativeRequest): Promise<Uint8Array>;
  createIndex(
    column: string,
    options: NativeIndexOptions,
    cancel: NativeCancel,
    onProgress?: (stage: string, done: number, total: number) => void,
  ): Promise<void>;
  dropIndex(name: string): Promise<void>;
  listIndices(): Promise<NativeIndexInfo[]>;
  indexStats(name: string): Promise<NativeIndexStats | null>;
  measureRecall(column: string, options: NativeRecallOptions): Promise<NativeRecall>;
  stats(): Promise<NativeTableStats>;
  optimize(
    options: NativeOptimizeOptions,
    cancel: NativeCancel,
    onProgress?: (stage: string, done: number, total: number) => void,
  ): Promise<NativeOptimized>;
  verify(): Promise<NativeVerified>;
  diskUsage(): Promise<NativeDiskUsage>;
  upkeepStatus(): NativeUpkeepStatus;
}

export interface NativeUpkeepStatus {
  state: 'off' | 'idle' | 'waiting' | 'running';
  done: number;
  lastError?: string;
}

export interface NativeDeleted {
  numDeletedRows: number;
  version: number;
}

export interface NativeUpdate {
  filter?: NativeCondition;
  expressions?: Array<{ column: string; sql: string }>;
  /** An IPC stream with one row, of just the columns that change. */
  values?: Uint8Array;
}

export interface NativeUpdated {
  rowsUpdated: number;
  version: number;
}

export interface NativeMergeOptions {
  on: string[];
  updateMatched: boolean;
  updateWhere?: NativeCondition;
  insertUnmatched: boolean;
  deleteUnmatched: boolean;
  deleteWhere?: NativeCondition;
  timeoutMs?: number;
}

export interface NativeMerge {
  /** Takes one whole IPC stream with any number of batches. */
  write(ipcStream: Uint8Array): Promise<void>;
  execute(): Promise<NativeMerged>;
}

export interface NativeMerged {
  version: number;
  numInsertedRows: number;
  numUpdatedRows: number;
  numDeletedRows: number;
  numAttempts: number;
  numRows: number;
}

export interface NativeNewColumn {
  name: string;
  sql: string;
}

export interface NativeAlteration {
  column: string;
  rename?: string;
  nullable?: boolean;
  typeName?: string;
  /** An IPC stream without batches, whose one column has the type. */
  typeIpc?: Uint8Array;
}

export interface NativeVersion {
  version: number;
  /** Milliseconds since 1970. */
  createdAt: number;
  rows: number;
  segments: number;
  deletedRows: number;
  deletionFiles: number;
  bytes: number;
}

export interface NativeTag {
  name: string;
  version: number;
  manifestSize: number;
}

export interface NativeOptimizeOptions {
  /** Milliseconds since 1970. */
  cleanupBeforeMs?: number;
  keep?: NativeRetention;
  retrain?: 'never' | 'if-worse' | 'always';
  deleteUnverified?: boolean;
}

export interface NativeOptimized {
  fragmentsRemoved: number;
  fragmentsAdded: number;
  filesRemoved: number;
  filesAdded: number;
  rowsIndexed: number;
  retrained: number;
  bytesRemoved: number;
  oldVersionsRemoved: number;
}

export interface NativeVerified {
  files: number;
  bytes: number;
  problems: string[];
}

export interface NativeDiskUsage {
  totalBytes: number;
  files: number;
  rowBytes: number;
  rowSetBytes: number;
  indexBytes: number;
  oldBytes: number;
  unnamedBytes: number;
  manifestBytes: number;
}

export interface NativeRepaired {
  version: number;
  restoredVersion: number;
  droppedIndices: string[];
  problems: string[];
}

export interface NativeStream {
  /** An IPC stream with one batch, or `null` after the last. */
  next(): Promise<Uint8Array | null>;
  close(): void;
}

export interface NativeCancel {
  cancel(): void;
}

/**
 * A query. Each property that crosses costs as much as a hundred comparisons of vectors, so that whatever is no
 * array crosses as one string.
 */
export interface NativeRequest {
  /** {@link QuerySettings} as JSON. */
  settings: string;
  /** Query vectors, one after the other. */
  vectors?: Float64Array;
  /** How many; one gives no `query_index` column. */
  vectorCount?: number;
  /** Conditions that a row must all meet. */
  filter?: NativeCondition[];
  /** Rows to take instead of a scan. */
  offsets?: Float64Array;
  rowIds?: BigUint64Array;
}

/** What is asked for, as far as it is JSON. */
export interface QuerySettings {
  column?: string;
  distanceType?: string;
  targetRecall?: number;
  probesMin?: number;
  /** 0: as many as there are partitions. */
  probesMax?: number;
  refineFactor?: number;
  /** The distance range, lower bound included, upper bound not. */
  lower?: number;
  upper?: number;
  bypassVectorIndex?: boolean;
  fastSearch?: boolean;
  postfilter?: boolean;
  /** What to select: columns or expressions; neither means every column. */
  columns?: string[];
  expressions?: Array<{ name: string; sql: string }>;
  limit?: number;
  offset?: number;
  orderBy?: Array<{ column: string; ascending: boolean; nullsFirst: boolean }>;
  withRowId?: boolean;
  timeoutMs?: number;
}

export interface NativeCondition {
  sql: string;
  /** A value for each placeholder. */
  parameters?: NativeParameter[];
}

/** A value, or a list of values of one kind; no value at all is null. */
export interface NativeParameter {
  list: boolean;
  /** Whether the list has a null too. */
  hasNull?: boolean;
  numbers?: Float64Array;
  bigints?: bigint[];
  strings?: string[];
  booleans?: boolean[];
  /** Milliseconds since 1970. */
  times?: Float64Array;
  bytes?: Uint8Array[];
}

export interface NativeIndexOptions {
  kind?: 'IVF_PQ' | 'IVF_FLAT' | 'BTREE' | 'BITMAP' | 'LABEL_LIST';
  name?: string;
  replace?: boolean;
  distanceType?: string;
  numPartitions?: number;
  numSubVectors?: number;
  numBits?: number;
  maxIterations?: number;
  sampleRate?: number;
  seed?: number;
  accelerator?: string;
}

export interface NativeIndexInfo {
  name: string;
  indexType: string;
  columns: string[];
  indexUuid: string;
  /** Milliseconds since 1970. */
  createdAt: number;
  numIndexedRows: number;
  numUnindexedRows: number;
  sizeBytes: number;
  /** JSON. */
  details: string;
}

export interface NativeIndexStats {
  numIndexedRows: number;
  numUnindexedRows: number;
  indexType: string;
  distanceType?: string;
  numIndices: number;
  /** JSON. */
  details: string;
  retrain?: string;
}

export interface NativeTableStats {
  totalBytes: number;
  numRows: number;
  numIndices: number;
  numFragments: number;
  numSmallFragments: number;
  lengths: {
    min: number;
    max: number;
    mean: number;
    p25: number;
    p50: number;
    p75: number;
    p99: number;
  };
}

export interface NativeRecallOptions {
  k?: number;
  sample?: number;
  nprobes?: number;
  refineFactor?: number;
  targetRecall?: number;
}

export interface NativeRecall {
  recall: number;
  queries: number;
  indexedMs: { median: number; p95: number };
  exactMs: { median: number; p95: number };
}

/**
 * A result: its columns as JSON ({@link NativeColumns}), and the bytes of their values, which the columns point
 * into. `rows.ts` turns it into objects.
 */
export type NativeRows = [columns: string, bytes: ArrayBuffer];

/** What the first half of {@link NativeRows} says. */
export interface NativeColumns {
  rowCount: number;
  columns: NativeColumn[];
}

/** Numbers of one kind among the bytes of a result. */
export interface NativeNumbers {
  type: 'i8' | 'i16' | 'i32' | 'i64' | 'u8' | 'u16' | 'u32' | 'u64' | 'f32' | 'f64';
  /** Where they begin, in bytes. */
  at: number;
  length: number;
}

/** One column of {@link NativeColumns}; which members are there depends on its kind. */
export interface NativeColumn {
  name: string;
  /**
   * - number, bigint: timestamps are milliseconds since 1970.
   * - date: `values` are f64, milliseconds since 1970.
   * - boolean: `values` are u8, 0 and 1.
   * - string: `values` are u8 of UTF-8, cut by `offsets`.
   * - binary: `values` are u8, cut by `offsets`.
   * - vector: `values` are `size` numbers a row.
   * - list: `children[0]` holds the items, cut by `offsets`; fixedList: `size` items a row.
   * - map: `children` holds the keys and the values, cut by `offsets`.
   * - struct: `children` holds the fields. null: nothing else.
   */
  kind:
    | 'number'
    | 'bigint'
    | 'date'
    | 'boolean'
    | 'string'
    | 'binary'
    | 'vector'
    | 'list'
    | 'fixedList'
    | 'map'
    | 'struct'
    | 'null';
  values?: NativeNumbers;
  /** u8: 1 where the row is null; absent if none is. */
  nulls?: NativeNumbers;
  /** i32. */
  offsets?: NativeNumbers;
  size?: number;
  children?: NativeColumn[];
}

/**
 * What all query builders share: the request that they fill in, and the ways to run it.
 *
 * @module
 */
import {
  type ArrowBatch,
  type ArrowSchema,
  type ArrowTable,
  anyTable,
  peer,
} from './arrow/peer.js';
import { QuiverError, rethrow, rethrowSync } from './errors.js';
import type { NativeRequest, NativeTable, QuerySettings } from './native-types.js';
import { checkOptions, flag, invalid, optionalWholeNumber, text } from './options.js';
import { toRows } from './rows.js';

/** Options of the methods that run a query. */
export interface QueryExecutionOptions {
  /** The most rows of a record batch, where rows come in batches. Default: 1024. */
  maxBatchLength?: number;
  /** How long the query may take, in milliseconds. Default: as long as it needs. */
  timeoutMs?: number;
}

/** What to select: names of columns, or names for SQL expressions. */
export type Selection =
  | string
  | readonly string[]
  | ReadonlyMap<string, string>
  | Readonly<Record<string, string>>;

/** Rows of SQL expressions under names. An expression that is the name of a column has the column's type. */
export type Selected<Row, Expressions> = {
  -readonly [Name in keyof Expressions]: Expressions[Name] extends keyof Row
    ? Row[Expressions[Name]]
    : any;
};

/**
 * What to select where that is known only when the program runs: names as strings, but no words that the
 * compiler knows and could have found among the columns; and names for SQL expressions.
 */
export type LateSelection<Name extends string> =
  | (string extends Name ? Name | readonly Name[] : never)
  | ReadonlyMap<string, string>
  | Readonly<Record<string, string>>;

const MAX_BATCH_LENGTH = 1024;

/**
 * A query under construction. Builders are mutable and chainable, and can be run any number of times.
 *
 * `for await (const batch of query)` streams the result as Arrow record batches.
 */
export abstract class QueryBase<Row> implements AsyncIterable<ArrowBatch> {
  /** @internal */
  protected readonly table: NativeTable;

  /** What goes to the engine; builders write into it. @internal */
  protected readonly settings: QuerySettings;

  /** @internal */
  constructor(table: NativeTable, settings: QuerySettings) {
    this.table = table;
    this.settings = settings;
  }

  /**
   * Runs the query and returns plain objects. Vectors in them are typed arrays, 64-bit integers are
   * bigints, timestamps are milliseconds since 1970, and maps are objects, or a `Map` if their keys
   * are no strings.
   *
   * @throws {QuiverError} `TIMEOUT` if it took longer than `timeoutMs`.
   */
  async toArray(options?: QueryExecutionOptions): Promise<Row[]> {
    return toRows<Row>(await this.run(options, (request) => this.table.query(request)));
  }

  /**
   * Runs the query and returns an Arrow table.
   *
   * @throws {QuiverError} `TIMEOUT` if it took longer than `timeoutMs`; `ARROW_NOT_INSTALLED` without the
   * package apache-arrow.
   */
  async toArrow(options?: QueryExecutionOptions): Promise<ArrowTable> {
    const { tableFromIPC } = peer('toArrow');
    return tableFromIPC(await this.run(options, (request) => this.table.queryArrow(request)));
  }

  /**
   * As {@link toArray}, but without a promise: faster by the time that threads take to wake each other,
   * and nothing else runs meanwhile. For scripts, workers and tests; a server should not block.
   *
   * @throws {QuiverError} as `toArray`, and `INVALID_ARGUMENT` if a query vector is still a promise.
   */
  toArraySync(options?: QueryExecutionOptions): Row[] {
    return toRows<Row>(this.runSync(options, (request) => this.table.querySync(request)));
  }

  /** As {@link toArrow}, but without a promise: see {@link toArraySync}. */
  toArrowSync(options?: QueryExecutionOptions): ArrowTable {
    const { tableFromIPC } = peer('toArrowSync');
    return tableFromIPC(this.runSync(options, (request) => this.table.queryArrowSync(request)));
  }

  /** Runs the query and streams record batches of at most 1024 rows. */
  [Symbol.asyncIterator](): AsyncGenerator<ArrowBatch, void, undefined> {
    return this.execute();
  }

  /** Runs the query and streams record batches. */
  async *execute(options?: QueryExecutionOptions): AsyncGenerator<ArrowBatch, void, undefined> {
    const rowsMax = options?.maxBatchLength ?? MAX_BATCH_LENGTH;
    const stream = await this.run(options, (request) => this.table.queryStream(request, rowsMax));
    try {
      for (;;) {
        const ipc = await rethrow(stream.next());
        if (ipc === null) return;
        yield* anyTable(ipc).batches;
      }
    } finally {
      stream.close();
    }
  }

  /**
   * Says how the query would be run, without running it.
   *
   * @param verbose whether to show all settings
   */
  async explainPlan(verbose = false): Promise<string> {
    flag('verbose', verbose);
    return this.run(undefined, (request) => this.table.explain(request, verbose));
  }

  /** Runs the query and says how: the plan, with times and counts for every step. */
  async analyzePlan(): Promise<string> {
    return this.run(undefined, (request) => this.table.analyze(request));
  }

  /** The schema of the result. */
  async outputSchema(): Promise<ArrowSchema> {
    return anyTable(await this.run(undefined, (request) => this.table.outputSchema(request)))
      .schema;
  }

  /** Waits for what was promised, and hands the request to the engine. @internal */
  protected async run<T>(
    options: QueryExecutionOptions | undefined,
    call: (request: NativeRequest) => Promise<T>,
  ): Promise<T> {
    // A vector may be added while others are waited for.
    for (let wait = this.pending(); wait !== undefined; wait = this.pending()) await wait;
    return rethrow(call(this.prepare(options)));
  }

  /** Hands the request to the engine, and waits for it. @internal */
  protected runSync<T>(
    options: QueryExecutionOptions | undefined,
    call: (request: NativeRequest) => T,
  ): T {
    const pending = this.pending();
    if (pending !== undefined) {
      // Whoever made the promise hears of its failure where they wait for it.
      pending.catch(() => {});
      throw invalid('a query vector', 'a promise', 'numbers, where the query does not wait');
    }
    const request = this.prepare(options);
    return rethrowSync(() => call(request));
  }

  /** What must be waited for before the query can run, if anything. @internal */
  protected pending(): Promise<unknown> | undefined {
    return undefined;
  }

  /** The request as it is run now. @internal */
  protected prepare(options?: QueryExecutionOptions): NativeRequest {
    if (options === undefined || options === null) {
      return { settings: json(this.settings) };
    }
    checkOptions<QueryExecutionOptions>('the query', options, ['maxBatchLength', 'timeoutMs']);
    optionalWholeNumber('maxBatchLength', options.maxBatchLength);
    const timeoutMs = optionalWholeNumber('timeoutMs', options.timeoutMs);
    return { settings: json({ ...this.settings, timeoutMs }) };
  }

  /** @internal */
  protected setSelection(columns: Selection): void {
    const { names, expressions } = readSelection(columns);
    this.settings.columns = names;
    this.settings.expressions = expressions;
  }
}

/** JSON whose strings are well-formed: half a surrogate pair, which is no text, becomes U+FFFD. */
function json(settings: QuerySettings): string {
  const text = JSON.stringify(settings);
  if (!text.includes('\\ud')) return text;
  return JSON.stringify(settings, (_, value) =>
    typeof value === 'string' ? value.replace(/\p{Surrogate}/gu, '\ufffd') : value,
  );
}

function readSelection(columns: Selection): {
  names?: string[];
  expressions?: Array<{ name: string; sql: string }>;
} {
  if (typeof columns === 'string') return { names: [text('a column in select', columns)] };
  if (typeof columns !== 'object' || columns === null) {
    throw invalid('select', columns, 'names of columns, or an object of names and SQL expressions');
  }
  const entries: [string, string][] =
    columns instanceof Map ? [...columns] : Object.entries(columns);
  if (entries.length === 0) {
    throw new QuiverError('INVALID_ARGUMENT', 'select is empty: name at least one column');
  }
  if (Array.isArray(columns))
    return { names: columns.map((name) => text('a column in select', name)) };
  return {
    expressions: entries.map(([name, sql]) => ({ name, sql: text(`'${name}' in select`, sql) })),
  };
}

/**
 * Upserts: {@link Table.mergeInsert}.
 *
 * @module
 */
import type { Schema } from './arrow/library.js';
import { type Data, openData } from './data.js';
import { QuiverError, rethrow } from './errors.js';
import { type Where, whereCondition } from './filter.js';
import type { NativeMergeOptions, NativeTable } from './native-types.js';
import { checkOptions, flag, number } from './options.js';

/** What {@link MergeInsertBuilder.execute} did. */
export interface MergeResult {
  /** The version with the changes; the current one if nothing changed. */
  version: number;
  /** Rows that are new. */
  numInsertedRows: number;
  /** Rows of the table that were replaced. */
  numUpdatedRows: number;
  /** Rows of the table that were deleted because their key was not in the data. */
  numDeletedRows: number;
  /** How many times the change was made until no other writer was faster. */
  numAttempts: number;
  /** Rows written: inserted and updated ones. */
  numRows: number;
}

/** Options of {@link MergeInsertBuilder.execute}. */
export interface MergeExecuteOptions {
  /** After how many milliseconds to give up; nothing is changed then. Default: never. */
  timeoutMs?: number;
}

/**
 * Says what happens to rows whose keys match and to those whose keys do not, and then does it. Made by
 * {@link Table.mergeInsert}.
 *
 * @example
 * ```ts
 * await table
 *   .mergeInsert('id')
 *   .whenMatchedUpdateAll()
 *   .whenNotMatchedInsertAll()
 *   .execute([{ id: 3, vector: [0.3, 0.7] }]);
 * ```
 */
export class MergeInsertBuilder<Row = Record<string, any>> {
  readonly #native: NativeTable;
  readonly #schema: () => Promise<Schema>;
  readonly #options: NativeMergeOptions;

  /** @internal */
  constructor(native: NativeTable, schema: () => Promise<Schema>, on: readonly string[]) {
    this.#native = native;
    this.#schema = schema;
    this.#options = {
      on: [...on],
      updateMatched: false,
      insertUnmatched: false,
      deleteUnmatched: false,
    };
  }

  /**
   * Rows of the table are replaced by the data's row with the same key.
   *
   * @param options `where`: only those for which this condition is true. It names the table's columns as
   * `target.price` and the data's as `source.price`.
   */
  whenMatchedUpdateAll(options?: Where<{ target: Row; source: Row }>): this {
    checkOptions<Where>('whenMatchedUpdateAll', options, ['where', 'parameters']);
    this.#options.updateMatched = true;
    this.#options.updateWhere = whereCondition(options);
    return this;
  }

  /** Rows of the data are inserted whose key the table does not have. */
  whenNotMatchedInsertAll(): this {
    this.#options.insertUnmatched = true;
    return this;
  }

  /**
   * Rows of the table are deleted whose key is not in the data.
   *
   * @param options `where`: only those for which this condition on the table's columns is true
   */
  whenNotMatchedBySourceDelete(options?: Where<Row>): this {
    checkOptions<Where>('whenNotMatchedBySourceDelete', options, ['where', 'parameters']);
    this.#options.deleteUnmatched = true;
    this.#options.deleteWhere = whereCondition(options);
    return this;
  }

  /** Has no effect: keys are always looked up in the fastest way that there is. */
  useIndex(useIndex: boolean): this {
    flag('useIndex', useIndex);
    return this;
  }

  /**
   * Merges the data into the table, as one version. The data is held in memory. Keys with a null match
   * nothing, so such rows are always inserted.
   *
   * It never fails because others write at the same time: if one was faster, the keys that it wrote are
   * looked at, too. Of two that insert the same new key, the second updates it.
   *
   * @throws {QuiverError} `INVALID_ARGUMENT` if a key is twice in the data or if nothing was asked for,
   * `COLUMN_NOT_FOUND`, `TIMEOUT`, and the errors of {@link Table.add}.
   */
  async execute(data: Data, options?: MergeExecuteOptions): Promise<MergeResult> {
    checkOptions<MergeExecuteOptions>('execute', options, ['timeoutMs']);
    const timeoutMs = number('timeoutMs', options?.timeoutMs, 0);
    const { updateMatched, insertUnmatched, deleteUnmatched } = this.#options;
    if (!updateMatched && !insertUnmatched && !deleteUnmatched) {
      throw new QuiverError(
        'INVALID_ARGUMENT',
        'mergeInsert was not told what to do: call whenMatchedUpdateAll, whenNotMatchedInsertAll or ' +
          'whenNotMatchedBySourceDelete before execute',
      );
    }
    const merge = await rethrow(this.#native.merge({ ...this.#options, timeoutMs }));
    const source = await openData(data, await this.#schema());
    try {
      for await (const { ipc } of source.chunks) await rethrow(merge.write(ipc));
    } finally {
      await source.chunks.return();
    }
    return rethrow(merge.execute());
  }
}

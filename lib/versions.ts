/**
 * Earlier versions of a table, and names for them.
 *
 * @module
 */
import { rethrow } from './errors.js';
import type { NativeTable, NativeVersion } from './native-types.js';
import { invalid, text } from './options.js';

/** A version, as {@link Table.listVersions} lists it. */
export interface Version {
  version: number;
  /** When it was made. */
  timestamp: Date;
  /**
   * Numbers about it, as strings: `total_rows`, `total_data_files`, `total_data_file_rows` (deleted rows
   * included), `total_deletion_files`, `total_deletion_file_rows`, `total_files_size` in bytes.
   */
  metadata: Record<string, string>;
}

/** A tag, as {@link Tags.list} lists it. */
export interface TagContents {
  version: number;
  /** Bytes of the file that describes the version. */
  manifestSize: number;
}

/** Names for versions of a table. {@link Table.tags} gives them. A tagged version is never removed. */
export class Tags {
  readonly #native: NativeTable;

  /** @internal */
  constructor(native: NativeTable) {
    this.#native = native;
  }

  /** All tags, by name. */
  async list(): Promise<Record<string, TagContents>> {
    const tags = await rethrow(this.#native.listTags());
    return Object.fromEntries(tags.map(({ name, ...contents }) => [name, contents]));
  }

  /**
   * The version that has a tag.
   *
   * @throws {QuiverError} `TAG_NOT_FOUND`
   */
  async getVersion(tag: string): Promise<number> {
    return rethrow(this.#native.taggedVersion(text('tag', tag)));
  }

  /**
   * Gives a version a name of letters, digits, `.`, `-` and `_`.
   *
   * @throws {QuiverError} `TAG_EXISTS`, `VERSION_NOT_FOUND`
   */
  async create(tag: string, version: number): Promise<void> {
    await rethrow(this.#native.setTag(text('tag', tag), versionNumber(version), true));
  }

  /**
   * Gives a tag to another version.
   *
   * @throws {QuiverError} `TAG_NOT_FOUND`, `VERSION_NOT_FOUND`
   */
  async update(tag: string, version: number): Promise<void> {
    await rethrow(this.#native.setTag(text('tag', tag), versionNumber(version), false));
  }

  /**
   * Removes a tag. The version stays.
   *
   * @throws {QuiverError} `TAG_NOT_FOUND`
   */
  async delete(tag: string): Promise<void> {
    await rethrow(this.#native.deleteTag(text('tag', tag)));
  }
}

/** A native description of a version as callers see it. */
export function toVersion(native: NativeVersion): Version {
  return {
    version: native.version,
    timestamp: new Date(native.createdAt),
    metadata: {
      total_rows: String(native.rows),
      total_data_files: String(native.segments),
      total_data_file_rows: String(native.rows + native.deletedRows),
      total_deletion_files: String(native.deletionFiles),
      total_deletion_file_rows: String(native.deletedRows),
      total_files_size: String(native.bytes),
    },
  };
}

/** {@link Table.checkout}. */
export async function checkout(table: NativeTable, version: number | string): Promise<void> {
  if (typeof version === 'string') await rethrow(table.checkout(null, text('version', version)));
  else await rethrow(table.checkout(versionNumber(version)));
}

function versionNumber(version: number): number {
  if (Number.isSafeInteger(version) && version >= 1) return version;
  throw invalid('version', version, 'a whole number of at least 1');
}

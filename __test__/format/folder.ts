/** The files of a table's folder, by the entries that name them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { check } from './bytes.js';
import { crc32c } from './crc32c.js';
import type { FileEntry } from './manifest.js';

export class Folder {
  /** The paths of all files, with `/`, in order, without those that are still being written. */
  readonly paths: readonly string[];
  readonly #named = new Map<string, FileEntry>();
  readonly #read = new Map<string, unknown>();

  constructor(readonly folder: string) {
    this.paths = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((item) => item.isFile() && !item.name.startsWith('.tmp-'))
      .map((item) => relative(folder, join(item.parentPath, item.name)).replaceAll(sep, '/'))
      .sort();
  }

  /** The names of the files in a folder below this one. */
  names(below: string): string[] {
    return this.paths
      .filter((path) => path.startsWith(`${below}/`))
      .map((path) => path.slice(below.length + 1));
  }

  /** The bytes of a document, which vouches for itself. */
  document(path: string): Uint8Array {
    return new Uint8Array(readFileSync(join(this.folder, path)));
  }

  /** The bytes of a file as long as its entry says, and with its checksum. */
  bytes(entry: FileEntry): Uint8Array {
    const bytes = this.document(entry.path);
    check(bytes.length === entry.bytes, `${entry.path}: has ${bytes.length} bytes`);
    check(crc32c(bytes) === entry.crc32c, `${entry.path}: is damaged`);
    return bytes;
  }

  /** What `read` makes of the file, which several versions may name, but only in the same words. */
  once<T>(entry: FileEntry, read: (bytes: Uint8Array, path: string) => T): T {
    const named = this.#named.get(entry.path) ?? entry;
    check(JSON.stringify(named) === JSON.stringify(entry), `${entry.path}: changed its entry`);
    this.#named.set(entry.path, named);
    if (!this.#read.has(entry.path))
      this.#read.set(entry.path, read(this.bytes(entry), entry.path));
    return this.#read.get(entry.path) as T;
  }

  /** The paths of files that no entry named, documents apart. */
  unnamed(): string[] {
    const isDocument = (path: string) =>
      /^(versions|tags|pinned)\//.test(path) || path === 'upkeep.lock';
    return this.paths.filter((path) => !this.#named.has(path) && !isDocument(path));
  }
}

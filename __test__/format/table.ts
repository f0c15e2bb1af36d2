/**
 * Reads a table's folder as another program would: by what docs/format.md says, without quiverdb.
 *
 * This is the example of such a program, and the proof that the document tells all. It reads every byte of every file
 * once, refuses what the document does not know, and compares all checksums. The order to read the files in:
 *
 * - `bytes.ts`, `record.ts`, `crc32c.ts`, `json.ts`: bytes, records and documents
 * - `folder.ts`, `manifest.ts`, `version.ts`: which files there are, and what they are for
 * - `arrow_file.ts`, `segment.ts`, `roaring.ts`: rows
 * - `header_page.ts`, `ivf_header.ts`, `ivf.ts`, `ivf_flat.ts`, `ivf_pq.ts`, `points.ts`, `reach.ts`: indexes
 *   of vectors
 * - `scalar.ts`, `scalar_page.ts`, `keys.ts`: indexes for filters
 *
 * `tables.ts` and `doc.ts` are for its tests, `__test__/format.*.test.ts`.
 */
import { check } from './bytes.js';
import { Folder } from './folder.js';
import { readDocument } from './json.js';
import { type Manifest, TAGS } from './manifest.js';
import {
  documentNumbers,
  documentPath,
  oldestVersion,
  readManifest,
  readVersion,
  type Version,
} from './version.js';

export interface Table {
  /** The versions that are there, the oldest first. */
  versions: Version[];
  newest: Version;
  /** The version of each tag. */
  tags: Record<string, number>;
  /** Versions that stay because they have a tag, or had one. */
  pinned: Version[];
  /** The paths of files that are in no version: they do not exist for readers. */
  unnamed: string[];
}

/** All that is in a table's folder, `<name>.quiver`. */
export function readTable(path: string): Table {
  const folder = new Folder(path);
  const there = documentNumbers(folder, 'versions');
  check(there.length > 0, `${path}: has no version, and so is no table`);
  const oldest = oldestVersion(folder) ?? there[0];
  const numbers = there.filter((number) => number >= oldest);
  check(numbers.length > 0, `${path}: version ${oldest} is missing`);
  numbers.forEach((number, i) => {
    check(number === oldest + i, `${path}: version ${oldest + i} is missing`);
  });
  const manifests = numbers.map((number) => readManifest(folder, 'versions', number));
  checkHistory(manifests);

  const versions = manifests.map((manifest) => readVersion(folder, manifest));
  const pinned = documentNumbers(folder, 'pinned').map((number) =>
    readVersion(folder, readManifest(folder, 'pinned', number)),
  );
  return {
    versions,
    newest: versions.at(-1)!,
    tags: readTags(folder),
    pinned,
    unnamed: folder.unnamed(),
  };
}

/** Says what is true of each version and the one before. */
function checkHistory(manifests: Manifest[]): void {
  manifests.slice(1).forEach((manifest, i) => {
    const before = manifests[i];
    const name = `version ${manifest.version}`;
    check(manifest.table_id === before.table_id, `${name}: is of another table`);
    check(manifest.created_ms >= before.created_ms, `${name}: is older than the one before`);
    check(manifest.next_row_id >= before.next_row_id, `${name}: gives ids again`);
    check(manifest.generation >= before.generation, `${name}: has an earlier generation`);
  });
}

/** The tags: those in the document of the highest number, if there is one. */
function readTags(folder: Folder): Record<string, number> {
  const revisions = documentNumbers(folder, 'tags').map((number) => {
    const path = documentPath('tags', number);
    const { format, revision, tags } = readDocument(folder.document(path), path, TAGS);
    check(format === 1 && revision === number, `${path}: is ${revision} of format ${format}`);
    return tags;
  });
  return revisions.at(-1) ?? {};
}

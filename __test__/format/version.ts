/** Versions: a manifest, and what the files that it names hold. */
import { Message, type Schema } from 'apache-arrow';
import { check } from './bytes.js';
import type { Folder } from './folder.js';
import { type IvfFile, readIvf } from './ivf.js';
import { readDocument } from './json.js';
import {
  type IndexEntry,
  MANIFEST,
  type Manifest,
  SCALAR_DETAILS,
  VECTOR_DETAILS,
} from './manifest.js';
import { readScalar, type ScalarFile } from './scalar.js';
import { readSegment, type Segment } from './segment.js';

export interface Version {
  manifest: Manifest;
  schema: Schema;
  segments: Segment[];
  indexes: Index[];
}

export interface Index {
  entry: IndexEntry;
  /** The first, and those with later rows. */
  files: Array<IvfFile | ScalarFile>;
}

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';

/** Names of files with the number of what they describe. */
const DOCUMENT = /^(\d{20})\.json$/;

/** Names of files that say which version is the oldest one that must be there. They are empty. */
const OLDEST = /^(\d{20})\.oldest$/;

/** The number of the oldest version that must be there, if that was written down. */
export function oldestVersion(folder: Folder): number | undefined {
  const oldest = folder.names('versions').flatMap((name) => OLDEST.exec(name)?.[1] ?? []);
  for (const number of oldest)
    check(folder.document(`versions/${number}.oldest`).length === 0, `${number}.oldest: has bytes`);
  return oldest.length > 0 ? Math.max(...oldest.map(Number)) : undefined;
}

/** The numbers of the documents in a folder, in order. */
export function documentNumbers(folder: Folder, below: string): number[] {
  return folder.names(below).flatMap((name) => {
    if (below === 'versions' && OLDEST.test(name)) return [];
    const number = DOCUMENT.exec(name)?.[1];
    check(number !== undefined, `${below}/${name} is no name of a document`);
    return Number(number);
  });
}

/** Where the document of a number is. */
export const documentPath = (below: string, number: number) =>
  `${below}/${String(number).padStart(20, '0')}.json`;

/** The manifest in `versions` or in `pinned`. */
export function readManifest(folder: Folder, below: string, version: number): Manifest {
  const path = documentPath(below, version);
  const manifest = readDocument(folder.document(path), path, MANIFEST);
  check(manifest.format === 1, `${path}: has format ${manifest.format}`);
  check(manifest.version === version, `${path}: has version ${manifest.version}`);
  check(new RegExp(`^${UUID}$`).test(manifest.table_id), `${path}: table_id is no UUID`);
  check(manifest.generation <= version, `${path}: has generation ${manifest.generation}`);
  return manifest;
}

/** All that the files of a version hold. */
export function readVersion(folder: Folder, manifest: Manifest): Version {
  const schema = readSchema(manifest);
  const segments = manifest.segments.map((entry) => {
    checkPath(entry.file.path, `data/${UUID}.arrow`);
    for (const part of entry.parts ?? []) checkPath(part.file.path, `data/${UUID}.arrow`);
    if (entry.row_ids) checkPath(entry.row_ids.file.path, `row_ids/${UUID}.bin`);
    if (entry.deletions) checkPath(entry.deletions.file.path, `deletions/${UUID}.bin`);
    return readSegment(folder, entry, schema);
  });
  checkIds(manifest, segments);
  const names = manifest.indexes.map(({ name }) => name);
  check(
    new Set(names).size === names.length,
    `version ${manifest.version}: ${names} are not unique`,
  );
  const indexes = manifest.indexes.map((entry) => readIndex(folder, entry));
  return { manifest, schema, segments, indexes };
}

/** The schema, and its columns as they are written for people. */
function readSchema({ version, schema, columns }: Manifest): Schema {
  const message = Message.decode(Buffer.from(schema, 'hex'));
  check(message.isSchema(), `version ${version}: its schema is a ${message.headerType}`);
  const { fields } = message.header();
  check(columns.length === fields.length, `version ${version}: ${columns} are not the columns`);
  fields.forEach(({ name, nullable }, i) => {
    const forPeople = columns[i];
    const said = forPeople.startsWith(`${name}: `) && forPeople.endsWith(' not null') === !nullable;
    check(said, `version ${version}: ${name} is not ${forPeople}`);
  });
  return message.header();
}

/** Says that ids ascend from segment to segment, and that none is as high as the next. */
function checkIds({ version, next_row_id }: Manifest, segments: Segment[]): void {
  let next = 0;
  for (const { ids } of segments) {
    check(ids[0] >= next, `version ${version}: row ${ids[0]} comes after ${next - 1}`);
    next = ids.at(-1)! + 1;
  }
  check(
    next <= next_row_id,
    `version ${version}: row ${next - 1} is there, ${next_row_id} is next`,
  );
}

/** The names of the files of each kind of index. */
const FILE_NAMES = {
  IVF_PQ: 'ivf_pq.idx',
  IVF_FLAT: 'ivf_flat.idx',
  BTREE: 'btree.idx',
  BITMAP: 'bitmap.idx',
  LABEL_LIST: 'label_list.idx',
};

function readIndex(folder: Folder, entry: IndexEntry): Index {
  const { name, kind, metric } = entry;
  const ofVectors = kind === 'IVF_PQ' || kind === 'IVF_FLAT';
  (ofVectors ? VECTOR_DETAILS : SCALAR_DETAILS)(entry.details, `${name}.details`);
  check(ofVectors === (metric !== ''), `${name}: ${kind} has the metric '${metric}'`);
  check(entry.files.length > 0, `${name}: has no file`);
  for (const { path } of entry.files) checkPath(path, `indexes/${UUID}/${FILE_NAMES[kind]}`);
  const files = entry.files.map((file) =>
    folder.once<IvfFile | ScalarFile>(file, ofVectors ? readIvf : readScalar),
  );
  for (const file of files) check(file.kind === kind, `${name}: is ${file.kind}, not ${kind}`);
  const rows = files.reduce((sum, { header }) => sum + header.rows, 0);
  check(rows === entry.rows, `${name}: has ${rows} rows, not ${entry.rows}`);
  return { entry, files };
}

function checkPath(path: string, expected: string): void {
  check(new RegExp(`^${expected}$`).test(path), `${path} is not ${expected}`);
}

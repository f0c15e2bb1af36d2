/** Segments: rows with their ids, the deleted ones apart. */
import { type DataType, type Field, type Schema, Vector } from 'apache-arrow';
import { type ArrowFile, readArrowFile } from './arrow_file.js';
import { check, Reader } from './bytes.js';
import type { Folder } from './folder.js';
import type { SegmentEntry } from './manifest.js';
import { readSet32, readSet64 } from './roaring.js';

export interface Segment {
  /** The ids of all rows, deleted ones included. */
  ids: number[];
  /** The places of the rows that are deleted. */
  deleted: Set<number>;
  /** For each column of the table its values; null if it is null in every row. */
  columns: Array<Vector | null>;
}

export function readSegment(folder: Folder, entry: SegmentEntry, schema: Schema): Segment {
  const { path } = entry.file;
  const files = [entry, ...(entry.parts ?? [])].map((part) => {
    return folder.once(part.file, (bytes, path) => readArrowFile(bytes, path, part.footer_crc32c));
  });
  for (const { batches } of files) {
    const rows = batches.map((batch) => batch.numRows);
    check(String(rows) === String(entry.batches), `${path}: batches of ${rows} rows`);
  }
  check(sum(entry.batches) === entry.rows, `${path}: ${entry.batches} are not ${entry.rows} rows`);

  const deleted = readDeleted(folder, entry);
  const columns = readColumns(entry, files, schema);
  schema.fields.forEach((field, i) => {
    checkColumn(field, columns[i], entry, deleted);
  });
  return { ids: readIds(folder, entry), deleted, columns };
}

function readIds(folder: Folder, { file, rows, first_row_id, row_ids }: SegmentEntry): number[] {
  if (row_ids === undefined) return Array.from({ length: rows }, (_, i) => first_row_id + i);
  const ids = folder.once(row_ids.file, onlySet(readSet64));
  check(ids.length === rows, `${file.path}: ${ids.length} ids of ${rows} rows`);
  check(ids[0] === first_row_id, `${file.path}: begins with row ${ids[0]}`);
  check(ids.at(-1)! + 1 === row_ids.end, `${file.path}: ends with row ${ids.at(-1)}`);
  check(row_ids.end > first_row_id + rows, `${file.path}: the ids have no gaps`);
  return ids;
}

function readDeleted(folder: Folder, { file, rows, deletions }: SegmentEntry): Set<number> {
  if (deletions === undefined) return new Set();
  const places = folder.once(deletions.file, onlySet(readSet32));
  check(places.length === deletions.rows, `${file.path}: ${places.length} rows are deleted`);
  check(places.length > 0 && places.length < rows, `${file.path}: all rows, or none, are deleted`);
  check(places.at(-1)! < rows, `${file.path}: row ${places.at(-1)} is deleted, and not there`);
  return new Set(places);
}

/** Reads files that are a set, and nothing else. */
function onlySet(readSet: (from: Reader) => number[]) {
  return (bytes: Uint8Array, path: string) => {
    const from = new Reader(bytes, path);
    const set = readSet(from);
    from.end();
    return set;
  };
}

/** The table's columns, from the files that they are in. */
function readColumns(
  entry: SegmentEntry,
  files: ArrowFile[],
  schema: Schema,
): Array<Vector | null> {
  const places = entry.columns ?? schema.fields.map((_, column) => ({ part: 0, column }));
  check(places.length === schema.fields.length, `${entry.file.path}: ${places.length} columns`);
  checkUnused(entry, files, places);
  return places.map((place, i) => {
    if (place === null) return null;
    const { part, column } = place;
    const { path } = entry.file;
    const file = files[part];
    check(file !== undefined, `${path}: has no part ${part}`);
    const field = file.schema.fields[column];
    const expected = schema.fields[i];
    check(field !== undefined, `${path}: part ${part} has no column ${column}`);
    check(
      String(field.type) === String(expected.type),
      `${path}: ${expected.name} is a column of ${field.type}, not ${expected.type}`,
    );
    if (part > 0) check(field.nullable, `${path}: ${field.name} of part ${part} allows no nulls`);
    if (entry.columns === undefined)
      check(field.name === expected.name, `${path}: ${field.name} is not ${expected.name}`);
    return new Vector(file.batches.map((batch) => batch.getChildAt(column)!.data[0]));
  });
}

/** Says that `unused_columns` counts what no column of the table is in. */
function checkUnused(
  entry: SegmentEntry,
  files: ArrowFile[],
  places: Array<{ part: number } | null>,
): void {
  [entry, ...(entry.parts ?? [])].forEach(({ file, unused_columns }, part) => {
    const used = places.filter((place) => place?.part === part).length;
    const unused = files[part].schema.fields.length - used;
    check(unused === (unused_columns ?? 0), `${file.path}: ${unused} of its columns are unused`);
    check(part === 0 || used > 0, `${file.path}: none of its columns is used`);
    check(unused_columns !== 0, `${file.path}: unused_columns is 0, and not absent`);
  });
}

/** Says that the rows which are there have the nulls and the vectors that a column may have. */
function checkColumn(
  { name, type, nullable }: Field,
  column: Vector | null,
  { file, rows }: SegmentEntry,
  deleted: Set<number>,
): void {
  for (let row = 0; row < rows; row++) {
    if (deleted.has(row)) continue;
    const value = column?.get(row) ?? null;
    check(nullable || value !== null, `${file.path}: ${name} of row ${row} is null`);
    if (value !== null && isVector(type))
      for (const number of value as Iterable<unknown>)
        check(Number.isFinite(number), `${file.path}: ${name} of row ${row} has a ${number}`);
  }
}

/** Whether a column of this type is one of vectors. */
function isVector(type: DataType): boolean {
  return /^FixedSizeList\[\d+\]<(Float16|Float32|Float64|Uint8|Int8)>$/.test(String(type));
}

/** The rows that are not deleted, as objects, with their ids as `_rowid`. */
export function rowsOf(
  { ids, deleted, columns }: Segment,
  schema: Schema,
): Array<Record<string, unknown>> {
  return ids.flatMap((_rowid, row) => {
    if (deleted.has(row)) return [];
    const values = schema.fields.map(({ name }, i) => [name, plain(columns[i]?.get(row))]);
    return [{ ...Object.fromEntries(values), _rowid }];
  });
}

/** A value as arrays, objects and numbers, without what apache-arrow keeps it in. */
export function plain(value: any): unknown {
  if (value === undefined || value === null) return null;
  if (value instanceof Vector) return Array.from(value, plain);
  if (typeof value !== 'object' || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(
    Object.entries(value.toJSON()).map(([name, item]) => [name, plain(item)]),
  );
}

const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);

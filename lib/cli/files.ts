/**
 * Files of rows, by the ending of their name: JSON lines, CSV, Arrow and Parquet. A file of any size passes through
 * in batches.
 *
 * @module
 */
import { type ReadStream, statSync } from 'node:fs';
import { extname } from 'node:path';
import type { RecordBatch, Schema } from '../arrow/library.js';
import type { DataChunk } from '../data.js';
import type { Step } from './output.js';
import { UsageError } from './usage.js';
import type { Columns } from './values.js';

export type Row = Record<string, any>;
export type Report = (step: Step) => void;

/** A file, and the table that its rows go into. */
export interface FileToRead {
  path: string;
  /** The columns that are there already; none, if the table is made from the file. */
  columns: Columns;
  report: Report;
}

/** Rows on their way into a file: as objects, or as Arrow. */
export interface Found {
  schema: Schema;
  rows(): AsyncIterable<Row[]>;
  batches(): AsyncIterable<RecordBatch>;
}

interface Format {
  read(file: FileToRead): AsyncIterable<DataChunk>;
  write(path: string, found: Found): Promise<void>;
}

// Loaded when a file of theirs is met: some bring a library along.
const arrow = () => import('./arrow.js');
const jsonLines = () => import('./json-lines.js');
const FORMATS: Record<string, () => Promise<Format>> = {
  '.jsonl': jsonLines,
  '.ndjson': jsonLines,
  '.csv': () => import('./csv.js'),
  '.arrow': arrow,
  '.feather': arrow,
  '.parquet': () => import('./parquet.js'),
};

/** The endings that `--help` names. */
export const ENDINGS = Object.keys(FORMATS).join(', ');

/** What a file's name says of how it is read and written. */
export async function formatOf(path: string): Promise<Format> {
  const format = FORMATS[extname(path).toLowerCase()];
  if (format !== undefined) return format();
  throw new UsageError(`'${path}' does not end in one of ${ENDINGS}`);
}

/**
 * The rows of a file. What goes wrong with the file is said with its name.
 *
 * @throws if there are no rows and no table that says which columns there are
 */
export async function* rowsOf(file: FileToRead): AsyncGenerator<DataChunk> {
  const { read } = await formatOf(file.path);
  let empty = true;
  try {
    for await (const chunk of read(file)) {
      if (Array.isArray(chunk) && chunk.length === 0) continue;
      empty = false;
      yield chunk;
    }
    if (empty && file.columns.size === 0)
      throw new Error('there are no rows in it to make a table of');
  } catch (error) {
    throw new Error(`${file.path}: ${(error as Error).message}`, { cause: error });
  }
}

const ROWS_AT_ONCE = 1000;

/** Rows of a file in batches, and how much of the file they took. */
export async function* batches<Item>(
  rows: AsyncIterable<Item>,
  file: ReadStream,
  report: Report,
): AsyncGenerator<Item[]> {
  const total = statSync(file.path).size;
  let batch: Item[] = [];
  for await (const row of rows) {
    if (batch.push(row) < ROWS_AT_ONCE) continue;
    yield batch;
    batch = [];
    report({ stage: 'reading', done: file.bytesRead, total, bytes: true });
  }
  if (batch.length > 0) yield batch;
}

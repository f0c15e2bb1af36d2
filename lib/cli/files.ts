/**
 * Files of rows: JSON lines, CSV and Arrow.
 *
 * @module
 */
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { toRecordBatch } from '../arrow/foreign.js';
import { Table as ArrowTable, tableFromIPC, tableToIPC } from '../arrow/library.js';
import type { Data } from '../data.js';
import type { Query } from '../query.js';
import { plain } from './output.js';
import { UsageError } from './usage.js';

const ROWS_AT_ONCE = 1000;
const FORMATS = '.jsonl, .ndjson, .csv, .arrow or .feather';

type Row = Record<string, any>;

/**
 * The rows of a file, as `createTable` and `add` take them. Text is read as it is asked for.
 *
 * @param texts the columns that are text, whatever the fields of CSV look like
 */
export async function readRows(path: string, texts: ReadonlySet<string>): Promise<Data> {
  switch (extname(path).toLowerCase()) {
    case '.jsonl':
    case '.ndjson':
      return batches(jsonLines(path));
    case '.csv':
      return csvRows(path, texts);
    case '.arrow':
    case '.feather':
      return tableFromIPC(await readFile(path));
    default:
      throw new UsageError(`'${path}' is none of the files that can be read: ${FORMATS}`);
  }
}

/** Writes what a query finds, and says how many rows that were. */
export async function writeRows(path: string, query: Query<any>): Promise<number> {
  switch (extname(path).toLowerCase()) {
    case '.jsonl':
    case '.ndjson':
      return writeJsonLines(path, query);
    case '.arrow':
    case '.feather':
      return writeArrow(path, query);
    default:
      throw new UsageError(
        `'${path}' is none of the files that can be written: .jsonl, .ndjson, .arrow or .feather`,
      );
  }
}

async function* batches<Item>(rows: AsyncIterable<Item>): AsyncGenerator<Item[]> {
  let batch: Item[] = [];
  for await (const row of rows) {
    if (batch.push(row) < ROWS_AT_ONCE) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function* jsonLines(path: string): AsyncGenerator<Row> {
  let line = 0;
  for await (const text of linesOf(path)) {
    line++;
    if (text.trim() === '') continue;
    try {
      yield JSON.parse(text);
    } catch (error) {
      throw new Error(`${path}, line ${line}: ${(error as Error).message}`);
    }
  }
}

function linesOf(path: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });
}

/** A field of CSV: what is in quotes is text, whatever it looks like. */
interface Field {
  text: string;
  quoted: boolean;
}

/** CSV with a line of names first. Fields in quotes may hold commas and line breaks. */
async function* csvRecords(path: string): AsyncGenerator<Field[]> {
  let count: number | undefined;
  let line = 0;
  let open = '';
  for await (const text of linesOf(path)) {
    line++;
    const record = open + text;
    // An odd number of quotes: the field goes on in the next line.
    open = (record.split('"').length - 1) % 2 === 1 ? `${record}\n` : '';
    if (open !== '' || record.trim() === '') continue;
    const fields = [...record.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
      ([, quoted, bare]) => ({
        text: quoted?.replaceAll('""', '"') ?? bare!.trim(),
        quoted: quoted !== undefined,
      }),
    );
    count ??= fields.length;
    if (fields.length !== count) {
      throw new Error(
        `${path}, line ${line}: ${fields.length} fields, but there are ${count} columns`,
      );
    }
    yield fields;
  }
}

/** Rows of CSV. What the first of them have in a column decides what the column is read as. */
async function* csvRows(path: string, texts: ReadonlySet<string>): AsyncGenerator<Row[]> {
  let names: string[] | undefined;
  let readers: Reader[] | undefined;
  for await (const batch of batches(csvRecords(path))) {
    names ??= batch.shift()!.map(({ text }) => text);
    readers ??= names.map((name, i) =>
      readerOf(texts.has(name) ? [] : batch.map((fields) => fields[i]!)),
    );
    yield batch.map((fields) =>
      Object.fromEntries(fields.map((field, i) => [names![i]!, cellValue(field, readers![i]!)])),
    );
  }
}

type Reader = (text: string) => unknown;

/** A number with leading zeros is the number of something, not an amount. */
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?$/i;

/** How a column is read: as numbers, booleans or lists if all of its fields are, and else as text. */
function readerOf(fields: Field[]): Reader {
  const given = fields.filter(({ text, quoted }) => quoted || text !== '');
  const all = (fits: (field: Field) => boolean) => given.length > 0 && given.every(fits);
  if (all(({ text, quoted }) => !quoted && NUMBER.test(text))) {
    return (text) => (NUMBER.test(text) ? Number(text) : text);
  }
  if (all(({ text, quoted }) => !quoted && /^(true|false)$/.test(text))) {
    return (text) => (text === 'true' ? true : text === 'false' ? false : text);
  }
  if (all(({ text }) => /^\[.*\]$/.test(text))) return (text) => JSON.parse(text);
  return (text) => text;
}

/** What does not fit its column is left as text, for the table to refuse with its row and column. */
function cellValue({ text, quoted }: Field, read: Reader): unknown {
  return text === '' && !quoted ? null : read(text);
}

async function writeJsonLines(path: string, query: Query<any>): Promise<number> {
  const file = createWriteStream(path);
  let rows = 0;
  for (let offset = 0; ; offset += ROWS_AT_ONCE) {
    const batch = await query.offset(offset).limit(ROWS_AT_ONCE).toArray();
    for (const row of batch) {
      if (!file.write(`${JSON.stringify(row, plain)}\n`)) {
        await once(file, 'drain');
      }
    }
    rows += batch.length;
    if (batch.length < ROWS_AT_ONCE) break;
  }
  await finished(file.end());
  return rows;
}

async function writeArrow(path: string, query: Query<any>): Promise<number> {
  const found = [];
  for await (const batch of query) found.push(toRecordBatch(batch));
  const schema = found[0]?.schema;
  const table = schema ? new ArrowTable(schema, found) : new ArrowTable();
  await writeFile(path, tableToIPC(table, 'file'));
  return table.numRows;
}

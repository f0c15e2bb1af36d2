/**
 * Files of CSV, with the names of the columns in the first line.
 *
 * @module
 */
import { createReadStream, createWriteStream, type ReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { DataChunk } from '../data.js';
import { parse, stringify } from './csv-library.js';
import { batches, type FileToRead, type Found, type Row } from './files.js';
import { toJson } from './json.js';
import { type Columns, type Field, fieldOf, guessField } from './values.js';

/** Rows of CSV. What the first of them have in a column decides what the column is read as. */
export async function* read({ path, columns, report }: FileToRead): AsyncGenerator<DataChunk> {
  let names: string[] | undefined;
  let readers: Array<(text: string) => unknown> = [];
  const file = createReadStream(path);
  for await (const batch of batches(records(file), file, report)) {
    if (names === undefined) {
      names = namesOf(batch.shift()!);
      readers = names.map((name, i) => readerOf(name, batch, i, columns));
    }
    yield batch.map((fields) =>
      Object.fromEntries(fields.map((field, i) => [names![i]!, cellOf(field, readers[i]!)])),
    );
  }
}

function records(file: ReadStream): AsyncIterable<Field[]> {
  const parser = parse({
    bom: true,
    skip_empty_lines: true,
    cast: (text, { quoting }): any => ({ text, quoted: quoting }),
  });
  file.once('error', (error) => parser.destroy(error));
  return file.pipe(parser);
}

function namesOf(header: Field[]): string[] {
  const names = header.map(({ text }) => text);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice === undefined) return names;
  throw new Error(`two columns are called '${twice}'`);
}

function readerOf(name: string, batch: Field[][], i: number, columns: Columns) {
  const type = columns.get(name);
  return type === undefined ? guessField(batch.map((fields) => fields[i]!)) : fieldOf(type);
}

/** A field with nothing in it, not even quotes, is null. */
function cellOf({ text, quoted }: Field, read: (text: string) => unknown): unknown {
  return text === '' && !quoted ? null : read(text);
}

/** Strings stand in quotes, so that they are read as strings again. */
export async function write(path: string, { schema, rows }: Found): Promise<void> {
  const columns = schema.fields.map(({ name }) => name);
  const table = stringify({
    header: true,
    columns,
    quoted_string: true,
    cast: {
      boolean: String,
      bigint: String,
      number: String,
      date: (date) => date.toISOString(),
      object: (value) => (Buffer.isBuffer(value) ? value.toString('base64') : toJson(value)),
    },
  });
  await pipeline(fieldsOf(rows(), columns), table, createWriteStream(path));
}

/** Each row as an array: in objects, the library would take `a.b` for a path. */
async function* fieldsOf(
  batches: AsyncIterable<Row[]>,
  names: string[],
): AsyncGenerator<unknown[]> {
  for await (const batch of batches) for (const row of batch) yield names.map((name) => row[name]);
}

/**
 * Files of JSON lines: an object in each.
 *
 * @module
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import type { DataChunk } from '../data.js';
import { batches, type FileToRead, type Found, type Row } from './files.js';
import { fromJson, toJson } from './json.js';
import { jsonOf } from './values.js';

/** How the values of columns whose type is known are read, by name. */
type Readers = ReadonlyArray<readonly [name: string, read: (value: any) => unknown]>;

export async function* read({ path, columns, report }: FileToRead): AsyncGenerator<DataChunk> {
  const file = createReadStream(path);
  const readers = [...columns].map(([name, type]) => [name, jsonOf(type)] as const);
  let long: Set<string> | undefined;
  for await (const batch of batches(lines(file), file, report)) {
    // Where one of the first rows has a number of 64 bits, all have.
    long ??= new Set(batch.flatMap(namesOfBigints));
    for (const row of batch) convert(row, readers, long);
    yield batch;
  }
}

async function* lines(input: NodeJS.ReadableStream): AsyncGenerator<Row> {
  let line = 0;
  for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    // Some programs mark UTF-8 with a first character that is none.
    const json = line === 1 ? text.replace(/^\ufeff/, '') : text;
    if (json.trim() === '') continue;
    try {
      yield fromJson(json);
    } catch (error) {
      throw new Error(`line ${line}: ${(error as Error).message}`);
    }
  }
}

function namesOfBigints(row: Row): string[] {
  return Object.keys(Object(row)).filter((name) => typeof row[name] === 'bigint');
}

function convert(row: Row, readers: Readers, long: ReadonlySet<string>): void {
  for (const name of long) if (Number.isSafeInteger(row[name])) row[name] = BigInt(row[name]);
  for (const [name, read] of readers) {
    if (Object.hasOwn(Object(row), name)) row[name] = read(row[name]);
  }
}

export async function write(path: string, { rows }: Found): Promise<void> {
  await pipeline(linesOf(rows()), createWriteStream(path));
}

async function* linesOf(batches: AsyncIterable<Row[]>): AsyncGenerator<string> {
  for await (const batch of batches) yield batch.map((row) => `${toJson(row)}\n`).join('');
}

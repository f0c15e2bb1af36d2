/**
 * Files of Parquet.
 *
 * @module
 */
import { isVectorName } from '../arrow/infer.js';
import { Field, FixedSizeList, Schema, Type } from '../arrow/library.js';
import { tableOfRows } from '../arrow/make-table.js';
import type { DataChunk } from '../data.js';
import type { FileToRead, Found, Row } from './files.js';
import {
  asyncBufferFromFile,
  compressors,
  fileWriter,
  ParquetWriter,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from './parquet-library.js';
import { toElements, toField, toParquet } from './parquet-schema.js';

/** Times in the unit of their column, where the library would make dates of milliseconds of them. */
const same = (value: bigint) => value;
const text = (bytes: Uint8Array) => bytes && Buffer.from(bytes).toString();
const parsers = {
  timestampFromMilliseconds: same,
  timestampFromMicroseconds: same,
  timestampFromNanoseconds: same,
  dateFromDays: (days: number) => BigInt(days),
  jsonFromBytes: text,
};

/** How much of a file is unpacked at once, about. */
const BYTES_AT_ONCE = 256 * 1024 * 1024;

export async function* read({ path, columns, report }: FileToRead): AsyncGenerator<DataChunk> {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  const total = Number(metadata.num_rows);
  let schema: Schema | undefined;
  let start = 0;
  for (const group of metadata.row_groups) {
    const end = start + Number(group.num_rows);
    const parts = Math.ceil(Number(group.total_byte_size) / BYTES_AT_ONCE);
    const step = Math.max(1, Math.ceil(Number(group.num_rows) / Math.max(1, parts)));
    for (; start < end; start += step) {
      const rowEnd = Math.min(end, start + step);
      const range = { rowStart: start, rowEnd, useOffsetIndex: true };
      const options = { file, metadata, compressors, parsers, utf8: false, geoparquet: false };
      const rows = await parquetReadObjects({ ...options, ...range });
      schema ??= schemaOf(parquetSchema(metadata).children.map(toField), rows);
      // A table that is there says itself what rows become.
      yield columns.size > 0 ? rows : tableOfRows(rows, schema, start);
      report({ stage: 'rows', done: rowEnd, total });
    }
    start = end;
  }
}

/** Lists of numbers in a column that is named like one of vectors, if they are all of one length, are vectors. */
function schemaOf(fields: Field[], rows: Row[]): Schema {
  return new Schema(
    fields.map((field) => {
      const item = field.type.typeId === Type.List ? field.type.children[0]! : undefined;
      if (item?.type.typeId !== Type.Float || !isVectorName(field.name)) return field;
      const lengths = new Set(rows.map((row) => row[field.name]?.length).filter(Boolean));
      if (lengths.size !== 1) return field;
      const [length] = lengths;
      return new Field(field.name, new FixedSizeList(length, item), true);
    }),
  );
}

export async function write(path: string, { schema, rows }: Found): Promise<void> {
  const fields = schema.fields.map((field) => ({ ...field, convert: toParquet(field.type) }));
  const elements = schema.fields.map(toElements);
  const writer = fileWriter(path);
  const file = new ParquetWriter({
    writer,
    schema: [{ name: 'schema', num_children: elements.length }, ...elements.flat()],
  });
  for await (const batch of inGroups(rows())) {
    const columnData = fields.map(({ name, convert }) => ({
      name,
      data: batch.map((row) => convert(row[name])),
    }));
    await file.write({ columnData, rowGroupSize: batch.length });
  }
  await file.finish();
}

const GROUP_ROWS = 20_000;

async function* inGroups(batches: AsyncIterable<Row[]>): AsyncGenerator<Row[]> {
  let group: Row[] = [];
  for await (const batch of batches) {
    group.push(...batch);
    if (group.length < GROUP_ROWS) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

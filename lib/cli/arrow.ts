/**
 * Files of Arrow, as pyarrow and Polars write them ("Feather" is the same thing), and streams.
 *
 * @module
 */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { isVectorName } from '../arrow/infer.js';
import {
  type Data,
  Field,
  FixedSizeList,
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  RecordBatchReader,
  Schema,
  Struct,
  Type,
} from '../arrow/library.js';
import type { DataChunk } from '../data.js';
import type { FileToRead, Found } from './files.js';

export async function* read({ path, report }: FileToRead): AsyncGenerator<DataChunk> {
  const file = await open(path);
  try {
    let sizes: Array<number | undefined> | undefined;
    let rows = 0;
    for await (const batch of await RecordBatchReader.from(file)) {
      sizes ??= batch.data.children.map((data, i) => vectorSize(batch.schema.fields[i]!, data));
      yield withVectors(batch, sizes);
      rows += batch.numRows;
      report({ stage: 'rows', done: rows });
    }
  } catch (error) {
    if (!/compressed/.test((error as Error).message)) throw error;
    throw new Error(
      "it is compressed; write it without compression ('uncompressed'), or as Parquet",
    );
  } finally {
    await file.close();
  }
}

/** Lists of floats in a column that is named like one of vectors, if they are all of one length, are vectors. */
function vectorSize({ name, type }: Field, list: Data): number | undefined {
  if (type.typeId !== Type.List || !isVectorName(name)) return undefined;
  if (type.children[0]!.type.typeId !== Type.Float || list.children[0]!.nullCount > 0)
    return undefined;
  const { valueOffsets: at } = list;
  const lengths = new Set(Array.from({ length: list.length }, (_, i) => at[i + 1] - at[i]));
  lengths.delete(0);
  return lengths.size === 1 ? [...lengths][0] : undefined;
}

function withVectors(batch: RecordBatch, sizes: Array<number | undefined>): RecordBatch {
  if (sizes.every((size) => size === undefined)) return batch;
  const children = batch.data.children.map((data, i) =>
    sizes[i] === undefined ? data : toVectors(data, sizes[i], batch.schema.fields[i]!.name),
  );
  const fields = batch.schema.fields.map(
    ({ name, nullable, metadata }, i) => new Field(name, children[i]!.type, nullable, metadata),
  );
  const data = makeData({
    type: new Struct(fields),
    length: batch.numRows,
    nullCount: 0,
    children,
  });
  return new RecordBatch(new Schema(fields, batch.schema.metadata), data);
}

function toVectors(list: Data, size: number, name: string): Data {
  const [items] = list.children as [Data];
  const { valueOffsets: at, length, nullCount, nullBitmap } = list;
  const data = new items.values.constructor(length * size);
  for (let i = 0; i < length; i++) {
    const count = at[i + 1] - at[i];
    if (count !== size && (count > 0 || list.getValid(i))) {
      throw new Error(`a vector in '${name}' has ${count} numbers, but the first has ${size}`);
    }
    data.set(items.values.subarray(at[i], at[i + 1]), i * size);
  }
  const [item] = list.type.children as [Field];
  const child = makeData({ type: item.type as any, length: length * size, nullCount: 0, data });
  return makeData({ type: new FixedSizeList(size, item), length, nullCount, nullBitmap, child });
}

export async function write(path: string, { schema, batches }: Found): Promise<void> {
  const writer = new RecordBatchFileWriter();
  const file = createWriteStream(path);
  const fill = async () => {
    let empty = true;
    for await (const batch of batches()) {
      writer.write(batch);
      empty = false;
      if (file.writableNeedDrain) await once(file, 'drain');
    }
    if (empty) writer.reset(undefined, schema);
    writer.finish();
  };
  const filled = fill().catch((error) => {
    file.destroy();
    throw error;
  });
  await Promise.all([filled, pipeline(writer, file)]);
}

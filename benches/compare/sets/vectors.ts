/** Vectors in plain files: little-endian f32, one vector after the other, so that every engine reads the same bytes. */

import { once } from 'node:events';
import { closeSync, createWriteStream, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A set of vectors on disk, the vectors to ask with, and the true answers. */
export interface VectorSet {
  name: string;
  /** What it is called where people read it. */
  title: string;
  folder: string;
  rows: number;
  dimensions: number;
  /** How many vectors to ask with; none of them is among the rows. */
  queries: number;
}

export const baseFile = (set: VectorSet) => join(set.folder, 'base.f32');
export const queryFile = (set: VectorSet) => join(set.folder, 'queries.f32');
export const truthFile = (set: VectorSet) => join(set.folder, 'truth.i32');

/** Reads a file of vectors a part at a time, so that memory does not grow with the file. */
export function* readParts(
  file: string,
  dimensions: number,
  rowsAtOnce = 16_384,
): Generator<Float32Array> {
  const descriptor = openSync(file, 'r');
  try {
    for (;;) {
      const part = new Float32Array(rowsAtOnce * dimensions);
      const bytes = readFully(descriptor, new Uint8Array(part.buffer));
      if (bytes === 0) return;
      yield part.subarray(0, bytes / Float32Array.BYTES_PER_ELEMENT);
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Reads every vector of a file. */
export function readVectors(file: string, dimensions: number): Float32Array[] {
  const rows = statSync(file).size / dimensions / Float32Array.BYTES_PER_ELEMENT;
  const [values] = readParts(file, dimensions, rows);
  return Array.from({ length: rows }, (_, row) =>
    values.slice(row * dimensions, (row + 1) * dimensions),
  );
}

/** Writes vectors one after the other. */
export class VectorFile {
  readonly #stream;
  rows = 0;

  constructor(file: string) {
    this.#stream = createWriteStream(file, { highWaterMark: 1 << 22 });
  }

  /** Adds one vector, or several that lie one after the other. The numbers are copied. */
  async add(values: Float32Array, rows = 1): Promise<void> {
    this.rows += rows;
    const bytes = Buffer.from(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    if (!this.#stream.write(bytes)) await once(this.#stream, 'drain');
  }

  async close(): Promise<void> {
    this.#stream.end();
    await once(this.#stream, 'finish');
  }
}

function readFully(descriptor: number, bytes: Uint8Array): number {
  let read = 0;
  while (read < bytes.length) {
    const more = readSync(descriptor, bytes, read, bytes.length - read, null);
    if (more === 0) break;
    read += more;
  }
  return read;
}

/** Fashion-MNIST: 60 000 pictures of clothes, 28 x 28 grey values. 500 of the 10 000 test pictures are asked with. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Random } from './random.js';
import type { VectorFile } from './vectors.js';

const FOLDER = '/usr/share/datasets/fashion-mnist';
const PIXELS = 28 * 28;
const QUERIES = 500;

/** Writes the training pictures into `base`, and test pictures into `queries`. */
export async function writeFashion(base: VectorFile, queries: VectorFile): Promise<void> {
  if (!existsSync(FOLDER)) {
    throw new Error(`${FOLDER} is missing; apt-get install dataset-fashion-mnist`);
  }
  for (const picture of pictures('train-images-idx3-ubyte.gz')) await base.add(picture);
  const test = pictures('t10k-images-idx3-ubyte.gz');
  for (const index of new Random(1).choose(QUERIES, test.length)) await queries.add(test[index]);
}

function pictures(file: string): Float32Array[] {
  // 16 bytes of header, then a byte for each pixel.
  const pixels = gunzipSync(readFileSync(join(FOLDER, file))).subarray(16);
  return Array.from({ length: pixels.length / PIXELS }, (_, picture) =>
    Float32Array.from(pixels.subarray(picture * PIXELS, (picture + 1) * PIXELS)),
  );
}

/** GloVe: 341 479 English words as 100 numbers each. 500 of them are held out: asked with, and not stored. */
import { installWords, readWords, WORD_COUNT } from '../../../examples/quickstart/words.js';
import { Random } from './random.js';
import type { VectorFile } from './vectors.js';

const QUERIES = 500;

/** Writes the words that are stored into `base`, and the others into `queries`. */
export async function writeGlove(base: VectorFile, queries: VectorFile): Promise<void> {
  installWords();
  const heldOut = new Random(2).choose(QUERIES, WORD_COUNT);
  let word = 0;
  for await (const { vector } of readWords()) {
    await (heldOut.has(word) ? queries : base).add(vector);
    word += 1;
  }
}

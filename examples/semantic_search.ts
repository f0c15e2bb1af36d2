// Searching text by meaning: paragraphs of this project's guides, found by a question.
//
//     npm run example examples/semantic_search.ts "how do I train an index on a GPU?"
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from 'quiverdb';

/**
 * Turns a text into a vector. Put your model here: a call of an embedding service, or of a local one. This
 * one only counts pieces of words, so that the example needs no model: it finds the same words, not the same meaning.
 */
async function embed(text: string): Promise<Float32Array> {
  const vector = new Float32Array(512);
  for (const word of text.toLowerCase().match(/[a-z]{3,}/g) ?? []) {
    for (let at = 0; at + 3 <= word.length; at++) {
      let hash = 0;
      for (const letter of word.slice(at, at + 3))
        hash = (hash * 31 + letter.charCodeAt(0)) % 65_521;
      vector[hash % vector.length]! += 1;
    }
  }
  // Frequent pieces say little: their weight grows slowly.
  return vector.map(Math.sqrt);
}

const docs = fileURLToPath(new URL('../docs/', import.meta.url));

/** The paragraphs of all guides, embedded as they are asked for: a stream may be larger than memory. */
async function* paragraphs() {
  for (const page of (await readdir(docs)).filter((name) => name.endsWith('.md')).sort()) {
    const text = await readFile(join(docs, page), 'utf8');
    const prose = text.replace(/^```[\s\S]*?^```$/gm, '').split(/\n{2,}/);
    const long = prose.filter((paragraph) => paragraph.length > 80 && !paragraph.startsWith('|'));
    yield Promise.all(
      long.map(async (paragraph) => ({ page, paragraph, vector: await embed(paragraph) })),
    );
  }
}

async function* batches() {
  for await (const batch of paragraphs()) if (batch.length > 0) yield batch;
}

const db = await connect('.data/semantic');
const table = await db.createTable('paragraphs', batches(), { mode: 'overwrite' });

const question = process.argv[2] ?? 'How do I train an index on a GPU with an accelerator?';
const hits = await table
  .search(embed(question))
  .distanceType('cosine')
  .select(['page', 'paragraph'])
  .limit(3)
  .toArray();

console.log(question);
for (const { page, paragraph, _distance } of hits) {
  console.log(`${_distance.toFixed(2)} ${page}: ${paragraph.replaceAll('\n', ' ').slice(0, 100)}…`);
}

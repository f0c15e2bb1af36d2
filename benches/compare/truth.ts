/** The true neighbours: by our exact search, checked against a plain loop on some of the queries. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ids, NEIGHBOURS } from './engines/engine.js';
import { engine } from './engines/quiverdb.js';
import { Random } from './sets/random.js';
import {
  baseFile,
  queryFile,
  readParts,
  readVectors,
  truthFile,
  type VectorSet,
} from './sets/vectors.js';

/** Queries that are also answered by the plain loop. */
const CHECKED = 5;

/** The ids of the rows nearest to each query, found now if no earlier run did. */
export async function readTruth(set: VectorSet): Promise<Ids[]> {
  if (!existsSync(truthFile(set))) await writeTruth(set);
  const bytes = readFileSync(truthFile(set));
  const ids = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  return Array.from({ length: set.queries }, (_, query) =>
    Array.from(ids.subarray(query * NEIGHBOURS, (query + 1) * NEIGHBOURS)),
  );
}

async function writeTruth(set: VectorSet): Promise<void> {
  console.log('  finding the true neighbours');
  const folder = await mkdtemp(join(tmpdir(), 'quiverdb-truth-'));
  try {
    await engine.ingest!(set, folder);
    const opened = await engine.open(set, folder, {});
    const queries = readVectors(queryFile(set), set.dimensions);
    const truth: Ids[] = [];
    for (const query of queries) truth.push(await opened.exact!()(query));
    check(set, queries, truth);
    writeFileSync(truthFile(set), new Int32Array(truth.flat()));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Compares distances: rows at the same distance may come in any order. */
function check(set: VectorSet, queries: Float32Array[], truth: Ids[]): void {
  for (const index of new Random(4).choose(CHECKED, queries.length)) {
    const expected = nearest(readParts(baseFile(set), set.dimensions), queries[index], NEIGHBOURS);
    const missing = expected.filter(({ id }) => !truth[index].includes(id));
    if (missing.some(({ distance }) => distance < expected.at(-1)!.distance * (1 - 1e-5))) {
      throw new Error(
        `exact search and a plain loop disagree on query ${index} of ${set.name}: ` +
          `${truth[index]} and ${expected.map(({ id }) => id)}`,
      );
    }
  }
}

/** The `count` rows nearest to a vector, nearest first, by nothing but a loop. */
export function nearest(
  parts: Iterable<Float32Array>,
  query: Float32Array,
  count: number,
): Array<{ id: number; distance: number }> {
  let best: Array<{ id: number; distance: number }> = [];
  let id = 0;
  for (const part of parts) {
    for (let start = 0; start < part.length; start += query.length) {
      let distance = 0;
      for (let i = 0; i < query.length; i++) distance += (part[start + i] - query[i]) ** 2;
      if (best.length < count || distance < best.at(-1)!.distance) {
        best = [...best, { id, distance }].sort((a, b) => a.distance - b.distance).slice(0, count);
      }
      id += 1;
    }
  }
  return best;
}

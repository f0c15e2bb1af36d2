/**
 * A million vectors of 128 numbers, made up: clusters that overlap a little, each spread out along a few
 * directions, as embeddings are. Vectors to ask with are made in the same way, and not stored.
 */
import { Random } from './random.js';
import type { VectorFile } from './vectors.js';

const DIMENSIONS = 128;
const ROWS = 1_000_000;
const QUERIES = 300;
const CLUSTERS = 2000;
/** Clusters share sets of directions, so that the directions of all of them fit into the cache. */
const FRAMES = 32;
const DIRECTIONS = 12;
/** How far clusters are from the origin, and rows from their cluster along its directions and in all others. */
const CENTRE_SCALE = 0.35;
const SPREAD = 1;
const NOISE = 0.06;

/** Writes the rows into `base`, and the vectors to ask with into `queries`. */
export async function writeClustered(base: VectorFile, queries: VectorFile): Promise<void> {
  const random = new Random(3);
  const centres = normals(random, CLUSTERS * DIMENSIONS, CENTRE_SCALE);
  const frames = normals(random, FRAMES * DIRECTIONS * DIMENSIONS, SPREAD / Math.sqrt(DIRECTIONS));
  const row = new Float32Array(DIMENSIONS);
  const next = () => {
    const cluster = random.below(CLUSTERS);
    const centre = cluster * DIMENSIONS;
    const frame = (cluster % FRAMES) * DIRECTIONS * DIMENSIONS;
    for (let i = 0; i < DIMENSIONS; i++) row[i] = centres[centre + i] + NOISE * random.normal();
    for (let direction = 0; direction < DIRECTIONS; direction++) {
      const along = random.normal();
      const start = frame + direction * DIMENSIONS;
      for (let i = 0; i < DIMENSIONS; i++) row[i] += along * frames[start + i];
    }
    return row;
  };
  for (let i = 0; i < ROWS; i++) await base.add(next());
  for (let i = 0; i < QUERIES; i++) await queries.add(next());
}

function normals(random: Random, count: number, scale: number): Float32Array {
  return Float32Array.from({ length: count }, () => scale * random.normal());
}

/** Points: what partitions and codes of an index of vectors are about; and what codes say of distances. */
import type { IvfPqFile } from './ivf.js';
import type { Metric } from './ivf_header.js';
import { decode, type PqRow } from './ivf_pq.js';

export type Point = ArrayLike<number>;

/** The point of a vector; null if it has none. */
export function pointOf(metric: Metric, vector: Point): number[] | null {
  const values = Array.from(vector);
  if (metric === 'hamming') return values.flatMap((byte) => BITS.map((bit) => (byte >> bit) & 1));
  const point = metric === 'cosine' ? scaled(values, 1 / Math.sqrt(dot(values, values))) : values;
  return Number.isFinite(Math.fround(dot(point, point))) ? point : null;
}

const BITS = [0, 1, 2, 3, 4, 5, 6, 7];

/** The distance of a query's point from a row, as far as the row's code tells it. */
export type Estimate = (centroid: Point, row: PqRow) => number;

/** The estimates of an index file for a query. */
export function estimateOf(metric: Metric, file: IvfPqFile, query: Point): Estimate {
  const { mean, codebook } = file;
  if (metric === 'l2') {
    const t = minus(query, mean);
    return (c, { codes, add, scale }) =>
      squared(minus(t, c)) + add - 2 * scale * dot(t, decode(codebook, codes));
  }
  const alpha = alphaOf(metric, file, query);
  const t = minus(query, scaled(mean, alpha));
  return (c, { codes, add, scale }) =>
    1 - dot(query, plus(c, mean)) + alpha * add - scale * dot(t, decode(codebook, codes));
}

/** How much of the query is in the direction of the first partition that it looks into. */
function alphaOf(metric: Metric, { mean, partitions }: IvfPqFile, query: Point): number {
  const places = partitions.map(({ centroid }) => plus(centroid, mean));
  const far = (p: Point) => (metric === 'dot' ? -dot(query, p) : squared(minus(query, p)));
  const p = places.reduce((nearest, place) => (far(place) < far(nearest) ? place : nearest));
  const alpha = dot(query, p) / squared(p);
  return Math.max(alpha, 1e-3 * Math.sqrt(squared(query) / squared(p)));
}

export function dot(a: Point, b: Point): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

export const squared = (a: Point) => dot(a, a);

export const plus = (a: Point, b: Point) => Array.from(a, (value, i) => value + b[i]);

export const minus = (a: Point, b: Point) => Array.from(a, (value, i) => value - b[i]);

export const scaled = (a: Point, by: number) => Array.from(a, (value) => value * by);

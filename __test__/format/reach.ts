/** When a search ends: at the first partition that is out of reach. */
import type { IvfFlatFile } from './ivf.js';
import { metricOf } from './ivf_header.js';
import { dot, minus, type Point, plus, pointOf, squared } from './points.js';

/** How many partitions a search looks into for the `k` rows nearest to a query's point. */
export function partitionsSearched(index: IvfFlatFile, q: Point, k: number, limit: number): number {
  const metric = metricOf(index.header);
  const distanceOf = (x: Point) => (metric === 'l2' ? squared(minus(q, x)) : 1 - dot(q, x));
  const inOrder = index.partitions
    .map(({ centroid, rows }) => {
      const place = plus(centroid, index.mean);
      return { rows, far: metric === 'dot' ? 1 - dot(q, place) : squared(minus(q, place)) };
    })
    .sort((a, b) => a.far - b.far);

  const first = inOrder[0].far;
  let found: number[] = [];
  let near: number | undefined;
  for (const [j, { far, rows }] of inOrder.entries()) {
    if (near === undefined || isPowerOfTwo(j)) near = found[k - 1];
    if (near !== undefined) {
      const gap =
        metric === 'dot'
          ? (far - near) / Math.sqrt(squared(q))
          : (far - first) / Math.max(metric === 'cosine' ? 2 * near : near, first / 64);
      if (gap * Math.sqrt(j + 1) > limit) return j;
    }
    const distances = rows.map(({ vector }) => distanceOf(pointOf(metric, vector)!));
    found = [...found, ...distances].sort((a, b) => a - b);
  }
  return inOrder.length;
}

const isPowerOfTwo = (n: number) => Number.isInteger(Math.log2(n));

/** Percentiles, recall, and what can be read off a curve of recall against speed. */

/** The value below which a share of the values lies, between two of them where it falls between. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = Math.floor(at);
  const above = Math.ceil(at);
  return sorted[below] + (sorted[above] - sorted[below]) * (at - below);
}

export const median = (values: readonly number[]) => percentile(values, 0.5);

/** The share of the true neighbours that were found, over the queries that were answered. */
export function recall(answers: readonly number[][], truth: readonly number[][]): number {
  let hits = 0;
  let wanted = 0;
  for (const [query, answer] of answers.entries()) {
    const found = new Set(answer);
    hits += truth[query].filter((id) => found.has(id)).length;
    wanted += truth[query].length;
  }
  return wanted === 0 ? Number.NaN : hits / wanted;
}

/** A point of a curve: what one setting reaches. */
export interface Point {
  recall: number;
  perSecond: number;
}

/** The points that no other point beats at both, by recall. */
export function frontier<P extends Point>(points: readonly P[]): P[] {
  const best: P[] = [];
  const byRecall = [...points].sort((a, b) => b.recall - a.recall || b.perSecond - a.perSecond);
  for (const point of byRecall) {
    const last = best.at(-1);
    if (last === undefined || point.perSecond > last.perSecond) best.push(point);
  }
  return best.reverse();
}

/** The fastest point that reaches the recall, if any does. */
export function fastestAt<P extends Point>(points: readonly P[], target: number): P | undefined {
  return points
    .filter((point) => point.recall >= target)
    .reduce<P | undefined>((a, b) => (a && a.perSecond >= b.perSecond ? a : b), undefined);
}

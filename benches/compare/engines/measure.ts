/** Asking queries, and how long they take. faiss_engine.py and query.rs measure in the same way. */

import { percentile } from '../statistics.js';
import type { Ids } from './engine.js';

/** How many queries are under way at any time where concurrency is measured. */
const IN_FLIGHT = 16;
/** Query vectors of one call where batches are measured. */
const BATCH = 100;

export interface Measured {
  /** The answers, one for each query that was asked, in order. */
  answers: Ids[];
  /** Queries answered, by the time they took together. */
  perSecond: number;
  /** Milliseconds of one call; of `BATCH` queries where batches are measured. */
  medianMs: number;
  p99Ms: number;
}

/** When asking ends before all queries are answered. */
export interface Limits {
  budgetMs: number;
  queriesMin: number;
}

/** Asks one query after the other. */
export async function oneByOne<Q>(
  ask: (query: Q) => Promise<Ids> | Ids,
  queries: Q[],
  { budgetMs, queriesMin }: Limits,
): Promise<Measured> {
  const answers: Ids[] = [];
  const times: number[] = [];
  const start = performance.now();
  for (const query of queries) {
    const before = performance.now();
    // A promise is waited for only where there is one: waiting costs microseconds.
    const answer = ask(query);
    answers.push(answer instanceof Promise ? await answer : answer);
    const after = performance.now();
    times.push(after - before);
    if (after - start > budgetMs && answers.length >= queriesMin) break;
  }
  return summary(answers, times, times.length, performance.now() - start);
}

/** Asks with several queries under way at any time. */
export async function inFlight<Q>(
  ask: (query: Q) => Promise<Ids>,
  queries: Q[],
  { budgetMs, queriesMin }: Limits,
): Promise<Measured> {
  const answers: Ids[] = [];
  const times: number[] = [];
  const start = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < queries.length) {
      if (next >= queriesMin && performance.now() - start > budgetMs) break;
      const index = next++;
      const before = performance.now();
      answers[index] = await ask(queries[index]);
      times.push(performance.now() - before);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  return summary(answers, times, times.length, performance.now() - start);
}

/** Asks with many query vectors in one call. */
export async function inBatches<Q>(
  ask: (queries: Q[]) => Promise<Ids[]> | Ids[],
  queries: Q[],
  { budgetMs, queriesMin }: Limits,
): Promise<Measured> {
  const answers: Ids[] = [];
  const times: number[] = [];
  const start = performance.now();
  for (let first = 0; first < queries.length; first += BATCH) {
    const before = performance.now();
    answers.push(...(await ask(queries.slice(first, first + BATCH))));
    const after = performance.now();
    times.push(after - before);
    if (after - start > budgetMs && answers.length >= queriesMin) break;
  }
  return summary(answers, times, answers.length, performance.now() - start);
}

function summary(answers: Ids[], times: number[], queries: number, elapsedMs: number): Measured {
  return {
    answers,
    perSecond: (1000 * queries) / elapsedMs,
    medianMs: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
  };
}

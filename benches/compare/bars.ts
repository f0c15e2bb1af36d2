/** How many times faster quiverdb is than the others, beside what it is meant to be. */
import type { BuildResult } from './build.js';
import type { Mode } from './engines/engine.js';
import type { Asked, CurvePoint } from './query.js';
import type { SetName } from './sets/index.js';
import { fastestAt } from './statistics.js';

/** What was measured of one contestant. */
export interface Entry extends Partial<Asked> {
  name: string;
  build: BuildResult;
}

/** A ratio that quiverdb is meant to reach. */
export interface Bar {
  what: string;
  /** How many times faster than the other. Missing: one of the two does not reach the recall. */
  ratio?: number;
  wanted: number;
  ours: string;
  theirs: string;
}

/** One of the two who are compared. Missing: it did not take part. */
type Side = { name: string; value?: number } | undefined;

/** How many times faster than lancedb's IVF_PQ a build with as many bytes a row is meant to be. */
const BUILD_WANTED: Record<SetName, number> = { fashion: 20, glove: 12, clustered: 6 };
const RECALLS = [0.95, 0.99];

/** Every bar that can be judged on a set, with those who took part. */
export function bars(set: SetName, entries: Entry[]): Bar[] {
  const results = new Results(entries);
  const rows: Array<[what: string, wanted: number, unit: string, ours: Side, theirs: Side]> = [
    [
      'build, 8-bit',
      BUILD_WANTED[set],
      's',
      results.build('quiverdb ivf_pq 8-bit'),
      results.build('lancedb ivf_pq'),
    ],
    [
      'build, 4-bit',
      1,
      's',
      results.build('quiverdb ivf_pq 4-bit'),
      results.build('faiss ivf_pq 4-bit'),
    ],
    ['exact', 10, 'ms', results.exact('quiverdb'), results.exact('lancedb')],
  ];
  for (const recall of RECALLS) {
    const latency = (pattern: RegExp, mode: Mode) =>
      results.query(pattern, mode, recall, ({ medianMs }) => medianMs);
    const pace = (pattern: RegExp) =>
      results.query(pattern, 'flight', recall, ({ perSecond }) => 1000 / perSecond);
    const awaited = latency(/^quiverdb /, 'one');
    const sync = latency(/^quiverdb /, 'sync');
    const flight = pace(/^quiverdb /);
    const rust = latency(/^quiverdb-rust /, 'sync');
    const at = `recall ${recall}`;
    rows.push(
      [`awaited, ${at}`, 20, 'ms', awaited, latency(/^lancedb ivf_pq/, 'one')],
      [`awaited, ${at}`, 10, 'ms', awaited, latency(/^lancedb (?!ivf_pq)/, 'one')],
      [`awaited, ${at}`, 1, 'ms', awaited, latency(/^zvec /, 'one')],
      [`synchronous, ${at}`, 1, 'ms', sync, latency(/^hnswlib /, 'sync')],
      [`synchronous, ${at}`, 1, 'ms', sync, latency(/^usearch /, 'sync')],
      [`16 in flight, ${at}`, 20, 'ms a query', flight, pace(/^lancedb ivf_pq/)],
      [`16 in flight, ${at}`, 2, 'ms a query', flight, pace(/^zvec /)],
      [`Rust, one thread, ${at}`, 1, 'ms', rust, latency(/^faiss /, 'sync')],
    );
  }
  return rows.flatMap(([what, wanted, unit, ours, theirs]) => {
    if (!ours || !theirs) return [];
    const ratio = ours.value && theirs.value && theirs.value / ours.value;
    return [{ what, wanted, ratio, ours: shown(ours, unit), theirs: shown(theirs, unit) }];
  });
}

/** The numbers of everyone who took part. */
class Results {
  readonly #entries: Entry[];

  constructor(entries: Entry[]) {
    this.#entries = entries;
  }

  /** Seconds of a build. */
  build(name: string): Side {
    const entry = this.#entries.find((entry) => entry.name === name);
    return entry && { name, value: entry.build.seconds };
  }

  /** Milliseconds of an exact query. */
  exact(engine: string): Side {
    const entry = this.#entries.find(({ name, exact }) => name.startsWith(`${engine} `) && exact);
    return entry && { name: engine, value: entry.exact?.medianMs };
  }

  /** A number of the fastest point at a recall, over all kinds of index that match. */
  query(pattern: RegExp, mode: Mode, recall: number, value: (point: CurvePoint) => number): Side {
    const entries = this.#entries.filter(
      ({ name, curves }) => pattern.test(name) && curves?.[mode],
    );
    if (entries.length === 0) return undefined;
    const points = entries.flatMap(({ name, curves }) =>
      curves![mode]!.map((point) => ({ ...point, name })),
    );
    const found = fastestAt(points, recall);
    if (!found) return { name: entries[0].name };
    return { name: found.name, value: value(found) };
  }
}

function shown({ name, value }: NonNullable<Side>, unit: string): string {
  return `${name}: ${value === undefined ? 'not reached' : `${value.toPrecision(3)} ${unit}`}`;
}

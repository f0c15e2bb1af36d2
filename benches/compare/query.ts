/** Asking everyone, in turn, several rounds: recall and speed of every setting that is worth a second look. */
import type { Built } from './build.js';
import { start } from './build.js';
import type { Child } from './child.js';
import { type Ids, MODES, type Mode, type Settings } from './engines/engine.js';
import type { Measured } from './engines/measure.js';
import type { VectorSet } from './sets/vectors.js';
import { frontier, median, recall } from './statistics.js';

/** What one setting reached, in medians over the rounds. */
export interface CurvePoint {
  settings: Settings;
  recall: number;
  perSecond: number;
  medianMs: number;
  p99Ms: number;
}

/** What was measured of one contestant. */
export interface Asked {
  name: string;
  version: string;
  indexBytes: number;
  exact?: CurvePoint;
  /** By way of asking, the settings that no other beats at both recall and speed. */
  curves: Partial<Record<Mode, CurvePoint[]>>;
}

interface Runner {
  asked: Asked;
  child: Child;
  modes: Mode[];
  sweep: Settings[];
  rounds: Map<Mode, Map<Settings, CurvePoint[]>>;
}

export interface AskOptions {
  rounds: number;
  budgetMs: number;
  queries: number;
}

const EXACT_QUERIES = 20;
/** The first round, which recall is taken from, asks so many queries however long it takes. */
const RECALL_QUERIES = 300;
/** Warms up what the first queries of a process would pay for. */
const WARM_UP = { queries: 50, queriesMin: 0, budgetMs: 300 };

/** Asks everyone, in turn. Whoever fails is reported and left out. */
export async function ask(
  set: VectorSet,
  built: Built[],
  truth: Ids[],
  options: AskOptions,
): Promise<Asked[]> {
  const runners: Runner[] = [];
  for (const one of built) {
    const runner = await open(set, one).catch((error) => failed(one.contestant.name, error));
    if (runner) runners.push(runner);
  }
  for (let round = 0; round < options.rounds; round++) {
    for (const runner of [...runners]) {
      try {
        await measure(runner, truth, round === 0, options);
      } catch (error) {
        failed(runner.asked.name, error);
        await runner.child.close();
        runners.splice(runners.indexOf(runner), 1);
      }
    }
  }
  for (const runner of runners) {
    await runner.child.close();
    for (const [mode, points] of runner.rounds) {
      const curve = frontier([...points.values()].map(combined));
      if (mode === 'exact') runner.asked.exact = curve[0];
      else runner.asked.curves[mode] = curve;
    }
  }
  return runners.map(({ asked }) => asked);
}

function failed(name: string, error: unknown): undefined {
  console.log(`  ${name} failed, and is left out: ${(error as Error).message}`);
}

async function open(set: VectorSet, { contestant, folder }: Built): Promise<Runner> {
  const child = start(contestant);
  const { version, indexBytes, modes } = await child.call<Asked & { modes: string[] }>({
    op: 'open',
    set,
    folder,
    config: contestant.config,
  });
  return {
    asked: { name: contestant.name, version, indexBytes, curves: {} },
    child,
    modes: MODES.filter((mode) => modes.includes(mode)),
    sweep: contestant.sweep,
    rounds: new Map(),
  };
}

/** One round of one contestant. */
async function measure(runner: Runner, truth: Ids[], first: boolean, options: AskOptions) {
  for (const mode of runner.modes) {
    const points = runner.rounds.get(mode) ?? new Map<Settings, CurvePoint[]>();
    runner.rounds.set(mode, points);
    const tried = first ? settingsOf(runner, mode) : unbeaten(points);
    const exact = mode === 'exact';
    const queries = exact ? EXACT_QUERIES : options.queries;
    const queriesMin = first && !exact ? Math.min(RECALL_QUERIES, queries) : 0;
    const order = { op: 'ask', mode, budgetMs: options.budgetMs, queriesMin, queries };
    await runner.child.call({ ...order, ...WARM_UP, settings: tried[0] });
    for (const settings of tried) {
      const measured = await runner.child.call<Measured>({ ...order, settings });
      const point = pointOf(measured, mode, settings, truth);
      points.set(settings, [...(points.get(settings) ?? []), point]);
    }
  }
}

/** What the first round tries: all settings in the first way of asking, in others those that were not beaten in it. */
function settingsOf(runner: Runner, mode: Mode): Settings[] {
  if (mode === 'exact') return [{}];
  const [first] = runner.modes.filter((one) => one !== 'exact');
  return mode === first ? runner.sweep : unbeaten(runner.rounds.get(first)!);
}

function unbeaten(points: Map<Settings, CurvePoint[]>): Settings[] {
  const combinedPoints = [...points].map(([settings, all]) => ({ ...combined(all), settings }));
  return frontier(combinedPoints).map(({ settings }) => settings);
}

function pointOf(measured: Measured, mode: Mode, settings: Settings, truth: Ids[]): CurvePoint {
  const { answers, medianMs, p99Ms } = measured;
  // One query at a time: what the median comes to, which an interruption does not change.
  const alone = mode === 'exact' || mode === 'one' || mode === 'sync';
  const perSecond = alone ? 1000 / medianMs : measured.perSecond;
  return { settings, recall: recall(answers, truth), perSecond, medianMs, p99Ms };
}

/** Recall as the round with the most queries has it, which is the first; times as medians. */
function combined(rounds: CurvePoint[]): CurvePoint {
  return {
    settings: rounds[0].settings,
    recall: rounds[0].recall,
    perSecond: median(rounds.map((point) => point.perSecond)),
    medianMs: median(rounds.map((point) => point.medianMs)),
    p99Ms: median(rounds.map((point) => point.p99Ms)),
  };
}

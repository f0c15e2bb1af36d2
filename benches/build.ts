/** Storing rows and building indexes: how long, with how much memory. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child, type Usage } from './child.js';
import { type Contestant, ENGINES } from './contestants.js';
import type { VectorSet } from './sets/vectors.js';
import { median } from './statistics.js';

/** What building took: medians, where something was built several times. */
export interface BuildResult extends Usage {
  ingestSeconds: number;
  seconds: number;
  /** The seconds of each build, and the cores that others kept busy meanwhile. */
  runs: Array<{ seconds: number; othersCores?: number }>;
  /** When it was built. */
  date: string;
}

/** A contestant whose index is there. */
export interface Built {
  contestant: Contestant;
  folder: string;
  build: BuildResult;
}

type Timed = { seconds: number } & Usage;
type Run = { ingest: Timed; build: Timed };

/** A build is disturbed if others keep more of a core busy meanwhile. It is repeated, but not for ever. */
const DISTURBED_CORES = 0.2;
const ROUNDS_MAX = 6;
const isDisturbed = ({ build }: Run) => (build.othersCores ?? 0) > DISTURBED_CORES;

/** Starts the engine of a contestant. */
export function start({ engine }: Contestant): Child {
  const [command, ...args] = ENGINES[engine].command();
  return new Child(command, args);
}

/** Builds in turn, so that what disturbs the machine disturbs everyone. Whoever fails is reported and left out. */
export async function build(
  set: VectorSet,
  contestants: Contestant[],
  parent: string,
  { keep, rebuild }: { keep: boolean; rebuild: boolean },
): Promise<Built[]> {
  const built: Built[] = [];
  const runs = new Map<Contestant, Run[]>();
  for (const contestant of contestants) {
    const folder = join(parent, folderName(contestant));
    const kept = keep || (!rebuild && contestant.builds === 1);
    if (kept && existsSync(join(folder, DONE))) {
      built.push({
        contestant,
        folder,
        build: JSON.parse(readFileSync(join(folder, DONE), 'utf8')),
      });
    } else {
      runs.set(contestant, []);
    }
  }
  for (let round = 0; round < ROUNDS_MAX; round++) {
    for (const [contestant, times] of runs) {
      const good = times.filter((run) => !isDisturbed(run)).length;
      if (good >= contestant.builds || times.length >= 2 * contestant.builds) continue;
      const folder = join(parent, folderName(contestant));
      process.stdout.write(`  building ${contestant.name}: `);
      try {
        const run = await buildOnce(set, contestant, folder);
        times.push(run);
        // Whoever ends the bench now can go on from here.
        writeFileSync(join(folder, DONE), JSON.stringify(summary(times)));
        const note = isDisturbed(run) ? ', while others kept the machine busy' : '';
        console.log(`${run.build.seconds.toFixed(2)} s${note}`);
      } catch (error) {
        console.log(`failed: ${(error as Error).message}`);
        runs.delete(contestant);
      }
    }
  }
  for (const [contestant, times] of runs) {
    built.push({
      contestant,
      folder: join(parent, folderName(contestant)),
      build: summary(times),
    });
  }
  return contestants.flatMap((one) => built.filter(({ contestant }) => contestant === one));
}

/** Written into the folder of what was built, last. */
const DONE = 'built.json';

async function buildOnce(set: VectorSet, contestant: Contestant, folder: string) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const order = { set, folder, config: contestant.config };
  // A process for each, so that the memory of one is not counted for the other.
  const ingest = await inProcess(contestant, { op: 'ingest', ...order });
  const build = await inProcess(contestant, { op: 'build', ...order });
  return { ingest, build };
}

async function inProcess(contestant: Contestant, order: object): Promise<Timed> {
  const child = start(contestant);
  try {
    return await child.watched<Timed>(order);
  } finally {
    await child.close();
  }
}

/** Medians over the runs that were not disturbed, if there are any. */
function summary(all: Run[]): BuildResult {
  const undisturbed = all.filter((run) => !isDisturbed(run));
  const runs = undisturbed.length > 0 ? undisturbed : all;
  const of = (value: (run: Run) => number | undefined) =>
    median(runs.map((run) => value(run) ?? Number.NaN));
  return {
    ingestSeconds: of(({ ingest }) => ingest.seconds),
    seconds: of(({ build }) => build.seconds),
    cpuSeconds: of(({ build }) => build.cpuSeconds),
    peakRssBytes: of(({ build }) => build.peakRssBytes),
    peakAnonBytes: of(({ build }) => build.peakAnonBytes),
    runs: all.map(({ build: { seconds, othersCores } }) => ({ seconds, othersCores })),
    date: new Date().toISOString(),
  };
}

/** A folder for each engine, kind and configuration. */
function folderName({ name, config }: Contestant): string {
  const hash = createHash('sha256').update(JSON.stringify(config)).digest('hex').slice(0, 8);
  return `${name.replaceAll(' ', '-')}-${hash}`;
}

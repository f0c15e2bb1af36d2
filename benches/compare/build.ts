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
  const built = new Map<Contestant, Built>();
  let toBuild: Array<{ contestant: Contestant; folder: string; runs: Run[] }> = [];
  for (const contestant of contestants) {
    const folder = join(parent, folderName(contestant));
    const kept = keep || (!rebuild && contestant.builds === 1);
    if (kept && existsSync(join(folder, DONE))) {
      const build: BuildResult = JSON.parse(readFileSync(join(folder, DONE), 'utf8'));
      built.set(contestant, { contestant, folder, build });
    } else {
      toBuild.push({ contestant, folder, runs: [] });
    }
  }
  for (; toBuild.length > 0; toBuild = toBuild.filter((one) => !isEnough(one))) {
    for (const one of toBuild) {
      const { contestant, folder, runs } = one;
      process.stdout.write(`  building ${contestant.name}: `);
      try {
        runs.push(await buildOnce(set, contestant, folder));
        built.set(contestant, { contestant, folder, build: summary(runs) });
        // Whoever ends the bench now can go on from here.
        writeFileSync(join(folder, DONE), JSON.stringify(summary(runs)));
        const note = isDisturbed(runs.at(-1)!) ? ', while others kept the machine busy' : '';
        console.log(`${runs.at(-1)!.build.seconds.toFixed(2)} s${note}`);
      } catch (error) {
        console.log(`failed: ${(error as Error).message}`);
        built.delete(contestant);
        toBuild = toBuild.filter((other) => other !== one);
      }
    }
  }
  return contestants.flatMap((contestant) => built.get(contestant) ?? []);
}

/** Whether there are as many undisturbed builds as there should be, or twice as many of any kind. */
function isEnough({ contestant: { builds }, runs }: { contestant: Contestant; runs: Run[] }) {
  return runs.filter((run) => !isDisturbed(run)).length >= builds || runs.length >= 2 * builds;
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

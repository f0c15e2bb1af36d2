/** The flags of the bench. */
import { parseArgs } from 'node:util';
import { ENGINE_NAMES, type EngineName } from './contestants.js';
import { SET_NAMES, type SetName } from './sets/index.js';

export interface Options {
  sets: SetName[];
  engines: EngineName[];
  /** Only contestants whose names hold this. */
  only: string;
  /** How often every point is measured. */
  rounds: number;
  /** The most milliseconds that measuring one point may take in one round. */
  budgetMs: number;
  /** The most queries. */
  queries: number;
  /** Builds everything anew; else what an earlier run of the bench built is kept for slow builders. */
  rebuild: boolean;
  /** Builds nothing that is there. */
  keep: boolean;
  /** Asks no queries. */
  buildOnly: boolean;
  /** Keeps the result among the recorded ones. */
  record: boolean;
}

export const USAGE = `npm run bench -- [flags]
  --sets fashion,glove,clustered   the sets of vectors; default: all
  --engines ${ENGINE_NAMES.join(',')}   default: all that are installed
  --only ivf_pq                    only kinds of index whose names hold this
  --quick                          fewer queries, one round
  --rounds 5                       how often every point is measured
  --keep                           build nothing that an earlier run built
  --rebuild                        build everything, also what takes a minute
  --build-only                     ask no queries
  --record                         keep the result in benches/record/`;

/** Reads the flags; says how to use them, and ends the process, if they cannot be read. */
export function readOptions(args: string[]): Options {
  try {
    const { values } = parseArgs({
      args,
      options: {
        sets: { type: 'string' },
        engines: { type: 'string' },
        only: { type: 'string', default: '' },
        quick: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        keep: { type: 'boolean', default: false },
        rebuild: { type: 'boolean', default: false },
        'build-only': { type: 'boolean', default: false },
        record: { type: 'boolean', default: false },
      },
    });
    return {
      sets: names('--sets', values.sets, SET_NAMES),
      engines: names('--engines', values.engines, ENGINE_NAMES),
      only: values.only,
      rounds: rounds(values.rounds, values.quick ? 1 : 5),
      budgetMs: values.quick ? 300 : 400,
      queries: values.quick ? 100 : 1000,
      rebuild: values.rebuild,
      keep: values.keep,
      buildOnly: values['build-only'],
      record: values.record,
    };
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}

function rounds(value: string | undefined, without: number): number {
  const rounds = value === undefined ? without : Number(value);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new Error(`--rounds ${value}: it must be a positive whole number`);
  }
  return rounds;
}

function names<Name extends string>(flag: string, value: string | undefined, all: Name[]): Name[] {
  if (value === undefined) return all;
  return value.split(',').map((name) => {
    if (!all.includes(name as Name)) {
      throw new Error(`${flag} ${name}: there are ${all.join(', ')}`);
    }
    return name as Name;
  });
}

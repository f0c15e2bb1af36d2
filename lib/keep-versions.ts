/**
 * Which versions of a table stay: the option `keepVersions` of {@link connect} and {@link Table.optimize}.
 *
 * @module
 */
import type { NativeRetention } from './native-types.js';
import { checkOptions, invalid, number } from './options.js';

/**
 * Which versions stay: so many of the newest, or all that are younger than this, or what either of the two says.
 * The newest version, those with a tag, and what a handle shows or a query reads stay in any case.
 *
 * - `20`: the last 20. `Infinity`: all.
 * - `{ hours: 2 }`, `{ days: 7 }`: everything that was made since then. Several units add up.
 * - `{ versions: 100, hours: 1 }`: the last 100, and everything of the last hour. This is the default.
 */
export type KeepVersions =
  | number
  | {
      /** How many of the newest stay, whatever their age. */
      versions?: number;
      days?: number;
      hours?: number;
      minutes?: number;
      seconds?: number;
    };

/** Milliseconds of each unit. */
const UNITS = { days: 86_400_000, hours: 3_600_000, minutes: 60_000, seconds: 1000 } as const;
const UNIT_NAMES = Object.keys(UNITS) as (keyof typeof UNITS)[];

/** What {@link KeepVersions} means; `undefined` stays `undefined`. */
export function retention(keep: KeepVersions | undefined): NativeRetention | undefined {
  if (keep === undefined) return undefined;
  if (typeof keep === 'number') return { versions: count('keepVersions', keep), ageMs: 0 };
  if (typeof keep !== 'object' || keep === null || Array.isArray(keep))
    throw invalid('keepVersions', keep, 'a number of versions, or an object such as { hours: 2 }');
  checkOptions<Exclude<KeepVersions, number>>('keepVersions', keep, ['versions', ...UNIT_NAMES]);
  const { versions } = keep;
  const units = UNIT_NAMES.filter((unit) => keep[unit] !== undefined);
  if (versions === undefined && units.length === 0)
    throw invalid('keepVersions', keep, 'an object that says something, such as { hours: 2 }');
  const spans = units.map(
    (unit) => number(`${unit} of keepVersions`, keep[unit]!, 0) * UNITS[unit],
  );
  return {
    versions: versions === undefined ? 1 : count('versions of keepVersions', versions),
    ageMs: spans.reduce((sum, span) => sum + span, 0),
  };
}

function count(argument: string, versions: number): number {
  const fits = versions === Number.POSITIVE_INFINITY || Number.isSafeInteger(versions);
  if (!fits || versions < 1)
    throw invalid(argument, versions, 'a whole number from 1, or Infinity for all');
  return versions;
}

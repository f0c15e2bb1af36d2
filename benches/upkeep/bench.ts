/**
 * What tables cost that are written to in small steps, with nobody calling `optimize`.
 *
 *     npm run bench:upkeep -- appends     10 000 appends of 10 rows
 *     npm run bench:upkeep -- index       1 % of new rows for an index of a million
 *
 * Both end with an error if a bar is missed.
 */
import { measureAppends } from './appends.js';
import { measureIndex } from './index-rows.js';

const PARTS: Record<string, () => Promise<Bar[]>> = {
  appends: measureAppends,
  index: measureIndex,
};

/** Something that is to be below a bound. */
export interface Bar {
  what: string;
  value: number;
  most: number;
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in PARTS));
if (unknown.length > 0) {
  console.error(
    `there is no part ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}`,
  );
  process.exit(2);
}
let missed = 0;
for (const name of asked.length > 0 ? asked : Object.keys(PARTS)) {
  for (const { what, value, most } of await PARTS[name]!()) {
    const holds = value <= most;
    if (!holds) missed++;
    console.log(`${holds ? 'ok    ' : 'MISSED'} ${what}: ${value.toFixed(3)}, at most ${most}`);
  }
}
process.exitCode = missed > 0 ? 1 : 0;

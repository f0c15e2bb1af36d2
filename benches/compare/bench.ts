/**
 * quiverdb beside other engines, on the same vectors, in the same run. docs/benchmarks.md says how to read it.
 *
 *     npm run bench -- --sets fashion,glove --engines quiverdb,lancedb --quick
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bars, type Entry } from './bars.js';
import { build } from './build.js';
import { contestants, ENGINES } from './contestants.js';
import { readOptions } from './options.js';
import { ask } from './query.js';
import { commit, machine, machineName, type Record, writeRecord } from './record.js';
import { barTable, summaryTable } from './report.js';
import { openSet } from './sets/index.js';
import { readTruth } from './truth.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const BENCHES = join(HERE, '..');
const DATA = join(BENCHES, '.data');

const options = readOptions(process.argv.slice(2));
const engines = options.engines.filter((engine) => ENGINES[engine].isInstalled());
for (const engine of options.engines.filter((engine) => !engines.includes(engine))) {
  console.log(`${engine} is not installed, and left out; npm run bench:peers installs it`);
}
const here = machine();
const folder = options.record
  ? join(BENCHES, 'record', machineName(here))
  : join(DATA, 'results', machineName(here));

for (const name of options.sets) {
  const set = await openSet(name, join(DATA, 'sets'));
  console.log(`\n${set.title}: ${set.rows} rows, ${set.queries} queries`);
  const entered = contestants(name).filter(
    ({ engine, name }) => engines.includes(engine) && name.includes(options.only),
  );
  const built = await build(set, entered, join(DATA, 'built', name), options);
  const asked = options.buildOnly ? [] : await ask(set, built, await readTruth(set), options);
  const entries = built.map(({ contestant: { name }, build }): Entry => {
    return { name, build, ...asked.find((one) => one.name === name) };
  });
  const record: Record = {
    set: name,
    title: set.title,
    rows: set.rows,
    dimensions: set.dimensions,
    queries: Math.min(set.queries, options.queries),
    date: new Date().toISOString(),
    commit: commit(),
    machine: here,
    entries,
  };
  console.log(`\n${summaryTable(entries)}\n\n${barTable(bars(name, entries))}\n`);
  writeRecord(folder, record);
}
console.log(`numbers and drawings are in ${folder}`);

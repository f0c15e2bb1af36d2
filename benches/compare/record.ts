/** What is kept of a run: for each machine and set the numbers and a drawing, and a page with tables of all. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { bars, type Entry } from './bars.js';
import { plot } from './plot.js';
import { barTable, summaryTable } from './report.js';
import { SET_NAMES, type SetName } from './sets/index.js';

/** The result of one run over one set. */
export interface Record {
  set: SetName;
  title: string;
  rows: number;
  dimensions: number;
  queries: number;
  date: string;
  commit: string;
  machine: Machine;
  entries: Entry[];
}

export interface Machine {
  processor: string;
  /** The widest vectors it computes with, where that can be seen: processors of different years may share a name. */
  vectors?: string;
  cores: number;
  memoryGiB: number;
  system: string;
  node: string;
}

export function machine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    vectors: vectors(),
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()}`,
    node: process.version,
  };
}

/** Only Linux says. */
function vectors(): string | undefined {
  const file = '/proc/cpuinfo';
  const flags = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return ['avx512vbmi', 'avx512f', 'avx2'].find((name) => new RegExp(`\\b${name}\\b`).test(flags));
}

/** The commit that was measured; `+` says that files were changed since. */
export function commit(): string {
  try {
    const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
    return (
      git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', 'src', 'lib') && '+')
    );
  } catch {
    return 'unknown';
  }
}

/** Writes one set's numbers and drawing into `folder`, and the page again. */
export function writeRecord(folder: string, record: Record): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${record.set}.json`), `${compactJson(record)}\n`);
  if (record.entries.some(({ curves }) => curves)) {
    writeFileSync(join(folder, `${record.set}.svg`), plot(record.title, record.entries));
  }
  const records = SET_NAMES.map((set) => join(folder, `${set}.json`))
    .filter((file) => existsSync(file))
    .map((file): Record => JSON.parse(readFileSync(file, 'utf8')));
  writeFileSync(join(folder, 'README.md'), page(records));
}

/** A name for this machine: `amd-epyc-avx2-2-cores`. */
export function machineName({ processor, vectors, cores }: Machine): string {
  const words = [processor, vectors ?? '', `${cores}-cores`].join('-').toLowerCase();
  return words.replaceAll(/[^a-z0-9]+/g, '-');
}

function page(records: Record[]): string {
  const sections = records.map((record) => {
    const { title, queries, date, commit, set, entries } = record;
    const { processor, vectors, cores, memoryGiB, system, node } = record.machine;
    const computer = [processor, vectors].filter(Boolean).join(' with ');
    return `## ${title}

${date.slice(0, 16).replace('T', ' ')} UTC, commit ${commit}; ${computer}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node ${node}; ${queries} queries.

![recall against queries a second](${set}.svg)

${summaryTable(entries)}

${barTable(bars(set, entries))}
`;
  });
  return `# Measured

What the columns mean: [docs/benchmarks.md](../../../docs/benchmarks.md). Written by \`npm run bench\`.

${sections.join('\n')}`;
}

/** JSON with a line for each contestant and point, so that changes can be read. */
function compactJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_, item) => (typeof item === 'number' ? Number(item.toPrecision(5)) : item),
    1,
  ).replaceAll(/\{[^{}[\]]*\}/g, (object) => object.replaceAll(/\s*\n\s*/g, ' '));
}

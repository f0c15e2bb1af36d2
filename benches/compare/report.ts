/** Tables of what was measured, in Markdown. */
import { megabytes } from '../../examples/quickstart/measure.js';
import type { Bar, Entry } from './bars.js';
import type { CurvePoint } from './query.js';
import { fastestAt } from './statistics.js';

/** A line for each contestant. */
export function summaryTable(entries: Entry[]): string {
  return table(
    entries.map(({ name, version, build, indexBytes, exact, curves }) => ({
      index: version ? `${name} (${version})` : name,
      'ingest s': build.ingestSeconds.toFixed(1),
      'build s': build.seconds.toFixed(2),
      'CPU s': fixed(build.cpuSeconds, 1),
      'peak RSS / anonymous': `${bytes(build.peakRssBytes)} / ${bytes(build.peakAnonBytes)}`,
      'index size': bytes(indexBytes),
      'exact ms': fixed(exact?.medianMs, 2),
      'awaited ms .95': latency(curves?.one, 0.95),
      '.99': latency(curves?.one, 0.99),
      'sync ms .95': latency(curves?.sync, 0.95),
      '.99 ': latency(curves?.sync, 0.99),
      '16 in flight .95': rate(curves?.flight, 0.95),
      '.99  ': rate(curves?.flight, 0.99),
      'batches .95': rate(curves?.batch, 0.95),
      '.99   ': rate(curves?.batch, 0.99),
    })),
  );
}

/** A line for each ratio that quiverdb is meant to reach. */
export function barTable(bars: Bar[]): string {
  return table(
    bars.map(({ what, ratio, wanted, ours, theirs }) => ({
      what,
      ours,
      theirs,
      'times faster': fixed(ratio, 2),
      'meant to be': `${wanted}`,
      reached: ratio === undefined ? '' : ratio >= wanted ? 'yes' : 'no',
    })),
  );
}

function latency(curve: CurvePoint[] | undefined, target: number): string {
  if (!curve) return '';
  const found = fastestAt(curve, target);
  if (!found) return '–';
  return `${found.medianMs.toFixed(3)} (${Object.values(found.settings).join('/')})`;
}

function rate(curve: CurvePoint[] | undefined, target: number): string {
  if (!curve) return '';
  const found = fastestAt(curve, target);
  return found ? `${Math.round(found.perSecond)}/s` : '–';
}

function fixed(value: number | undefined | null, digits: number): string {
  return value === undefined || value === null ? '' : value.toFixed(digits);
}

function bytes(value: number | undefined | null): string {
  return value === undefined || value === null ? '' : megabytes(value);
}

function table(lines: Array<Record<string, string>>): string {
  if (lines.length === 0) return '';
  const columns = Object.keys(lines[0]);
  const widths = columns.map((column) =>
    Math.max(column.length, ...lines.map((line) => line[column].length)),
  );
  const row = (cells: string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  const rule = widths.map((width, i) =>
    i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [row(columns), row(rule), ...lines.map((line) => row(columns.map((c) => line[c])))].join(
    '\n',
  );
}

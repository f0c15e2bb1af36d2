/**
 * What the command prints: text for people, or JSON for programs; progress where there is a terminal.
 *
 * @module
 */
import { toJson } from './json.js';

/** How far something is. */
export interface Step {
  stage: string;
  done: number;
  total?: number;
  /** Whether bytes are counted. */
  bytes?: boolean;
}

const BAR = 24;

export class Output {
  #stage: string | undefined;

  /** @param json whether programs read it */
  constructor(readonly json: boolean) {}

  /** A result: an object for programs, or lines for people. */
  result(value: unknown, lines: string[]): void {
    this.#endProgress();
    if (this.json) console.log(toJson(value));
    else if (lines.length > 0) console.log(lines.join('\n'));
  }

  error(code: string | undefined, message: string): void {
    this.#endProgress();
    if (this.json) console.error(JSON.stringify({ code: code ?? 'ERROR', message }));
    else console.error(`quiverdb: ${message}${code ? ` (${code})` : ''}`);
  }

  /** A bar on a terminal; where there is none, a line for each stage. */
  readonly progress = ({ stage, done, total, bytes: inBytes }: Step): void => {
    if (this.json) return;
    const begins = stage !== this.#stage;
    if (!process.stderr.isTTY) {
      if (begins) console.error(`${stage}…`);
    } else {
      if (begins && this.#stage !== undefined) process.stderr.write('\n');
      const share = total ? Math.min(1, done / total) : 0;
      const bar = '█'.repeat(Math.round(share * BAR)).padEnd(BAR, '░');
      const [is, of] = [done, total ?? 0].map((count) => (inBytes ? bytes(count) : count));
      // The rest of the line may be of an earlier, longer text.
      process.stderr.write(
        `\r${total ? `${bar} ${stage} ${is} of ${of}` : `${stage} ${is}`}\x1b[K`,
      );
    }
    this.#stage = stage;
  };

  #endProgress(): void {
    if (this.#stage !== undefined && process.stderr.isTTY) process.stderr.write('\n');
    this.#stage = undefined;
  }
}

/** `25.2 MB`. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(count, 1)) / 3));
  return `${power === 0 ? count : (count / 1000 ** power).toFixed(1)} ${units[power]}`;
}

/** Columns of text, each as wide as its widest entry. */
export function columns(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row
      .map((text, i) => text.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  );
}

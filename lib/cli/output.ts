/**
 * What the command prints: text for people, or JSON for programs; progress where there is a terminal.
 *
 * @module
 */

/** How far something is. */
export interface Step {
  stage: string;
  done: number;
  total?: number;
}

const BAR = 24;

export class Output {
  #stage: string | undefined;

  /** @param json whether programs read it */
  constructor(readonly json: boolean) {}

  /** A result: an object for programs, or lines for people. */
  result(value: unknown, lines: string[]): void {
    this.#endProgress();
    if (this.json) console.log(JSON.stringify(value, plain));
    else if (lines.length > 0) console.log(lines.join('\n'));
  }

  error(code: string | undefined, message: string): void {
    this.#endProgress();
    if (this.json) console.error(JSON.stringify({ code: code ?? 'ERROR', message }));
    else console.error(`quiverdb: ${message}${code ? ` (${code})` : ''}`);
  }

  /** A bar on a terminal; where there is none, a line for each stage. */
  readonly progress = ({ stage, done, total }: Step): void => {
    if (this.json) return;
    const begins = stage !== this.#stage;
    if (!process.stderr.isTTY) {
      if (begins) console.error(`${stage}…`);
    } else {
      if (begins && this.#stage !== undefined) process.stderr.write('\n');
      const share = total ? Math.min(1, done / total) : 0;
      const bar = '█'.repeat(Math.round(share * BAR)).padEnd(BAR, '░');
      process.stderr.write(
        total ? `\r${bar} ${stage} ${done} of ${total} ` : `\r${stage} ${done} `,
      );
    }
    this.#stage = stage;
  };

  #endProgress(): void {
    if (this.#stage !== undefined && process.stderr.isTTY) process.stderr.write('\n');
    this.#stage = undefined;
  }
}

/** JSON has no bigints: those that are safe become numbers, others strings. */
export function plain(_: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  return BigInt.asIntN(53, value) === value ? Number(value) : String(value);
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

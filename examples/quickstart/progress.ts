/** A progress bar that redraws itself in a terminal, and is one plain line per stage anywhere else. */
export class ProgressBar {
  readonly #label: string;
  readonly #started = performance.now();
  readonly #live = process.stdout.isTTY === true;
  #drawn = 0;

  constructor(label: string) {
    this.#label = label.padEnd(LABEL_WIDTH);
  }

  /** Shows that `done` of `total` are finished. Cheap enough to call for every row. */
  update(done: number, total: number): void {
    const now = performance.now();
    if (!this.#live || now - this.#drawn < REDRAW_MS) return;
    this.#drawn = now;
    const share = total > 0 ? Math.min(done / total, 1) : 0;
    const full = Math.round(share * BAR_WIDTH);
    const bar = '█'.repeat(full) + '░'.repeat(BAR_WIDTH - full);
    const percent = `${Math.floor(share * 100)}`.padStart(3);
    process.stdout.write(`\r${CLEAR_LINE}  ${this.#label} ${bar} ${percent} %  ${this.seconds()}`);
  }

  /** Replaces the bar by what came of it. Returns the seconds since the bar was made. */
  finish(result = ''): number {
    if (this.#live) process.stdout.write(`\r${CLEAR_LINE}`);
    console.log(`  ${this.#label} ${this.seconds().padStart(8)}  ${result}`.trimEnd());
    return (performance.now() - this.#started) / 1000;
  }

  private seconds(): string {
    return `${((performance.now() - this.#started) / 1000).toFixed(1)} s`;
  }
}

const LABEL_WIDTH = 18;
const BAR_WIDTH = 30;
const REDRAW_MS = 80;
const CLEAR_LINE = '\x1b[2K';

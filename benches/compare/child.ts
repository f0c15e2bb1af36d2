/** A process that runs one engine, and what it uses of the machine. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';

/** What a piece of work used. Only Linux says; elsewhere the numbers are missing. */
export interface Usage {
  cpuSeconds?: number;
  /** Cores that others kept busy meanwhile, on average. */
  othersCores?: number;
  /** The most memory that the process had at a time, files that it maps included. */
  peakRssBytes?: number;
  /** The most memory at a time that is not a file's and could not be given back. */
  peakAnonBytes?: number;
}

const SAMPLE_MS = 10;
/** The unit of /proc/<pid>/stat on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Runs a command, gives it orders, one at a time, and hears its replies. */
export class Child {
  readonly #process: ChildProcess;
  readonly #waiting: Array<{ resolve: (reply: any) => void; reject: (error: Error) => void }> = [];
  readonly #last: string[] = [];

  constructor(command: string, args: string[]) {
    this.#process = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#process.on('error', (error) => this.#fail(error));
    this.#process.on('close', (code, signal) =>
      this.#fail(new Error(`${command} ended (${signal ?? code}): ${this.#last.join('\n')}`)),
    );
    // An order to a process that has ended: `close` says so.
    this.#process.stdin!.on('error', () => {});
    createInterface({ input: this.#process.stderr! }).on('line', (line) => this.#remember(line));
    createInterface({ input: this.#process.stdout! }).on('line', (line) => {
      if (!line.startsWith('@')) return this.#remember(line);
      const reply = JSON.parse(line.slice(1));
      const { resolve, reject } = this.#waiting.shift()!;
      if (reply.error === undefined) resolve(reply);
      else reject(new Error(reply.error));
    });
  }

  /** Gives an order and waits for the reply. */
  call<Reply>(order: object): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#process.stdin!.write(`${JSON.stringify(order)}\n`);
    });
  }

  /** Gives an order, and watches what the process uses until the reply. */
  async watched<Reply>(order: object): Promise<Reply & Usage> {
    const before = cpuSeconds(this.#process.pid);
    const machineBefore = machineSeconds();
    const start = performance.now();
    const usage: Usage = {};
    const sampler = setInterval(() => sample(this.#process.pid, usage), SAMPLE_MS);
    try {
      const reply = await this.call<Reply>(order);
      sample(this.#process.pid, usage);
      const after = cpuSeconds(this.#process.pid);
      if (before !== undefined && after !== undefined) {
        usage.cpuSeconds = after - before;
        const others = machineSeconds() - machineBefore - usage.cpuSeconds;
        usage.othersCores = Math.max(0, (1000 * others) / (performance.now() - start));
      }
      return { ...reply, ...usage };
    } finally {
      clearInterval(sampler);
    }
  }

  /** Ends the process. */
  async close(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once('close', resolve));
    this.#process.stdin!.end();
    const impatient = setTimeout(() => this.#process.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(impatient);
  }

  #remember(line: string): void {
    this.#last.push(line);
    if (this.#last.length > 10) this.#last.shift();
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

function cpuSeconds(pid: number | undefined): number | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The name of the program, in parentheses, may hold anything; numbers follow it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Seconds that all cores together have been busy. */
function machineSeconds(): number {
  const busy = cpus().map(({ times }) => times.user + times.nice + times.sys + times.irq);
  return busy.reduce((sum, milliseconds) => sum + milliseconds, 0) / 1000;
}

function sample(pid: number | undefined, usage: Usage): void {
  const status = read(`/proc/${pid}/status`);
  if (status === undefined) return;
  const bytes = (field: string) =>
    1024 * Number(new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
  usage.peakRssBytes = Math.max(usage.peakRssBytes ?? 0, bytes('VmRSS'));
  usage.peakAnonBytes = Math.max(usage.peakAnonBytes ?? 0, bytes('RssAnon'));
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

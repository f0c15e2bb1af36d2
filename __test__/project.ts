/** A user's project: a folder outside the repository with quiverdb in its `node_modules`. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';

export const run = promisify(execFile);
export const root = resolve(__dirname, '..');
export const tsc = join(root, 'node_modules/typescript/bin/tsc');

/** How programs are run in a {@link Project}. */
export interface RunOptions {
  /** Options of Node, before the file. */
  node?: string[];
  env?: Record<string, string>;
  /** What the program writes to stderr. Default: nothing. */
  stderr?: RegExp;
}

export class Project {
  /** The project's folder. */
  readonly folder: string;

  /** @param parent the folder that it is made in */
  constructor(parent = tmpdir()) {
    this.folder = mkdtempSync(join(parent, 'quiverdb-project-'));
  }

  /** Installs the package as it is compiled from lib/, with the debug addon that the tests use. */
  static async withPackage(): Promise<Project> {
    const project = new Project();
    const installed = project.path('node_modules/quiverdb');
    mkdirSync(installed, { recursive: true });
    const build = join(root, '.ci/build-ts.mjs');
    await run(process.execPath, [build, join(installed, 'dist')]);
    cpSync(join(root, 'package.json'), join(installed, 'package.json'));
    cpSync(join(root, 'lib'), join(installed, 'dist'), {
      recursive: true,
      filter: (path) => path === join(root, 'lib') || /native\.cjs$|\.node$/.test(path),
    });
    return project;
  }

  /** A path inside the project. */
  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  /** Writes a file. */
  write(name: string, content: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), content);
  }

  /** Makes a dependency of the repository one of the project, perhaps under another name. */
  link(name: string, target = name): void {
    this.unlink(name);
    symlinkSync(join(root, 'node_modules', target), this.path('node_modules', name), 'junction');
  }

  /** Removes a dependency. */
  unlink(name: string): void {
    rmSync(this.path('node_modules', name), { force: true });
  }

  /** What a program of one file prints. */
  async output(name: string, program: string, options: RunOptions = {}): Promise<string> {
    this.write(name, program);
    return this.run(name, options);
  }

  /** What a program that is there prints. */
  async run(name: string, { node = [], env, stderr }: RunOptions = {}): Promise<string> {
    const ran = await run(process.execPath, [...node, name], {
      cwd: this.folder,
      env: { ...process.env, ...env },
    });
    if (stderr) expect(ran.stderr).toMatch(stderr);
    else expect(ran.stderr).toBe('');
    return ran.stdout.trim();
  }

  /** What the TypeScript compiler says about files, with `strict` and these options. */
  async compile(files: string[], ...options: string[]): Promise<string> {
    const args = [tsc, '--ignoreConfig', '--strict', '--target', 'es2022', ...options, ...files];
    const said = await run(process.execPath, args, { cwd: this.folder }).catch((error) => error);
    return said.stdout.trim();
  }

  /** Removes everything. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

// Other versions of Node.js, and Bun and Deno, which run its addons: the first search of the README from the installed
// packages.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { firstSearch } from '../../.ci/first-search.mjs';
import { root, run } from '../project.js';
import { apart, Place } from './place.js';

const runtimes = join(root, '.ci/runtimes/node_modules');
const { program, prints } = firstSearch();
let project: Place;

beforeAll(async () => {
  project = await Place.installed();
  for (const file of ['program.mjs', 'program.ts']) project.write(file, apart(program));
});

afterAll(() => project.remove());

// `npm run test:install` installs them.
const bun = [join(runtimes, 'bun/bin/bun.exe')];
const permissions = ['--allow-read', '--allow-env', '--allow-ffi'];
const deno = [process.execPath, join(runtimes, 'deno/bin.cjs'), 'run', ...permissions];

// For Linux on x64 alone; elsewhere npm leaves them out.
const versions = ['22', '24', '26'].map((version) => join(runtimes, `node-${version}/bin/node`));

test.each(versions.filter(existsSync))('%s runs it', async (node) => {
  const said = await run(node, ['program.mjs'], { cwd: project.folder });

  expect(said).toMatchObject({ stdout: `${prints}\n`, stderr: '' });
});

test('every version is tried where it can be had', () => {
  const missing = versions.filter((node) => !existsSync(node));

  expect(missing).toEqual(process.platform === 'linux' && process.arch === 'x64' ? [] : versions);
});

test.each([
  ['Bun', 'JavaScript', [...bun, 'program.mjs']],
  ['Bun', 'TypeScript', [...bun, 'program.ts']],
  ['Deno', 'JavaScript', [...deno, 'program.mjs']],
  ['Deno', 'TypeScript', [...deno, 'program.ts']],
])('%s runs it as %s', async (_, _language, [command, ...args]) => {
  const { stdout } = await run(command!, args, { cwd: project.folder });

  expect(stdout.trim()).toBe(prints);
});

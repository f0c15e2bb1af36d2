// Bun and Deno, which run addons of Node.js: the first search of the README from the installed packages.
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

test.each([
  ['Bun', 'JavaScript', [...bun, 'program.mjs']],
  ['Bun', 'TypeScript', [...bun, 'program.ts']],
  ['Deno', 'JavaScript', [...deno, 'program.mjs']],
  ['Deno', 'TypeScript', [...deno, 'program.ts']],
])('%s runs it as %s', async (_, _language, [command, ...args]) => {
  const { stdout } = await run(command!, args, { cwd: project.folder });

  expect(stdout.trim()).toBe(prints);
});

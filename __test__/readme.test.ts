// The README's TypeScript blocks are one program, read from top to bottom. This test runs it.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

const home = process.cwd();
// Inside the project, so that the program is compiled, and finds quiverdb, like the examples do.
const programs = join(home, '.data/readme');
let folder: string;

beforeAll(async () => {
  await mkdir(programs, { recursive: true });
  folder = await mkdtemp(join(tmpdir(), 'quiverdb-readme-'));
  process.chdir(folder);
});

afterAll(async () => {
  vi.restoreAllMocks();
  process.chdir(home);
  await rm(folder, { recursive: true, force: true });
  await rm(programs, { recursive: true, force: true });
});

test('every block of the README runs, and prints what its comments say', async () => {
  const readme = await readFile(join(home, 'README.md'), 'utf8');
  const blocks = [...readme.matchAll(/^```(?:ts|js)\n([\s\S]*?)^```$/gm)].map((match) => match[1]);
  expect(blocks.length).toBeGreaterThan(0);
  const program = join(programs, 'readme.ts');
  await writeFile(program, blocks.join('\n'));
  const printed: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((...words) => printed.push(words.join(' ')));
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);

  await import(program);

  // `console.log(…); // prints this`
  const promised = [...blocks.join('\n').matchAll(/^ *console\.log\(.*\); \/\/ (.*)$/gm)];
  expect(promised.length).toBeGreaterThan(0);
  expect(printed).toEqual(promised.map((match) => match[1]));
});

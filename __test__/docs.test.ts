// Every block of TypeScript in the README and the guides is compiled, strictly, and run. The blocks of a page
// are one program, read from top to bottom. In guides, what the page takes for granted stands before it.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import * as quiverdb from '../lib/index.js';
import { Project, root, run, tsc } from './project.js';

// Inside the project, so that programs are compiled, and find quiverdb, like the examples do.
const programs = join(root, '.data/docs');

/** What guides call `db` and `table`: enough rows for an index, with a column for each thing that is shown. */
const GIVEN = `
const db = await connect('data');
const table = await db.createTable(
  'items',
  Array.from({ length: 600 }, (_, id) => ({
    id,
    price: id / 10,
    lang: id % 2 ? 'en' : 'de',
    tags: ['a'],
    vector: Array.from({ length: 16 }, (_, d) => Math.sin(id * (d + 1))),
  })),
);
const query = Array.from({ length: 16 }, (_, d) => Math.cos(d));
`;

const PAGES: Array<[page: string, given: string]> = [
  ['README.md', ''],
  ['docs/bundlers.md', GIVEN],
  ['docs/filters.md', GIVEN],
  ['docs/gpu.md', GIVEN],
  ['docs/indexes.md', GIVEN],
  ['docs/lancedb.md', GIVEN],
  ['docs/limits.md', GIVEN],
  ['docs/upkeep.md', GIVEN],
];

/** Where the programs run. Threads that they start find the package there. */
let project: Project;

beforeAll(async () => {
  await mkdir(programs, { recursive: true });
  project = await Project.withPackage();
  for (const [page, given] of PAGES) {
    await writeFile(programOf(page), toProgram(await blocksOf(page), given));
  }
}, 60_000);

afterAll(async () => {
  vi.restoreAllMocks();
  process.chdir(root);
  project.remove();
  await rm(programs, { recursive: true, force: true });
});

function programOf(page: string): string {
  return join(programs, page.replace(/^.*\//, '').replace(/\.md$/, '.mts'));
}

async function blocksOf(page: string): Promise<string> {
  const text = await readFile(join(root, page), 'utf8');
  const blocks = [...text.matchAll(/^```(?:ts|js)\n([\s\S]*?)^```$/gm)].map((match) => match[1]);
  return blocks.join('\n');
}

/** One program of what is given and the blocks. Imports of quiverdb, said or not, become one. */
function toProgram(blocks: string, given: string): string {
  const names = new Set<string>();
  const body = `${given}\n${blocks}`.replace(
    /^import (type )?\{([^}]*)\} from 'quiverdb';.*$/gm,
    (_, type, list) => {
      for (const name of list.split(',')) names.add(`${type ?? ''}${name.trim()}`);
      return '';
    },
  );
  if (given !== '') {
    for (const name of Object.keys(quiverdb)) {
      if (new RegExp(`\\b${name}\\b(?!:)`).test(body)) names.add(name);
    }
  }
  for (const name of [...names]) if (names.has(`type ${name}`)) names.delete(`type ${name}`);
  return `import { ${[...names].join(', ')} } from 'quiverdb';\n${body}\nexport {};\n`;
}

test('every page with TypeScript is among those that are tested', async () => {
  const { stdout } = await run('git', ['ls-files', '*.md'], { cwd: root });
  const pages = stdout.split('\n').filter((page) => /^(README|docs\/[\w-]+)\.md$/.test(page));
  const withBlocks = [];
  for (const page of pages) if (await blocksOf(page)) withBlocks.push(page);

  expect(withBlocks).toEqual(PAGES.map(([page]) => page));
});

test('every block compiles', async () => {
  const config = join(programs, 'tsconfig.json');
  const compilerOptions = { noUnusedLocals: false, rootDir: root };
  await writeFile(
    config,
    JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, include: ['*.mts'] }),
  );

  const said = await run(process.execPath, [tsc, '--noEmit', '-p', config], { cwd: root }).catch(
    (error) => error,
  );

  expect(said.stdout).toBe('');
}, 60_000);

describe('runs, and prints what its comments say:', () => {
  test.each(PAGES)('%s', async (page) => {
    const place = await mkdtemp(project.path('page-'));
    process.chdir(place);
    const printed: string[] = [];
    vi.spyOn(console, 'log').mockImplementation((...words) => printed.push(words.join(' ')));
    vi.spyOn(process.stdout, 'write').mockReturnValue(true);

    await import(programOf(page));

    // `console.log(…); // prints this`
    const promised = [...(await blocksOf(page)).matchAll(/^ *console\.log\(.*\); \/\/ (.*)$/gm)];
    vi.restoreAllMocks();
    if (promised.length > 0) expect(printed).toEqual(promised.map((match) => match[1]));
  });
});

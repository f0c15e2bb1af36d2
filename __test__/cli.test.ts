// The command `quiverdb`, as npm installs it, in a project without apache-arrow.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, truncateSync } from 'node:fs';
import { tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Project } from './project.js';

let project: Project;

beforeAll(async () => {
  project = await Project.withPackage();
  project.write(
    'fruit.jsonl',
    [
      { name: 'apple', price: 0.5, vector: [0.9, 0.1, 0.2] },
      { name: 'cherry', price: 4.2, vector: [0.8, 0.2, 0.1] },
      { name: 'lemon', price: 0.7, vector: [0.2, 0.9, 0.1] },
    ]
      .map((row) => JSON.stringify(row))
      .join('\n'),
  );
}, 120_000);

afterAll(() => project.remove());

interface Said {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the command in the project. */
function quiverdb(...args: string[]): Promise<Said> {
  const command = project.path('node_modules/quiverdb/dist/cli/main.js');
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [command, ...args],
      { cwd: project.folder },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

/** What it prints, when it must succeed. */
async function printed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await quiverdb(...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.trim();
}

describe('quiverdb', () => {
  test('imports JSON lines, and adds to what is there', async () => {
    expect(await printed('import', 'data', 'fruit', 'fruit.jsonl')).toBe('fruit: 3 rows');
    const again = await quiverdb('import', 'data', 'fruit', 'fruit.jsonl');
    expect(again).toEqual({ code: 0, stdout: 'fruit: 6 rows\n', stderr: 'rows…\n' });
    expect(await printed('import', 'data', 'fruit', 'fruit.jsonl', '--overwrite', '--json')).toBe(
      '{"table":"fruit","rows":3}',
    );
  });

  test('imports CSV with quotes, line breaks, lists and nothing in it', async () => {
    project.write(
      'shop.csv',
      'name,price,open,zip,vector\n"Joe ""the"" Fruiterer, Ltd\nBerlin",1.5,true,01069,"[1, 2]"\nAnn,,false,2,"[3, 4]"\n',
    );

    expect(await printed('import', 'data', 'shop', 'shop.csv')).toBe('shop: 2 rows');
    const rows = (await printed('search', 'data', 'shop'))
      .split('\n')
      .map((line) => JSON.parse(line));
    project.write('more.csv', 'name,zip\nEve,3\n');
    await quiverdb('import', 'data', 'shop', 'more.csv');
    const [eve] = (await printed('search', 'data', 'shop', '--where', "zip = '3'")).split('\n');

    expect(JSON.parse(eve!).name).toBe('Eve');
    expect(rows).toEqual([
      {
        name: 'Joe "the" Fruiterer, Ltd\nBerlin',
        price: 1.5,
        open: true,
        zip: '01069',
        vector: [1, 2],
      },
      { name: 'Ann', price: null, open: false, zip: '2', vector: [3, 4] },
    ]);
  });

  test('searches by vector and condition', async () => {
    expect(
      await printed(
        'search',
        'data',
        'fruit',
        '--vector',
        '[0.85, 0.1, 0.2]',
        '--where',
        'price > 1',
        '--select',
        'name',
      ),
    ).toMatch(/^\{"name":"cherry","_distance":0\.02\d*\}$/);
  });

  test('exports what it imported, as JSON lines and as Arrow', async () => {
    expect(await printed('export', 'data', 'fruit', 'out.jsonl', '--where', 'price < 1')).toBe(
      'out.jsonl: 2 rows',
    );
    const lines = readFileSync(project.path('out.jsonl'), 'utf8').trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).name)).toEqual(['apple', 'lemon']);
    expect(await printed('export', 'data', 'fruit', 'out.arrow')).toBe('out.arrow: 3 rows');
    const table = tableFromIPC(readFileSync(project.path('out.arrow')));
    expect([...table.getChild('name')!]).toEqual(['apple', 'cherry', 'lemon']);
    expect(await printed('import', 'data', 'copy', 'out.arrow')).toBe('copy: 3 rows');
  });

  test('builds indexes, with a line for each stage where there is no terminal', async () => {
    const rows = Array.from({ length: 300 }, (_, i) => JSON.stringify({ id: i, vector: [i, -i] }));
    project.write('many.jsonl', rows.join('\n'));
    await printed('import', 'data', 'many', 'many.jsonl');

    const { code, stdout, stderr } = await quiverdb(
      'index',
      'data',
      'many',
      'vector',
      '--partitions',
      '4',
    );

    expect({ code, stdout }).toEqual({ code: 0, stdout: 'vector_idx: IvfPq of 300 rows\n' });
    expect(stderr).toMatch(/^(\S[\w ]*…\n)+$/);
    expect(await printed('index', 'data', 'many', 'id', '--json')).toBe(
      '{"name":"id_idx","type":"BTree","rows":300}',
    );
  });

  test('inspects a database, for people and for programs', async () => {
    const text = await printed('inspect', 'data', '--table', 'many');
    expect(text.split('\n').map((line) => line.trim())).toEqual([
      expect.stringMatching(/^many: 300 rows, version 3, [\d.]+ kB in \d+ files$/),
      'column  id      Float64',
      'column  vector  FixedSizeList[2]<Float32>',
      expect.stringMatching(/^index {3}(id|vector)_idx +(BTree|IvfPq) on (id|vector) +up to date$/),
      expect.stringMatching(/^index {3}(id|vector)_idx +(BTree|IvfPq) on (id|vector) +up to date$/),
    ]);
    const tables = (await printed('inspect', 'data', '--json'))
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(tables.map(({ table, rows }) => [table, rows])).toEqual([
      ['copy', 3],
      ['fruit', 3],
      ['many', 300],
      ['shop', 3],
    ]);
  });

  test('optimizes', async () => {
    const { code, stdout } = await quiverdb(
      'optimize',
      'data',
      '--table',
      'fruit',
      '--keep-versions',
      '1',
    );

    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^fruit: \d+ files became \d+, 0 rows went into indexes, 2 old versions and [\d.]+ k?B went\n$/,
    );
  });

  test('verifies, and fails where a file is damaged', async () => {
    expect(await printed('verify', 'data', '--table', 'shop')).toMatch(
      /^shop: \d+ files, [\d.]+ kB: all is well$/,
    );
    const rows = project.path('data/copy.quiver/data');
    truncateSync(`${rows}/${readdirSync(rows)[0]}`, 100);

    const { code, stdout } = await quiverdb('verify', 'data', '--table', 'copy', '--json');

    expect(code).toBe(1);
    expect(JSON.parse(stdout).problems).toHaveLength(1);
  });

  test('fails with a code for programs, and a sentence for people', async () => {
    const missing = await quiverdb('search', 'data', 'friut');
    expect(missing).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^quiverdb: table 'friut' was not found \(did you mean 'fruit'\?\).* \(TABLE_NOT_FOUND\)\n$/,
      ),
    });
    const forPrograms = await quiverdb('search', 'data', 'friut', '--json');
    expect(JSON.parse(forPrograms.stderr)).toMatchObject({ code: 'TABLE_NOT_FOUND' });
    expect((await quiverdb('inspect', 'nowhere')).stderr).toBe(
      "quiverdb: there is no folder 'nowhere'\n",
    );
    expect((await quiverdb('import', 'data', 't', 'no.csv')).stderr).toBe(
      "quiverdb: there is no file 'no.csv'\n",
    );
  });

  test.each([
    [['serach'], "there is no command 'serach'"],
    [['search', 'data'], '<table> is missing'],
    [['search', 'data', 't', 'u'], "'u' is one word too many"],
    [['search', 'data', 't', '--limt', '3'], "unknown option --limt (did you mean 'limit'?)"],
    [
      ['search', 'data', 'fruit', '--limit', 'few'],
      "--limit is 'few', but it must be a whole number",
    ],
    [
      ['search', 'data', 'fruit', '--vector', '1,2'],
      "--vector is '1,2', but it must be numbers as JSON",
    ],
    [['search', 'data', 'fruit', '--where'], '--where needs a value'],
    [['export', 'data', 'fruit', 'a.xls'], "'a.xls' is none of the files that can be written"],
  ])('%j is refused with what is wrong and how it is called', async (args, message) => {
    const { code, stdout, stderr } = await quiverdb(...args);

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`quiverdb: ${message}`);
    expect(stderr).toMatch(/\n {2}quiverdb /);
  });

  test('explains itself', async () => {
    const all = await printed();
    expect(await printed('--help')).toBe(all);
    const names = ['inspect', 'import', 'export', 'index', 'search', 'verify', 'optimize'];
    for (const name of names) {
      expect(all).toContain(`quiverdb ${name} `);
      expect(await printed(name, '--help')).toContain('Examples:');
    }
  });
});

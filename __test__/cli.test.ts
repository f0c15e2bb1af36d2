// The command `quiverdb`, as npm installs it, in a project without apache-arrow.
import { readdirSync, truncateSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommandProject } from './command.js';
import type { Project } from './project.js';

let command: CommandProject;
let project: Project;

beforeAll(async () => {
  command = await CommandProject.make();
  project = command.project;
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

const quiverdb = (...args: string[]) => command.run(...args);
const printed = (...args: string[]) => command.printed(...args);

describe('quiverdb', () => {
  test('imports JSON lines, and adds to what is there', async () => {
    expect(await printed('import', 'data', 'fruit', 'fruit.jsonl')).toBe('fruit: 3 rows');
    await printed('import', 'data', 'copy', 'fruit.jsonl');
    const again = await quiverdb('import', 'data', 'fruit', 'fruit.jsonl');
    expect(again).toEqual({ code: 0, stdout: 'fruit: 6 rows\n', stderr: '' });
    expect(await printed('import', 'data', 'fruit', 'fruit.jsonl', '--overwrite', '--json')).toBe(
      '{"table":"fruit","rows":3}',
    );
  });

  test('prints vectors as they were written', async () => {
    const [apple] = (await printed('search', 'data', 'fruit', '--limit', '1')).split('\n');

    expect(apple).toBe('{"name":"apple","price":0.5,"vector":[0.9,0.1,0.2]}');
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
    expect(await printed('verify', 'data', '--table', 'fruit')).toMatch(
      /^fruit: \d+ files, [\d.]+ kB: all is well$/,
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
    [['export', 'data', 'fruit', 'a.xls'], "'a.xls' does not end in one of .jsonl"],
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

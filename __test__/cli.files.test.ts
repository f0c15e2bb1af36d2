// What `quiverdb import` and `export` make of files: every kind of them, with data that is easily lost.
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommandProject } from './command.js';
import { type Project, root, run } from './project.js';

let command: CommandProject;
let project: Project;

beforeAll(async () => {
  command = await CommandProject.make();
  project = command.project;
  // Made by pyarrow: see odd.py.
  for (const name of ['odd.parquet', 'odd.arrow']) {
    copyFileSync(join(root, '__test__/files', name), project.path(name));
  }
}, 120_000);

afterAll(() => project.remove());

const ENDINGS = ['jsonl', 'csv', 'arrow', 'parquet'];

/** The rows of odd.py, as JSON has them. The text is compared: numbers of 64 bits are not exact in objects. */
const ODD = [
  `{"id":1,"small":1,"text":"a \\"quote\\", and\\nanother line","unicode":"日本語 🍎","number":1.5,"flag":true,"day":"2024-02-29T00:00:00.000Z","time":1709208000678.901,"tags":["a","b, c"],"nested":{"a":1,"b":["x"]},"bytes":"AP8=","price":1.25,"vector":[1,2]}`,
  `{"id":null,"small":-2,"text":"","unicode":"007","number":null,"flag":false,"day":null,"time":null,"tags":[],"nested":null,"bytes":null,"price":null,"vector":[3,4]}`,
  `{"id":9007199254740993,"small":null,"text":null,"unicode":"true","number":-0.25,"flag":null,"day":"1969-12-31T00:00:00.000Z","time":-86400000,"tags":null,"nested":{"a":null,"b":null},"bytes":"cXVpdmVy","price":-3.5,"vector":[5,6]}`,
].join('\n');

describe('a file of pyarrow', () => {
  test.each(['parquet', 'arrow'])('is read with all its types, as .%s', async (ending) => {
    await command.printed('import', 'data', `py_${ending}`, `odd.${ending}`);

    const found = await command.printed('search', 'data', `py_${ending}`);
    const { columns } = JSON.parse(
      await command.printed('inspect', 'data', '--table', `py_${ending}`, '--json'),
    );

    // Decimals of Parquet become numbers, those of Arrow stay decimals.
    const price = ending === 'parquet' ? 'Float64' : 'Decimal[10e+2]';
    expect(found.replaceAll(/"price":"([\d.-]+?)0?"/g, '"price":$1')).toBe(ODD);
    expect(columns.map(({ type }: any) => type)).toEqual([
      'Int64',
      'Int8',
      'Utf8',
      'Utf8',
      'Float64',
      'Bool',
      'Date32<DAY>',
      'Timestamp<MICROSECOND, UTC>',
      'List<Utf8>',
      'Struct<{a:Int64, b:List<Utf8>}>',
      'Binary',
      price,
      'FixedSizeList[2]<Float32>',
    ]);
  });

  test.each(ENDINGS)('loses nothing on the way through .%s into a table', async (ending) => {
    const name = `same_${ending}`;
    await command.printed('import', 'data', name, 'odd.parquet');
    await command.printed('export', 'data', name, `out.${ending}`);

    await command.printed('import', 'data', name, `out.${ending}`);

    expect(await command.printed('search', 'data', name)).toBe(`${ODD}\n${ODD}`);
  });

  test.each(ENDINGS)('makes a table that can be searched, from .%s', async (ending) => {
    await command.printed('import', 'data', 'source', 'odd.parquet', '--overwrite');
    await command.printed('export', 'data', 'source', `new.${ending}`);
    await command.printed('import', 'data', `new_${ending}`, `new.${ending}`);

    const found = await command.printed(
      ...['search', 'data', `new_${ending}`, '--vector', '[5, 6]', '--limit', '1'],
    );

    expect(found).toContain('"id":9007199254740993,');
    expect(JSON.parse(found)).toMatchObject({ unicode: 'true', price: -3.5, _distance: 0 });
  });
});

describe('import', () => {
  test('reads CSV with quotes, line breaks, lists and nothing in it', async () => {
    project.write(
      'shop.csv',
      'name,price,open,zip,vector\n"Joe ""the"" Fruiterer, Ltd\nBerlin",1.5,true,01069,"[1, 2]"\nAnn,,false,2,"[3, 4]"\n',
    );
    await command.printed('import', 'data', 'shop', 'shop.csv');
    expect(await command.rows('shop')).toEqual([
      {
        name: 'Joe "the" Fruiterer, Ltd\nBerlin',
        price: 1.5,
        open: true,
        zip: '01069',
        vector: [1, 2],
      },
      { name: 'Ann', price: null, open: false, zip: '2', vector: [3, 4] },
    ]);

    // What a column is has been decided.
    project.write('more.csv', 'name,zip\nEve,3\n');
    await command.printed('import', 'data', 'shop', 'more.csv');
    expect(await command.rows('shop', '--where', "zip = '3'")).toMatchObject([{ name: 'Eve' }]);
  });

  test('reads what spreadsheets write, and whole numbers that a number cannot hold', async () => {
    project.write(
      'sheet.csv',
      '\ufeffid,code,note\r\n9007199254740993,"007",[draft]\r\n1,"8",\r\n',
    );
    project.write('long.jsonl', '{"id":1}\n{"id":9007199254740993,"s":"12345678901234567890"}\n');
    await command.printed('import', 'data', 'sheet', 'sheet.csv');
    await command.printed('import', 'data', 'long', 'long.jsonl');

    expect(await command.printed('search', 'data', 'sheet')).toBe(
      '{"id":9007199254740993,"code":"007","note":"[draft]"}\n{"id":1,"code":"8","note":null}',
    );
    expect(await command.printed('search', 'data', 'long')).toBe(
      '{"id":1,"s":null}\n{"id":9007199254740993,"s":"12345678901234567890"}',
    );
  });

  test.each([
    ['short.csv', 'a,b\n1,2\n3\n', /^short\.csv: .*expect 2, got 1 on line 3/],
    ['open.csv', 'a,b\n1,"x\n', /^open\.csv: Quote Not Closed.* line 2/],
    ['twice.csv', 'a,a\n1,2\n', /^twice\.csv: two columns are called 'a'/],
    ['none.csv', 'a,b\n', /^none\.csv: there are no rows in it/],
    ['torn.jsonl', '{"a":1}\n{"a":\n', /^torn\.jsonl: line 2: Unexpected end of JSON/],
    ['numbers.jsonl', '1\n2\n', /^row 0 is 1, but rows are objects \(INVALID_DATA\)/],
    ['mixed.jsonl', '{"a":1}\n{"a":"x"}\n', /^row 1, column 'a': the value is the string "x"/],
    ['text.arrow', 'this is text', /^text\.arrow: /],
    ['text.parquet', 'this is text', /^text\.parquet: .*invalid/],
  ])('says what is wrong with %s, and makes no table', async (file, content, message) => {
    project.write(file, content);

    const { code, stdout, stderr } = await command.run('import', 'data', 'never', file);

    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.replace('quiverdb: ', '')).toMatch(message);
    expect((await command.run('inspect', 'data', '--table', 'never')).stderr).toContain(
      'TABLE_NOT_FOUND',
    );
  });
});

describe('export', () => {
  test('writes every row once, in order, more than fit into a batch', async () => {
    const rows = Array.from({ length: 3000 }, (_, id) => ({ id, vector: [id, 1] }));
    project.write('many.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
    await command.printed('import', 'data', 'many', 'many.jsonl');

    for (const ending of ENDINGS) {
      const said = await command.printed(
        'export',
        'data',
        'many',
        `most.${ending}`,
        '--where',
        'id >= 500',
      );
      expect(said).toBe(`most.${ending}: 2500 rows`);
    }
    const lines = readFileSync(project.path('most.jsonl'), 'utf8').trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual(rows.slice(500));
    const arrow = tableFromIPC(readFileSync(project.path('most.arrow')));
    expect([...arrow.getChild('id')!]).toEqual(rows.slice(500).map(({ id }) => id));
    await command.printed('import', 'data', 'again', 'most.parquet');
    await command.printed('import', 'data', 'again', 'most.csv');
    const again = await command.rows('again');
    expect(again).toEqual([...rows.slice(500), ...rows.slice(500)]);
  });

  test('writes files without rows', async () => {
    await command.printed('import', 'data', 'some', 'odd.parquet', '--overwrite');
    for (const ending of ENDINGS) {
      const file = `nothing.${ending}`;
      expect(await command.printed('export', 'data', 'some', file, '--where', 'false')).toBe(
        `${file}: 0 rows`,
      );
      expect(await command.printed('import', 'data', 'some', file)).toBe('some: 3 rows');
    }
  });

  test('fails where the file cannot be written', async () => {
    for (const ending of ENDINGS) {
      const file = `no/such/folder/out.${ending}`;
      const { code, stderr } = await command.run('export', 'data', 'source', file);
      expect(code).toBe(1);
      expect(stderr).toContain('ENOENT');
    }
  });
});

// `script` gives a command a terminal.
test.runIf(process.platform === 'linux')('progress is a bar on a terminal', async () => {
  const rows = Array.from({ length: 2500 }, (_, id) => JSON.stringify({ id, vector: [id, 1] }));
  project.write('bar.jsonl', rows.join('\n'));
  const words = [process.execPath, command.file, 'import', 'data', 'bar', 'bar.jsonl'];

  const { stdout } = await run('script', ['-qec', words.join(' '), '/dev/null'], {
    cwd: project.folder,
  });

  expect(stdout).toMatch(/\r█+░* reading [\d.]+ kB of [\d.]+ kB/);
  expect(stdout.trim()).toMatch(/\nbar: 2500 rows$/);
});

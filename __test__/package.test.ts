// The package as npm installs it: compiled, and loaded by `require` and `import` in processes of their own.
import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const run = promisify(execFile);
const root = resolve(__dirname, '..');
const tsc = join(root, 'node_modules/typescript/bin/tsc');
let project: string;

/** Installs the package, with the debug addon, in a project that has nothing else but Arrow. */
beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), 'quiverdb-package-'));
  const installed = join(project, 'node_modules/quiverdb');
  mkdirSync(installed, { recursive: true });
  await run(process.execPath, [
    tsc,
    '-p',
    join(root, 'tsconfig.build.json'),
    '--outDir',
    join(installed, 'dist'),
  ]);
  cpSync(join(root, 'package.json'), join(installed, 'package.json'));
  cpSync(join(root, 'lib'), join(installed, 'dist'), {
    recursive: true,
    filter: (path) => path === join(root, 'lib') || /native\.cjs$|\.node$/.test(path),
  });
  for (const name of ['apache-arrow', '@types']) link(name, name);
}, 120_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

function link(name: string, target: string): void {
  const place = join(project, 'node_modules', name);
  rmSync(place, { force: true });
  symlinkSync(join(root, 'node_modules', target), place, 'junction');
}

/** What a program of one file prints. */
async function output(file: string, program: string): Promise<string> {
  writeFileSync(join(project, file), program);
  const { stdout, stderr } = await run(process.execPath, [file], { cwd: project });
  expect(stderr).toBe('');
  return stdout.trim();
}

const PROGRAM = `
  const db = await connect('memory://');
  const table = await db.createTable('t', [{ id: 'a', vector: [0, 1] }, { id: 'b', vector: [1, 0] }]);
  const hits = await table.search([1, 0.1]).limit(1).toArray();
  console.log(hits[0].id, hits[0].vector, hits[0].vector.toArray(), (await table.toArrow()).numRows);
`;
const PRINTED = 'b Float32Array(2) [ 1, 0 ] Float32Array(2) [ 1, 0 ] 2';

describe('the package', () => {
  test('can be required', async () => {
    const program = `const { connect } = require('quiverdb');\n(async () => {${PROGRAM}})();`;

    expect(await output('program.cjs', program)).toBe(PRINTED);
  });

  test('can be imported', async () => {
    const program = `import { connect } from 'quiverdb';\n${PROGRAM}`;

    expect(await output('program.mjs', program)).toBe(PRINTED);
  });

  test('is one module, however it is loaded', async () => {
    const program = `
      import * as imported from 'quiverdb';
      import { createRequire } from 'node:module';
      const required = createRequire(import.meta.url)('quiverdb');
      for (const name of Object.keys(required)) {
        if (imported[name] !== required[name]) console.log('two of', name);
      }
      console.log(Object.keys(required).sort().join(' '));
    `;

    expect(await output('program.mjs', program)).toBe(
      'Connection Index MergeInsertBuilder Query QueryBase QuiverError StandardQueryBase Table Tags TakeQuery ' +
        'VectorQuery accelerators connect makeArrowTable',
    );
  });

  test.each(['apache-arrow-15', 'apache-arrow-17', 'apache-arrow-18', 'apache-arrow'])(
    'works with %s beside it',
    async (version) => {
      link('apache-arrow', version);

      const program = `import { connect } from 'quiverdb';\n${PROGRAM}`;

      expect(await output('program.mjs', program)).toBe(PRINTED);
    },
  );

  test.each(['apache-arrow-15', 'apache-arrow-18', 'apache-arrow'])(
    'takes schemas and tables of %s that a program imports',
    async (version) => {
      link('apache-arrow', version);
      const program = `
        import { Field, FixedSizeList, Float32, Int32, Schema, tableFromArrays } from 'apache-arrow';
        import { connect } from 'quiverdb';
        const item = new Field('item', new Float32(), true);
        const schema = new Schema([
          new Field('id', new Int32(), true),
          new Field('vector', new FixedSizeList(2, item), true),
        ]);
        const db = await connect('memory://');
        const table = await db.createTable('t', [{ id: 1, vector: [0, 1] }], { schema });
        await db.createEmptyTable('e', schema);
        await table.add(tableFromArrays({ id: Int32Array.of(2) }));
        console.log(JSON.stringify(await table.query().toArray()));
      `;

      expect(await output('program.mjs', program)).toBe(
        '[{"id":1,"vector":[0,1]},{"id":2,"vector":null}]',
      );
    },
  );

  test.each([
    ['import', 'program.mts', "import { connect, type Table } from 'quiverdb';"],
    [
      'require',
      'program.cts',
      "import quiverdb = require('quiverdb'); type Table<T> = quiverdb.Table<T>; const { connect } = quiverdb;",
    ],
  ])(
    'has types for %s',
    async (_, file, head) => {
      const program = `${head}
      export async function first(): Promise<string | undefined> {
        const table: Table<{ id: string }> = await (await connect('x')).openTable<{ id: string }>('t');
        const [row] = await table.search([1]).limit(1).toArray();
        const distance: number | undefined = row?._distance;
        return distance === undefined ? undefined : row?.id;
      }
      // @ts-expect-error: the types are there, and say no
      connect(5);`;
      writeFileSync(join(project, file), program);

      const options = [
        '--noEmit',
        '--strict',
        '--skipLibCheck',
        '--module',
        'nodenext',
        '--types',
        'node',
      ];
      const { stdout } = await run(process.execPath, [tsc, ...options, file], { cwd: project });

      expect(stdout).toBe('');
    },
    60_000,
  );

  test('lets a program end that leaves everything open', async () => {
    const program = `
      import { connect } from 'quiverdb';
      const db = await connect('memory://');
      const table = await db.createTable('t', [{ vector: [0, 1] }]);
      table.search([1, 1]).toArray();
      for await (const batch of table.query()) break;
      console.log('end');
    `;

    expect(await output('program.mjs', program)).toBe('end');
  });

  test('says what is missing when the addon is', async () => {
    const installed = join(project, 'node_modules/quiverdb/dist');
    const binary = join(installed, 'native.cjs');
    const program = `
      import { connect, makeArrowTable } from 'quiverdb';
      console.log(makeArrowTable([{ a: 1 }]).numRows);
      await connect('x').catch((error) => console.log(error.code, error.message));
    `;
    expect(existsSync(binary)).toBe(true);
    rmSync(binary);

    const printed = await output('program.mjs', program);

    expect(printed).toMatch(/^1\nADDON_NOT_LOADED cannot load quiverdb's native addon for /);
    expect(printed).toContain(`${process.platform}-${process.arch}`);
    expect(printed).toContain('.node');
    expect(printed).toContain('npm run build');
  });
});

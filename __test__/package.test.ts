// The package as npm installs it: compiled, and loaded by `require` and `import` in processes of their own.
import { existsSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Project } from './project.js';

let project: Project;

/** A project that has nothing else but Arrow. */
beforeAll(async () => {
  project = await Project.withPackage();
  for (const name of ['apache-arrow', '@types']) project.link(name);
}, 120_000);

afterAll(() => project.remove());

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

    expect(await project.output('program.cjs', program)).toBe(PRINTED);
  });

  test('can be imported', async () => {
    const program = `import { connect } from 'quiverdb';\n${PROGRAM}`;

    expect(await project.output('program.mjs', program)).toBe(PRINTED);
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

    expect(await project.output('program.mjs', program)).toBe(
      'Connection Index MergeInsertBuilder Query QueryBase QuiverError StandardQueryBase Table Tags TakeQuery ' +
        'VectorQuery accelerators connect makeArrowTable',
    );
  });

  test.each(['apache-arrow-15', 'apache-arrow-17', 'apache-arrow-18', 'apache-arrow'])(
    'works with %s beside it',
    async (version) => {
      project.link('apache-arrow', version);

      const program = `import { connect } from 'quiverdb';\n${PROGRAM}`;

      expect(await project.output('program.mjs', program)).toBe(PRINTED);
    },
  );

  test.each(['apache-arrow-15', 'apache-arrow-18', 'apache-arrow'])(
    'takes schemas and tables of %s that a program imports',
    async (version) => {
      project.link('apache-arrow', version);
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

      expect(await project.output('program.mjs', program)).toBe(
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
      project.write(file, program);

      const options = ['--noEmit', '--skipLibCheck', '--module', 'nodenext', '--types', 'node'];
      const said = await project.compile([file], ...options);

      expect(said).toBe('');
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

    expect(await project.output('program.mjs', program)).toBe('end');
  });

  test('costs less than 30 ms and 15 MB to require', async () => {
    const program = `
      const before = process.memoryUsage().rss;
      const start = performance.now();
      require('quiverdb');
      const ms = performance.now() - start;
      console.log(JSON.stringify({ ms, bytes: process.memoryUsage().rss - before }));`;
    const costs: Array<{ ms: number; bytes: number }> = [];
    for (let i = 0; i < 7; i++) {
      costs.push(JSON.parse(await project.output('program.cjs', program)));
    }

    // The least of several: other work on the machine only ever adds to it.
    expect(Math.min(...costs.map(({ ms }) => ms))).toBeLessThan(30);
    expect(Math.min(...costs.map(({ bytes }) => bytes))).toBeLessThan(15e6);
  });

  test('says what is missing when the addon is', async () => {
    const binary = project.path('node_modules/quiverdb/dist/native.cjs');
    const program = `
      import { connect, makeArrowTable } from 'quiverdb';
      console.log(makeArrowTable([{ a: 1 }]).numRows);
      await connect('x').catch((error) => console.log(error.code, error.message));
    `;
    expect(existsSync(binary)).toBe(true);
    rmSync(binary);

    const printed = await project.output('program.mjs', program);

    expect(printed).toMatch(/^1\nADDON_NOT_LOADED cannot load quiverdb's native addon for /);
    expect(printed).toContain(`${process.platform}-${process.arch}`);
    expect(printed).toContain('.node');
    expect(printed).toContain('npm run build');
  });
});

describe('without apache-arrow', () => {
  let bare: Project;

  beforeAll(async () => {
    bare = await Project.withPackage();
  }, 120_000);

  afterAll(() => bare.remove());

  test('everything works but what makes Arrow tables', async () => {
    const program = `
      import { connect, Index, makeArrowTable } from 'quiverdb';
      const db = await connect('data');
      const rows = Array.from({ length: 300 }, (_, i) => ({ id: i, tags: ['a', 'b'], vector: [i, 1] }));
      const table = await db.createTable('t', rows);
      const fields = [{ name: 'id', type: 'int64' }, { name: 'when', type: 'timestampmillisecond' }];
      await (await db.createEmptyTable('e', { fields })).add([{ id: 1n, when: new Date(5) }]);
      await table.createIndex('vector', { config: Index.ivfFlat({ numPartitions: 4 }) });
      await table.update({ where: { id: 3 }, values: { vector: [3, 9] } });
      await table.addColumns({ name: 'note', type: 'utf8' });
      await table.mergeInsert('id').whenMatchedUpdateAll().execute([{ id: 5, tags: [], vector: [5, 5] }]);
      const [hit] = await table.search([3, 9]).limit(1).toArray();
      console.log(hit.id, [...hit.vector], hit.note, (await table.schema()).fields.map(String).join(' '));
      for await (const batch of table.query().select('id').limit(2)) console.log(batch.toArray().map(String).join());
      for (const call of [() => table.toArrow(), async () => table.query().toArrowSync(), async () => makeArrowTable(rows)]) {
        await call().catch((error) => console.log(error.code, error.message));
      }`;

    const lines = (await bare.output('program.mjs', program)).split('\n');

    expect(lines.slice(0, 2)).toEqual([
      '3 [ 3, 9 ] null id: Float64 tags: List<Utf8> vector: FixedSizeList[2]<Float32> note: Utf8',
      '{"id": 0},{"id": 1}',
    ]);
    expect(lines.slice(2)).toEqual(
      ['toArrow', 'toArrowSync', 'makeArrowTable'].map((method) =>
        expect.stringMatching(
          `^ARROW_NOT_INSTALLED ${method} makes Arrow tables with the package apache-arrow, which could not`,
        ),
      ),
    );
  });

  test.each([
    ['node16', 'node16'],
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])(
    'the types are whole, for module %s and moduleResolution %s',
    async (module, resolution) => {
      bare.write(
        'program.mts',
        `import { connect, type Table } from 'quiverdb';
      const table: Table<{ id: number }> = await (await connect('x')).openTable<{ id: number }>('t');
      const [row] = await table.search([1]).limit(1).toArray();
      export const distance: number | undefined = row?._distance;
      export const columns: number = (await table.toArrow()).numCols;`,
      );

      // Without skipLibCheck: what the package declares is checked too.
      const options = ['--noEmit', '--module', module, '--moduleResolution', resolution];

      expect(await bare.compile(['program.mts'], ...options)).toBe('');
    },
    60_000,
  );
});

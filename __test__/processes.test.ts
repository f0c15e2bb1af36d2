// Tables and processes: what one wrote, another reads, and sees it while both are open.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { connect, Index } from '../lib/index.js';
import { ladder, randomNumbers, temporaryFolder } from './support.js';

const root = resolve(__dirname, '..');

/** Runs a program in a process of its own, and returns what it prints, as JSON. */
async function elsewhere(folder: string, body: string): Promise<any> {
  const program = join(folder, 'program.ts');
  writeFileSync(
    program,
    `import { connect, Index } from ${JSON.stringify(join(root, 'lib/index.ts'))};
    async function main() {
      const db = await connect(${JSON.stringify(join(folder, 'db'))});
      ${body}
    }
    main().then((result) => console.log(JSON.stringify(result)));`,
  );
  const tsx = join(root, 'node_modules/tsx/dist/cli.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [tsx, program]);
  return JSON.parse(stdout);
}

test('another process gives the same answers', async () => {
  const folder = temporaryFolder();
  const db = await connect(join(folder, 'db'));
  const next = randomNumbers(3);
  const rows = Array.from({ length: 2000 }, (_, id) => ({
    id,
    vector: Array.from({ length: 16 }, () => next()),
  }));
  const table = await db.createTable('t', rows);
  await table.createIndex('vector', {
    config: Index.ivfPq({ numPartitions: 8, numSubVectors: 4 }),
  });
  const query = rows[17]!.vector;
  const expected = {
    exact: await table.search(query).bypassVectorIndex().toArray(),
    indexed: await table.search(query).nprobes(2).toArray(),
    codes: await table.search(query).refineFactor(0).toArray(),
    version: await table.version(),
  };

  const answers = await elsewhere(
    folder,
    `const table = await db.openTable('t');
    const query = ${JSON.stringify(query)};
    return {
      exact: await table.search(query).bypassVectorIndex().toArray(),
      indexed: await table.search(query).nprobes(2).toArray(),
      codes: await table.search(query).refineFactor(0).toArray(),
      version: await table.version(),
    };`,
  );

  expect(answers).toEqual(JSON.parse(JSON.stringify(expected)));
});

test('an open table sees what another process adds', async () => {
  const folder = temporaryFolder();
  const table = await (await connect(join(folder, 'db'))).createTable('t', ladder(3));
  expect(await table.countRows()).toBe(3);

  const version = await elsewhere(
    folder,
    `return (await (await db.openTable('t')).add([{ id: 'new', vector: [9, 9, 9, 9] }])).version;`,
  );

  expect(version).toBe(2);
  expect(await table.version()).toBe(2);
  expect((await table.search([9, 9, 9, 9]).limit(1).toArray())[0]!.id).toBe('new');
});

test('rows that several processes add at once are all there', async () => {
  const folder = temporaryFolder();
  const table = await (await connect(join(folder, 'db'))).createTable('t', ladder(1));
  const add = `const table = await db.openTable('t');
    for (let i = 0; i < 5; i++) await table.add([{ id: 'x', vector: [i, i, i, i] }]);
    return null;`;
  const folders = [folder, ...Array.from({ length: 2 }, () => temporaryFolder())];

  // The programs are in folders of their own, the table is the same.
  await Promise.all(
    folders.map((place) =>
      elsewhere(
        place,
        add.replace(
          'db.openTable',
          `(await connect(${JSON.stringify(join(folder, 'db'))})).openTable`,
        ),
      ),
    ),
  );

  expect(await table.countRows()).toBe(16);
  expect(await table.version()).toBe(16);
});

test('a worker that is stopped in the middle of a search harms nobody', async () => {
  const folder = temporaryFolder();
  const table = await (await connect(join(folder, 'db'))).createTable('t', ladder(1000));
  const source = `
    const { NativeConnection } = require(${JSON.stringify(join(root, 'lib/native.cjs'))});
    const { parentPort } = require('node:worker_threads');
    (async () => {
      const db = await NativeConnection.connect(${JSON.stringify(join(folder, 'db'))}, {});
      const table = await db.openTable('t');
      parentPort.postMessage('ready');
      const vectors = new Float64Array(4000);
      for (;;) await table.query({ vectors, vectorCount: 1000, settings: '{"limit":10}' });
    })();`;

  for (let i = 0; i < 5; i++) {
    const worker = new Worker(source, { eval: true });
    await new Promise((ready) => worker.once('message', ready));
    await worker.terminate();
  }

  expect(await table.countRows()).toBe(1000);
});

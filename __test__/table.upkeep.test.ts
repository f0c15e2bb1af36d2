// What is done to tables without being asked.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { type ConnectionOptions, connect, Index, type Table } from '../lib/index.js';
import { filesIn, ladder, randomNumbers, rejection, temporaryFolder } from './support.js';

const root = resolve(__dirname, '..');

async function newTable(options?: ConnectionOptions) {
  const folder = temporaryFolder();
  const db = await connect(folder, options);
  const table = await db.createTable('t', ladder(10));
  return { db, table, folder: join(folder, 't.quiver') };
}

/** Waits until upkeep has nothing to do. */
async function settled(table: Table) {
  for (;;) {
    const status = table.upkeepStatus();
    if (status.state !== 'waiting' && status.state !== 'running') return status;
    if (status.lastError !== undefined) throw new Error(status.lastError);
    await sleep(20);
  }
}

const one = (id: number) => [{ id: `new ${id}`, vector: [id, id, id, id] }];

test('a table of many small writes has few files and few versions when it is left alone', async () => {
  const { table, folder } = await newTable({ keepVersions: 1 });

  for (let id = 0; id < 150; id++) await table.add(one(id));
  const { done } = await settled(table);

  expect(done).toBeGreaterThan(2);
  expect(await table.countRows()).toBe(160);
  expect(await table.listVersions()).toHaveLength(1);
  expect(filesIn(folder).length).toBeLessThanOrEqual(20);
  expect((await table.search([77, 77, 77, 77]).limit(1).toArray())[0]!.id).toBe('new 77');
  expect((await table.verify()).problems).toEqual([]);
}, 30_000);

test('new rows join an index by themselves', async () => {
  const { table } = await newTable();
  await table.add(ladder(2000));
  await table.createIndex('vector', { config: Index.ivfPq({ numPartitions: 8 }) });

  await table.add(ladder(500));
  await settled(table);

  expect(await table.indexStats('vector_idx')).toMatchObject({
    numIndexedRows: 2510,
    numUnindexedRows: 0,
  });
}, 30_000);

test('an index finds again what it lost when its rows drifted, and says meanwhile that it lost it', async () => {
  const folder = temporaryFolder();
  const table = await (await connect(folder, { upkeep: false })).createTable(
    't',
    drifting(4000, 0),
  );
  await table.createIndex('vector', { config: Index.ivfPq({ numSubVectors: 4 }) });
  const recall = async () => (await table.measureRecall('vector')).recall;
  const before = await recall();

  await table.add(drifting(4000, 12));
  expect((await table.optimize()).index).toEqual({ rowsIndexed: 4000, retrained: 0 });

  expect(await recall()).toBeLessThan(before - 0.1);
  expect((await table.indexStats('vector_idx'))!.retrain).toMatch(/the rows have changed/);

  const kept = await (await connect(folder)).openTable('t');
  await kept.add(drifting(1, 12));
  await settled(kept);

  expect(await recall()).toBeGreaterThan(before - 0.03);
  expect((await table.indexStats('vector_idx'))!.retrain).toBeUndefined();
  expect((await table.optimize({ retrain: 'auto' })).index.retrained).toBe(0);
  expect((await table.optimize({ retrain: true })).index.retrained).toBe(1);
}, 60_000);

test('with upkeep: false nothing happens but what is asked for', async () => {
  const { table } = await newTable({ upkeep: false, keepVersions: 1 });
  for (let id = 0; id < 40; id++) await table.add(one(id));

  expect(table.upkeepStatus()).toEqual({ state: 'off', done: 0 });
  expect((await table.listVersions()).length).toBeGreaterThan(40);
});

test('close ends upkeep: nothing touches the files afterwards', async () => {
  const { table, folder } = await newTable({ keepVersions: 1 });
  for (let id = 0; id < 100; id++) await table.add(one(id));

  table.close();

  const files = filesIn(folder);
  expect(table.upkeepStatus().state).toBe('off');
  await sleep(3000);
  expect(filesIn(folder)).toEqual(files);
}, 30_000);

test('a process that wrote ends at once, and leaves no files that nothing names', async () => {
  const folder = temporaryFolder();
  const program = join(folder, 'program.ts');
  writeFileSync(
    program,
    `import { connect } from ${JSON.stringify(join(root, 'lib/index.ts'))};
    async function main() {
      const db = await connect(${JSON.stringify(join(folder, 'db'))});
      const table = await db.createTable('t', [{ id: 0 }], { existOk: true });
      for (let id = 0; id < 40; id++) await table.add([{ id }]);
      console.log(Date.now());
    }
    main();`,
  );
  const tsx = join(root, 'node_modules/tsx/dist/cli.mjs');

  for (let i = 0; i < 2; i++) {
    const { stdout } = await promisify(execFile)(process.execPath, [tsx, program]);
    expect(Date.now() - Number(stdout)).toBeLessThan(10_000);
  }

  const table = await (await connect(join(folder, 'db'))).openTable('t');
  expect(await table.countRows()).toBe(81);
  expect(await table.diskUsage()).toMatchObject({ unnamedBytes: 0 });
  expect((await table.verify()).problems).toEqual([]);
}, 120_000);

test('what is wrong with the options is an error that names it', async () => {
  const { table } = await newTable();

  expect((await rejection(connect('x', { upkeep: 1 } as any))).message).toMatch(/upkeep is 1/);
  expect((await rejection(table.optimize({ retrain: 'maybe' } as any))).message).toMatch(
    /retrain is "maybe", but it must be true, false or "auto"/,
  );
});

/** Rows around forty centres that are so far out. */
function drifting(count: number, far: number) {
  const next = randomNumbers(count + far);
  const centres = Array.from({ length: 40 }, () =>
    Array.from({ length: 16 }, () => far + 3 * (2 * next() - 1)),
  );
  return Array.from({ length: count }, (_, row) => ({
    vector: centres[row % 40]!.map((value) => value + 2 * next() - 1),
  }));
}

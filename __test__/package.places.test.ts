// Where a program may run that uses the package: in workers, child processes, with Node's permissions.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Project } from './project.js';

let project: Project;

beforeAll(async () => {
  project = await Project.withPackage();
}, 120_000);

afterAll(() => project.remove());

describe('worker threads', () => {
  test('search and write the same table, each with a connection of its own', async () => {
    project.write(
      'worker.mjs',
      `import { connect } from 'quiverdb';
      import { parentPort, workerData } from 'node:worker_threads';
      const table = await (await connect('shared')).openTable('t');
      for (let i = 0; i < 10; i++) {
        await table.add([{ id: workerData * 100 + i, vector: [workerData, i] }]);
        const [hit] = await table.search([workerData, i]).limit(1).toArray();
        if (hit.id !== workerData * 100 + i) throw new Error('found ' + hit.id);
      }
      parentPort.postMessage(await table.countRows({ id: { gte: workerData * 100 } }));`,
    );
    const program = `
      import { connect } from 'quiverdb';
      import { once } from 'node:events';
      import { Worker } from 'node:worker_threads';
      const table = await (await connect('shared')).createTable('t', [{ id: 0, vector: [0, 0] }]);
      const workers = [1, 2, 3, 4].map((workerData) => new Worker('./worker.mjs', { workerData }));
      const exits = workers.map((worker) => once(worker, 'exit'));
      const counts = await Promise.all(workers.map((worker) => once(worker, 'message')));
      const codes = (await Promise.all(exits)).flat();
      console.log(counts.flat().every((count) => count >= 10), codes.join(), await table.countRows());`;

    expect(await project.output('threads.mjs', program)).toBe('true 0,0,0,0 41');
  });

  test('can come and go', async () => {
    project.write(
      'brief.cjs',
      `const { connect } = require('quiverdb');
      (async () => {
        const table = await (await connect('memory://')).createTable('t', [{ vector: [1, 2] }]);
        require('node:worker_threads').parentPort.postMessage(table.search([1, 2]).toArraySync().length);
      })();`,
    );
    const program = `
      const { once } = require('node:events');
      const { Worker } = require('node:worker_threads');
      (async () => {
        let found = 0;
        for (let i = 0; i < 8; i++) {
          const worker = new Worker('./brief.cjs');
          const exit = once(worker, 'exit');
          found += (await once(worker, 'message'))[0];
          await exit;
        }
        console.log(found);
      })();`;

    expect(await project.output('series.cjs', program)).toBe('8');
  });
});

test('child processes, forked and spawned, find what their parent wrote', async () => {
  project.write(
    'child.cjs',
    `const { connect } = require('quiverdb');
    (async () => {
      const table = await (await connect('family')).openTable('t');
      const [hit] = await table.search([3, 4]).limit(1).toArray();
      await table.add([{ id: process.argv[2], vector: [9, 9] }]);
      if (process.send) process.send(hit.id);
      else console.log(hit.id);
    })();`,
  );
  const program = `
    import { connect } from 'quiverdb';
    import { execFileSync, fork } from 'node:child_process';
    import { once } from 'node:events';
    const table = await (await connect('family')).createTable('t', [{ id: 'a', vector: [3, 4] }]);
    const forked = fork('./child.cjs', ['forked']);
    const [answer] = await once(forked, 'message');
    await once(forked, 'exit');
    const spawned = execFileSync(process.execPath, ['child.cjs', 'spawned'], { encoding: 'utf8' });
    console.log(answer, spawned.trim(), (await table.query().toArray()).map((row) => row.id).join());`;

  expect(await project.output('parent.mjs', program)).toBe('a a a,forked,spawned');
});

describe("Node's permissions", () => {
  // The flag lost its `experimental` in Node 23.5.
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number];
  const flag =
    major > 23 || (major === 23 && minor >= 5) ? '--permission' : '--experimental-permission';
  const stderr = flag === '--permission' ? undefined : /ExperimentalWarning: Permission/;
  const program = `
    const { connect } = require('quiverdb');
    (async () => {
      const db = await connect(__dirname + '/allowed');
      const table = await db.createTable('t', [{ vector: [1, 2] }], { mode: 'overwrite' });
      console.log(table.search([1, 2]).toArraySync().length);
    })().catch((error) => console.log(error.code, error.message));`;

  test('say which one is missing, where addons are not allowed', async () => {
    const printed = await project.output('permission.cjs', program, {
      node: [flag, '--allow-fs-read=*', '--allow-fs-write=*'],
      stderr,
    });

    expect(printed).toMatch(/^ADDON_NOT_LOADED /);
    expect(printed).toContain('start Node with --allow-addons');
  });

  test('are enough when addons are allowed and the package can be read', async () => {
    const read = `--allow-fs-read=${project.folder}/*`;
    const printed = await project.output('permission.cjs', program, {
      node: [flag, '--allow-addons', read],
      stderr,
    });

    expect(printed).toBe('1');
  });
});

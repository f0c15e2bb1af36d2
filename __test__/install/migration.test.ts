// The example that takes tables of @lancedb/lancedb along, with that package itself.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root, run } from '../project.js';
import { Place } from './place.js';

let project: Place;

beforeAll(async () => {
  // Below the folder where it is installed.
  project = await Place.installed(join(root, '.ci/lancedb'));
});

afterAll(() => project.remove());

const OLD = `
import { connect, Index } from '@lancedb/lancedb';
const db = await connect('old');
const rows = Array.from({ length: 2000 }, (_, id) => ({
  id, name: 'row ' + id, vector: Array.from({ length: 8 }, (_, d) => Math.sin(id * (d + 1))),
}));
const table = await db.createTable('items', rows);
await table.createIndex('vector', {
  config: Index.ivfPq({ distanceType: 'cosine', numPartitions: 4, numSubVectors: 2 }),
});
await table.createIndex('id');
await table.delete('id < 500');
await db.createTable('plain', [{ text: 'a' }, { text: null }, { text: 'c' }]);`;

test('every table is taken along, with its rows and indexes', async () => {
  await project.output('old.mjs', OLD, { stderr: /^/ });
  copyFileSync(join(root, 'examples/from_lancedb.ts'), project.path('from_lancedb.mts'));
  // The repository's own would lead to quiverdb's source.
  project.write('tsconfig.json', '{}');

  const tsx = join(root, 'node_modules/tsx/dist/cli.mjs');
  const options = { cwd: project.folder };
  const { stdout } = await run(process.execPath, [tsx, 'from_lancedb.mts', 'old', 'new'], options);

  expect(stdout.trim().split('\n')).toEqual([
    expect.stringMatching(/^items: 1500 rows, indexes: (id_idx, vector_idx|vector_idx, id_idx)$/),
    'plain: 3 rows, indexes: none',
  ]);
  const found = await project.output(
    'new.mjs',
    `import { connect } from 'quiverdb';
    const table = await (await connect('new')).openTable('items');
    const { vector } = (await table.query().where('id = 700').toArray())[0];
    const [hit] = await table.search(vector).limit(1).toArray();
    console.log(hit.id, hit.name, Math.abs(hit._distance) < 1e-6, (await table.indexStats('vector_idx')).distanceType);`,
  );
  expect(found).toBe('700 row 700 true cosine');
});

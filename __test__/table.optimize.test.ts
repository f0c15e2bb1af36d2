// Upkeep: compaction, cleaning up, verifying.
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connect, Index, type KeepVersions, type OptimizeOptions } from '../lib/index.js';
import { filesIn, ladder, rejection, temporaryFolder } from './support.js';

async function manyVersions() {
  const folder = temporaryFolder();
  const db = await connect(folder, { upkeep: false });
  const table = await db.createTable('t', [{ id: 0, vector: [0, 0] }]);
  for (let id = 1; id < 20; id++) await table.add([{ id, vector: [id, id] }]);
  await table.delete('id < 10');
  return { folder: join(folder, 't.quiver'), table };
}

test('optimize joins files, removes old versions, and says so', async () => {
  const { folder, table } = await manyVersions();
  const before = filesIn(folder).length;
  const stages = new Set<string>();

  const stats = await table.optimize({
    keepVersions: 1,
    deleteUnverified: true,
    onProgress: ({ stage }) => stages.add(stage),
  });

  // The ten files whose only row went are in no version any more.
  expect(stats.compaction).toMatchObject({ fragmentsRemoved: 10, fragmentsAdded: 1 });
  expect(stats.prune.oldVersionsRemoved).toBe(21);
  expect(stats.prune.bytesRemoved).toBeGreaterThan(1000);
  expect(before).toBeGreaterThan(40);
  expect(filesIn(folder)).toHaveLength(2);
  expect(await table.countRows()).toBe(10);
  expect((await table.search([15, 15]).limit(1).toArray())[0]!.id).toBe(15);
  expect(await table.listVersions()).toHaveLength(1);
});

test('optimize keeps the last hour unless told otherwise, and tagged versions always', async () => {
  const { table } = await manyVersions();
  await (await table.tags()).create('five', 5);

  expect((await table.optimize()).prune.oldVersionsRemoved).toBe(0);
  expect((await table.optimize({ cleanupOlderThan: new Date(0) })).prune.oldVersionsRemoved).toBe(
    0,
  );
  const later = new Date(Date.now() + 60_000);
  await table.optimize({ cleanupOlderThan: later });

  const versions = (await table.listVersions()).map((version) => version.version);
  expect(versions).toEqual([5, await table.version()]);
  await table.checkout('five');
  expect(await table.countRows()).toBe(5);
});

test('a connection says which versions stay, and optimize may say otherwise', async () => {
  const { folder } = await manyVersions();
  const versionsAfter = async (keepVersions: KeepVersions, ...given: [OptimizeOptions?]) => {
    const table = await (await connect(join(folder, '..'), { keepVersions })).openTable('t');
    await table.optimize(...given);
    return (await table.listVersions()).length;
  };

  const all = await versionsAfter(Number.POSITIVE_INFINITY);
  expect(all).toBeGreaterThan(21);
  expect(await versionsAfter({ hours: 2 })).toBe(all);
  expect(await versionsAfter({ versions: 3, minutes: 1, seconds: 30 })).toBe(all);
  expect(await versionsAfter(1, { keepVersions: { days: 1 } })).toBe(all);
  expect(await versionsAfter(8)).toBe(8);
  expect(await versionsAfter({ versions: 5, seconds: 0 })).toBe(5);
  expect(await versionsAfter({ hours: 1 }, { keepVersions: 3 })).toBe(3);
  expect(await versionsAfter({ seconds: 0 })).toBe(1);
});

test('a handle that shows an old version reads on after it was removed', async () => {
  const { folder, table } = await manyVersions();
  const db = await connect(join(folder, '..'));
  const pinned = await db.openTable('t');
  await pinned.checkout(20);

  await table.optimize({ keepVersions: 1, deleteUnverified: true });

  expect(await pinned.countRows('id >= 0')).toBe(20);
  expect((await pinned.search([3, 3]).limit(1).toArray())[0]!.id).toBe(3);
});

test('verify names the file that is damaged or missing', async () => {
  const { folder, table } = await manyVersions();
  expect(await table.verify()).toMatchObject({ problems: [] });
  await table.optimize({ keepVersions: 1, deleteUnverified: true });
  // The manifest and the rows.
  expect((await table.verify()).files).toBe(2);

  const [path] = filesIn(folder)
    .filter((file) => file.startsWith('data'))
    .map((file) => join(folder, file))
    .sort((a, b) => statSync(b).size - statSync(a).size);
  rmSync(path!);
  writeFileSync(path!, 'x');

  const { problems } = await table.verify();
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain('.arrow');
});

test('optimize adds rows to an index, and diskUsage tells where all bytes are', async () => {
  const folder = temporaryFolder();
  const table = await (await connect(folder)).createTable('t', ladder(2000));
  await table.createIndex('vector', { config: Index.ivfPq({ numPartitions: 8 }) });
  await table.add(ladder(2100).slice(2000));
  expect(await table.indexStats('vector_idx')).toMatchObject({ numUnindexedRows: 100 });

  const { index } = await table.optimize({ keepVersions: 1 });

  expect(index).toEqual({ rowsIndexed: 100, retrained: 0 });
  expect(await table.indexStats('vector_idx')).toMatchObject({
    numIndexedRows: 2100,
    numUnindexedRows: 0,
  });
  const query = table.search([2050, 2050, 2050, 2050]).limit(3).nprobes(8);
  const found = await query.fastSearch().toArray();
  expect(found.map((row) => row.id)).toContain('2050');
  const usage = await table.diskUsage();
  const { totalBytes, files, ...parts } = usage;
  expect(Object.values(parts).reduce((sum, bytes) => sum + bytes)).toBe(totalBytes);
  expect(files).toBe(filesIn(join(folder, 't.quiver')).length);
  expect(usage.indexBytes).toBeGreaterThan(1000);
  expect([usage.oldBytes, usage.unnamedBytes]).toEqual([0, 0]);
});

test('repairTable brings a table back that cannot be opened, and leaves a whole one alone', async () => {
  const folder = temporaryFolder();
  const db = await connect(folder);
  const table = await db.createTable('t', ladder(300));
  await table.createIndex('vector', { config: Index.ivfFlat({ numPartitions: 4 }) });
  await table.add([{ id: 'late', vector: [0, 0, 0, 0] }]);
  const whole = { version: 3, restoredVersion: 3, droppedIndices: [], problems: [] };
  expect(await db.repairTable('t')).toEqual(whole);
  const manifest = join(folder, 't.quiver/versions/00000000000000000003.json');
  writeFileSync(manifest, 'x');
  expect((await rejection(db.openTable('t'))).code).toBe('CORRUPTED');

  const repaired = await db.repairTable('t');

  expect(repaired).toMatchObject({ version: 4, restoredVersion: 2, droppedIndices: [] });
  expect(repaired.problems).toEqual([expect.stringContaining('00000000000000000003.json')]);
  const again = await db.openTable('t');
  expect(await again.countRows()).toBe(300);
  expect((await again.verify()).problems).toEqual([]);
  await again.add([{ id: 'new', vector: [5, 5, 5, 5] }]);
  expect(await again.countRows()).toBe(301);

  const [index] = filesIn(join(folder, 't.quiver')).filter((file) => file.endsWith('.idx'));
  rmSync(join(folder, 't.quiver', index!));
  expect(await db.repairTable('t')).toMatchObject({
    version: 6,
    restoredVersion: 5,
    droppedIndices: ['vector_idx'],
  });
  expect((await again.search([7, 7, 7, 7]).limit(1).toArray())[0]).toMatchObject({ id: '7' });
  expect((await rejection(db.repairTable('nope'))).code).toBe('TABLE_NOT_FOUND');
});

test('what is wrong with the options is an error that names it', async () => {
  const { table } = await manyVersions();
  const message = async (promise: Promise<unknown>) => (await rejection(promise)).message;

  expect(await message(table.optimize({ cleanupOlderThan: new Date('nope') }))).toMatch(
    /valid Date/,
  );
  expect(await message(table.optimize({ keepVersions: 0 }))).toMatch(/keepVersions is 0/);
  expect(await message(table.optimize({ keepVersions: '1h' } as any))).toMatch(
    /keepVersions is "1h", but it must be a number of versions, or an object such as \{ hours: 2 \}/,
  );
  expect(await message(table.optimize({ keepVersions: {} }))).toMatch(/says something/);
  expect(await message(table.optimize({ keepVersions: { hours: -1 } }))).toMatch(
    /hours of keepVersions is -1/,
  );
  expect(await message(table.optimize({ keepVersions: { hour: 1 } } as any))).toMatch(
    /did you mean 'hours'/,
  );
  expect(await message(table.optimize({ keepVersions: { versions: 1.5 } }))).toMatch(
    /versions of keepVersions is 1.5/,
  );
  expect(await message(table.optimize({ keepVersion: 3 } as any))).toMatch(
    /did you mean 'keepVersions'/,
  );
  expect((await rejection(table.optimize({ signal: AbortSignal.abort() }))).code).toBe('CANCELLED');
});

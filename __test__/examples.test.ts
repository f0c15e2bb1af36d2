// Every example, run as a user runs it: in an empty folder, judged by what it prints.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const home = process.cwd();
let folder: string;
let printed: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quiverdb-example-'));
  process.chdir(folder);
  printed = [];
  vi.spyOn(console, 'log').mockImplementation((...words) => printed.push(words.join(' ')));
});

afterEach(async () => {
  vi.restoreAllMocks();
  process.chdir(home);
  await rm(folder, { recursive: true, force: true });
});

test('basic.ts finds the two nearest fruits', async () => {
  await import('../examples/basic.js');

  expect(printed).toEqual(['apple 0.0025', 'cherry 0.0225']);
});

test('ann_indexes.ts builds its indexes and prints known answers', {
  timeout: 300_000,
}, async () => {
  await import('../examples/ann_indexes.js');

  const [nearest, filtered, selected, first, second] = printed;
  expect(nearest).toMatch(/^nearest: item \d+ \d+\.\d\d, item \d+ \d+\.\d\d$/);
  expect(filtered).toMatch(/^filtered: item \d+, item \d+$/);
  expect(filtered).not.toMatch(/item 1141\b/);
  expect(selected).toBe('selected: vector + _distance, vector + _distance');
  expect([first, second]).toEqual(['id 1: distance 5.12', 'id 2: distance 81.92']);
});

test('gpu_index.ts trains its index on what there is', { timeout: 120_000 }, async () => {
  vi.stubEnv('QUIVERDB_ALLOW_SOFTWARE_GPU', '1');
  const argv = process.argv;
  process.argv = [...argv.slice(0, 2), '2000', '16'];
  try {
    await import('../examples/gpu_index.js');
  } finally {
    process.argv = argv;
    vi.unstubAllEnvs();
  }

  expect(printed[0]).toMatch(/^found: /);
  const device = printed.find((line) => line.startsWith('trained by: '));
  expect(device === 'trained by: cpu').toBe(printed[0] === 'found: no GPU');
  expect(printed).toContainEqual(expect.stringMatching(/^train codebooks: [\d.]+ s$/));
  expect(printed.at(-1)).toBe('nearest to row 17: row 17');
});

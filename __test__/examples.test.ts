// Every example, run as a user runs it: in an empty folder, judged by what it prints.
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { tableFromIPC } from 'apache-arrow';
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

test('semantic_search.ts finds the paragraph that answers', async () => {
  await import('../examples/semantic_search.js');

  expect(printed).toHaveLength(4);
  expect(printed[0]).toBe('How do I train an index on a GPU with an accelerator?');
  expect(printed.slice(1).join()).toMatch(/^[\d.]+ gpu\.md: .*accelerator/);
});

test('arrow_in_out.ts reads a file of Arrow and writes one', async () => {
  await import('../examples/arrow_in_out.js');

  expect(printed).toEqual([
    expect.stringMatching(
      /^\.data\/words\.arrow: 4 rows of .*word: Utf8.*vector: FixedSizeList\[3\]/,
    ),
    '.data/found.arrow: 2 rows, 0,2',
  ]);
  const found = tableFromIPC(await readFile('.data/found.arrow'));
  expect([...found.getChild('word')!]).toEqual(['two', 'one']);
});

test('http_service.ts answers many at once, says what was wrong, and ends when all are answered', async () => {
  const argv = process.argv;
  process.argv = [...argv.slice(0, 2), '0'];
  try {
    await import('../examples/http_service.js');
  } finally {
    process.argv = argv;
  }
  const base = printed[0]!.replace('listening on ', '');
  const post = async (path: string, body: unknown) => {
    const response = await fetch(base + path, { method: 'POST', body: JSON.stringify(body) });
    return [response.status, await response.json()];
  };

  const cheap = { vector: [0.85, 0.1, 0.2], maxPrice: 1, limit: 1 };
  const many = Array.from({ length: 50 }, () => post('/search', cheap));
  const plum = await post('/fruit', [{ name: 'plum', price: 0.4, vector: [0.7, 0.3, 0.2] }]);
  const [found] = await post('/search', { vector: [0.7, 0.3, 0.2], limit: 1 });
  const wrong = await post('/search', { vector: [1, 2] });
  const unknown = await post('/else', {});
  const stopped = new Promise<void>((resolve) => {
    vi.mocked(console.log).mockImplementation((line) => line.startsWith('every') && resolve());
  });
  const answers = await Promise.all(many);
  // One more has begun when the service is told to stop: its body is still to come.
  const last = request(`${base}/search`, { method: 'POST', headers: { expect: '100-continue' } });
  last.flushHeaders();
  await once(last, 'continue');
  process.emit('SIGTERM');
  last.end(JSON.stringify(cheap));
  const [lastAnswer] = await once(last, 'response');

  for (const [status, rows] of [...answers, [lastAnswer.statusCode, await json(lastAnswer)]]) {
    expect(status).toBe(200);
    expect(rows).toEqual([{ name: 'apple', price: 0.5, _distance: expect.closeTo(0.0025, 6) }]);
  }
  expect(plum).toEqual([200, { version: 2 }]);
  expect(found).toBe(200);
  expect(wrong).toEqual([400, { code: 'DIMENSION_MISMATCH', message: expect.any(String) }]);
  expect(unknown[0]).toBe(404);
  await stopped;
});

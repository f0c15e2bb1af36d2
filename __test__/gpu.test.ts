// Indexes that a GPU trains. Any adapter will do, a software one too (on Debian: mesa-vulkan-drivers). With
// QUIVERDB_REQUIRE_GPU=1, as in CI, it is a failure that there is none; otherwise such tests do not run.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { accelerators, Index } from '../lib/index.js';
import {
  filesIn,
  randomNumbers,
  rejection,
  temporaryConnection,
  temporaryFolder,
} from './support.js';

process.env.QUIVERDB_ALLOW_SOFTWARE_GPU = '1';
const root = resolve(__dirname, '..');
const DIM = 8;

function rows(count: number): Array<{ id: number; vector: number[] }> {
  const next = randomNumbers(9);
  return Array.from({ length: count }, (_, id) => ({
    id,
    vector: Array.from({ length: DIM }, next),
  }));
}

const settings = { numPartitions: 10, numSubVectors: 4, maxIterations: 4 };

/** Runs a program in a process of its own, and returns what it prints and how it ends. */
async function elsewhere(body: string, env: Record<string, string> = {}) {
  const folder = temporaryFolder();
  const program = join(folder, 'program.ts');
  writeFileSync(
    program,
    `import { readFileSync } from 'node:fs';
    import { accelerators, connect, Index } from ${JSON.stringify(join(root, 'lib/index.ts'))};
    const rows = (count: number) => Array.from({ length: count }, (_, id) => ({
      id, vector: Array.from({ length: ${DIM} }, (_, d) => Math.sin(id * (d + 1))),
    }));
    async function main() {
      const uri = ${JSON.stringify(join(folder, 'db'))};
      const db = await connect(uri);
      ${body}
    }
    main().then((result) => console.log(JSON.stringify(result)));`,
  );
  const tsx = join(root, 'node_modules/tsx/dist/cli.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [tsx, program], {
    env: { ...process.env, ...env },
  });
  return { folder, result: stdout.trim() === '' ? undefined : JSON.parse(stdout) };
}

/** An environment in which the Vulkan loader finds no driver. */
const NO_DRIVER = { VK_DRIVER_FILES: '/nowhere.json', VK_ICD_FILENAMES: '/nowhere.json' };

test.runIf(process.platform === 'linux')(
  'no GPU library is loaded before it is needed',
  async () => {
    const { result } = await elsewhere(
      `const maps = () => /vulkan/.test(readFileSync('/proc/self/maps', 'utf8'));
    const table = await db.createTable('t', rows(300));
    await table.createIndex('vector', { config: Index.ivfPq({ numPartitions: 2, numSubVectors: 2 }) });
    const before = maps();
    const found = await accelerators();
    return { before, consistent: found.length === 0 || maps() };`,
    );

    expect(result).toEqual({ before: false, consistent: true });
  },
  60_000,
);

test.runIf(process.platform === 'linux')(
  'without a driver, "gpu" says what may be missing and "auto" takes the CPU',
  async () => {
    const { result } = await elsewhere(
      `const table = await db.createTable('t', rows(300));
    const build = (accelerator: string) =>
      table.createIndex('vector', { config: Index.ivfPq({ numPartitions: 2, numSubVectors: 2, accelerator }) });
    const refused = await build('gpu').catch((error) => [error.code, error.message]);
    await build('auto');
    const { details } = (await table.indexStats('vector_idx'))!;
    return { found: await accelerators(), refused, device: details.device, failure: details.deviceFailure };`,
      NO_DRIVER,
    );

    expect(result).toEqual({
      found: [],
      refused: ['GPU_UNAVAILABLE', expect.stringContaining('no adapter was found')],
      device: 'cpu',
      failure: expect.stringContaining('no GPU was used'),
    });
  },
  60_000,
);

describe('an adapter', async () => {
  const adapters = (await accelerators()).filter((adapter) => adapter.unfit === undefined);
  if (adapters.length === 0) console.warn('no GPU adapter: the tests that need one do not run');

  test('there is one where it is required', () => {
    if (process.env.QUIVERDB_REQUIRE_GPU === '1') expect(adapters).not.toEqual([]);
  });
  if (adapters.length === 0) return;

  test('accelerators() says what each one is', () => {
    expect(adapters[0]).toMatchObject({
      name: expect.stringMatching(/./),
      vendor: expect.stringMatching(/./),
      backend: expect.stringMatching(/^(vulkan|metal|dx12)$/),
      type: expect.stringMatching(/^(discrete|integrated|virtual|other|cpu)$/),
      driver: expect.any(String),
      maxBufferBytes: expect.any(Number),
      maxBindingBytes: expect.any(Number),
      maxWorkgroupBytes: expect.any(Number),
      features: expect.any(Array),
      variants: expect.arrayContaining(['f32']),
    });
  });

  test.each([
    ['"gpu"', () => 'gpu'],
    ['a part of its name', () => adapters[0]!.name.slice(1, 6).toUpperCase()],
    ['"auto"', () => 'auto'],
  ])(
    'an index is trained by %s, and finds what one of the CPU finds',
    async (_, accelerator) => {
      const data = rows(1500);
      const table = await (await temporaryConnection()).createTable('t', data);
      const answers = [];
      for (const device of ['cpu', accelerator()]) {
        const stages = new Set<string>();
        await table.createIndex('vector', {
          config: Index.ivfPq({ ...settings, accelerator: device }),
          onProgress: ({ stage }) => stages.add(stage),
        });
        expect([...stages]).toEqual(
          expect.arrayContaining(['train partitions', 'train codebooks', 'encode']),
        );
        answers.push(
          await table.search(data[7]!.vector).limit(5).nprobes(4).refineFactor(10).toArray(),
        );
      }

      expect(answers[1]).toEqual(answers[0]);
      const { details } = (await table.indexStats('vector_idx'))!;
      expect(details.device).toBe(`${adapters[0]!.name} (${adapters[0]!.backend})`);
      expect(adapters[0]!.variants).toContain(details.deviceVariant);
      expect(details.deviceFailure).toBeNull();
      expect(details.seconds).toMatchObject({
        'train partitions': expect.any(Number),
        'train codebooks': expect.any(Number),
        encode: expect.any(Number),
      });
    },
    60_000,
  );

  test.each(adapters[0]!.variants)(
    'the variant %s can be insisted on',
    async (variant) => {
      const { result } = await elsewhere(
        `const table = await db.createTable('t', rows(300));
        await table.createIndex('vector', { config: Index.ivfPq({
          numPartitions: 2, numSubVectors: 2, maxIterations: 2, accelerator: 'gpu' }) });
        return (await table.indexStats('vector_idx'))!.details.deviceVariant;`,
        { QUIVERDB_ALLOW_SOFTWARE_GPU: '1', QUIVERDB_GPU_VARIANT: variant },
      );

      expect(result).toBe(variant);
    },
    60_000,
  );

  test('a variant that is not offered is an error that says what is', async () => {
    const { result } = await elsewhere(
      `const table = await db.createTable('t', rows(300));
      const config = Index.ivfPq({ numPartitions: 2, numSubVectors: 2, accelerator: 'gpu' });
      return table.createIndex('vector', { config }).catch((error) => [error.code, error.message]);`,
      { QUIVERDB_ALLOW_SOFTWARE_GPU: '1', QUIVERDB_GPU_VARIANT: 'f64' },
    );

    expect(result).toEqual([
      'GPU_UNAVAILABLE',
      expect.stringContaining('QUIVERDB_GPU_VARIANT is "f64", but'),
    ]);
  }, 60_000);

  test.runIf(adapters[0]!.type === 'cpu')(
    'a software renderer is used only where it is allowed',
    async () => {
      const table = await (await temporaryConnection()).createTable('t', rows(300));
      process.env.QUIVERDB_ALLOW_SOFTWARE_GPU = '0';
      try {
        const config = Index.ivfPq({ ...settings, accelerator: 'gpu' });
        const error = await rejection(table.createIndex('vector', { config }));

        expect(error.code).toBe('GPU_UNAVAILABLE');
        expect(error.message).toContain(adapters[0]!.name);
        expect(error.message).toContain('QUIVERDB_ALLOW_SOFTWARE_GPU=1');
      } finally {
        process.env.QUIVERDB_ALLOW_SOFTWARE_GPU = '1';
      }
    },
  );

  test('two builds at once, and one that is aborted, end as they should', async () => {
    const db = await temporaryConnection();
    const [a, b, c] = await Promise.all(
      ['a', 'b', 'c'].map((name) => db.createTable(name, rows(1500))),
    );
    const config = Index.ivfPq({ ...settings, accelerator: 'gpu' });
    const controller = new AbortController();
    const aborted = rejection(
      c!.createIndex('vector', {
        config,
        signal: controller.signal,
        onProgress: () => controller.abort(),
      }),
    );

    await Promise.all([a!.createIndex('vector', { config }), b!.createIndex('vector', { config })]);

    expect((await aborted).code).toBe('CANCELLED');
    expect(await a!.listIndices()).toHaveLength(1);
    expect(await b!.listIndices()).toHaveLength(1);
    expect(await c!.listIndices()).toEqual([]);
  }, 120_000);

  test('a worker thread builds, and is terminated while it builds', async () => {
    const { result } = await elsewhere(
      `const { Worker } = await import('node:worker_threads');
      const file = ${JSON.stringify(join(root, 'lib/native.cjs'))};
      const table = await db.createTable('t', rows(1000));
      const run = (again: boolean) => new Promise((resolve, reject) => {
        const worker = new Worker(\`
          const { parentPort } = require('node:worker_threads');
          const { NativeConnection, NativeCancel } = require(\${JSON.stringify(file)});
          (async () => {
            const db = await NativeConnection.connect(\${JSON.stringify(uri)}, {});
            const table = await db.openTable('t');
            const settings = { kind: 'IVF_PQ', numPartitions: 8, numSubVectors: 4, maxIterations: 3, accelerator: 'gpu' };
            do {
              const built = table.createIndex('vector', settings, new NativeCancel());
              parentPort.postMessage('begun');
              await built;
            } while (\${again});
            parentPort.postMessage('built');
          })();
        \`, { eval: true });
        worker.on('error', reject);
        worker.on('message', (message) => {
          if (message === 'begun' && again) setTimeout(() => resolve(worker.terminate()), 30);
          if (message === 'built') resolve(message);
        });
      });
      const built = await run(false);
      const terminated = await run(true);
      return { built, terminated, indexes: (await table.listIndices()).length };`,
      { QUIVERDB_ALLOW_SOFTWARE_GPU: '1' },
    );

    expect(result).toEqual({ built: 'built', terminated: 1, indexes: 1 });
  }, 120_000);

  test('process.exit in the middle of a build ends the process, and leaves no index', async () => {
    const { folder, result } = await elsewhere(
      `const table = await db.createTable('t', rows(20000));
      table.createIndex('vector', {
        config: Index.ivfPq({ numPartitions: 100, numSubVectors: 4, accelerator: 'gpu' }),
        onProgress: ({ stage, done }) => { if (stage === 'train partitions' && done > 0) process.exit(0); },
      }).catch(() => process.exit(3));
      await new Promise(() => setInterval(() => {}, 1000));`,
      { QUIVERDB_ALLOW_SOFTWARE_GPU: '1' },
    );

    expect(result).toBeUndefined();
    expect(filesIn(join(folder, 'db')).filter((file) => file.endsWith('.idx'))).toEqual([]);
  }, 120_000);
});

// Server bundles, built with the settings that docs/bundlers.md gives, and run.
import { cpSync, readdirSync } from 'node:fs';
import { type BuildOptions, build as esbuild } from 'esbuild';
import { type InlineConfig, build as vite } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Project } from './project.js';

let project: Project;
const alone = new Project();

const PROGRAM = `
  import { connect, QuiverError } from 'quiverdb';
  async function main() {
    const db = await connect('memory://');
    const table = await db.createTable('t', [{ id: 'a', vector: [0, 1] }, { id: 'b', vector: [1, 0] }]);
    const [hit] = await table.search([1, 0.1]).limit(1).toArray();
    const code = await db.openTable('u').catch((error) => error instanceof QuiverError && error.code);
    console.log(hit.id, code);
  }
  main();`;
const PRINTED = 'b TABLE_NOT_FOUND';

beforeAll(async () => {
  project = await Project.withPackage();
  project.write('package.json', '{ "private": true, "type": "module" }');
  project.write('src/main.js', PROGRAM);
}, 120_000);

afterAll(() => {
  project.remove();
  alone.remove();
});

describe('esbuild', () => {
  async function bundle(options: BuildOptions) {
    return esbuild({
      absWorkingDir: project.folder,
      entryPoints: ['src/main.js'],
      bundle: true,
      platform: 'node',
      logLevel: 'silent',
      ...options,
    });
  }

  test.each([
    ['esm', 'mjs'],
    ['cjs', 'cjs'],
  ] as const)('bundles a server as %s, with quiverdb outside', async (format, extension) => {
    const outfile = `out/external.${extension}`;

    await bundle({ format, outfile, external: ['quiverdb'] });

    expect(await project.run(outfile)).toBe(PRINTED);
  });

  test('bundles all of it as CommonJS, and copies the binary beside it', async () => {
    await bundle({
      format: 'cjs',
      outdir: 'whole',
      outExtension: { '.js': '.cjs' },
      loader: { '.node': 'copy' },
    });

    expect(readdirSync(project.path('whole'))).toEqual([
      'main.cjs',
      expect.stringMatching(/^quiverdb\..*\.node$/),
    ]);
    // Alone in a folder of its own, as it would be deployed.
    cpSync(project.path('whole'), alone.path('app'), { recursive: true });
    expect(await alone.run('app/main.cjs')).toBe(PRINTED);
  });

  test('stops at the binary, and names it, if it is told neither', async () => {
    const failure = await bundle({ format: 'esm', outfile: 'out/never.mjs' }).catch(
      (error) => error,
    );

    expect(failure.message).toMatch(
      /No loader is configured for "\.node" files: .*quiverdb\..*\.node/,
    );
  });
});

describe('Vite', () => {
  async function bundle(config: InlineConfig) {
    await vite({
      root: project.folder,
      configFile: false,
      logLevel: 'silent',
      ...config,
    });
  }

  test('bundles a server, and leaves quiverdb outside by itself', async () => {
    await bundle({ build: { ssr: 'src/main.js', outDir: 'vite' } });

    expect(await project.run('vite/main.js')).toBe(PRINTED);
  });

  test('bundles everything else of a server when quiverdb is named as external', async () => {
    await bundle({
      ssr: { noExternal: true, external: ['quiverdb'] },
      build: { ssr: 'src/main.js', outDir: 'vite-whole' },
    });

    expect(await project.run('vite-whole/main.js')).toBe(PRINTED);
  });
});

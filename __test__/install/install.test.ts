// The packages that `npm run pack:local` makes, installed with npm where nothing but Node.js is: the
// README's first search runs from them alone.
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { firstSearch } from '../../.ci/first-search.mjs';
import { root, run } from '../project.js';
import { apart, Place } from './place.js';

const main = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
let project: Place;

beforeAll(async () => {
  project = await Place.installed();
});

afterAll(() => project.remove());

/** The same program as CommonJS, which has no `await` outside functions. */
function withRequire(program: string): string {
  const body = program.replace(/^import (\{.*\}) from ('.*');$/m, 'const $1 = require($2);');
  expect(body).not.toBe(program);
  return `(async () => {\n${body}\n})();`;
}

describe('the packages', () => {
  test('are two: the main one, and that of this platform', () => {
    const names = project.packages.map((path) => basename(path)).sort();

    expect(names).toHaveLength(2);
    expect(names[0]).toBe(`quiverdb-${main.version}.tgz`);
    expect(names[1]).toContain(`quiverdb-${process.platform}-${process.arch}`);
    expect(readdirSync(project.path('node_modules')).filter((name) => name[0] !== '.')).toEqual([
      'quiverdb',
      expect.stringMatching(/^quiverdb-/),
    ]);
  });

  test('take less than 40 MB when they are installed', () => {
    const bytes = filesOf('node_modules').reduce(
      (sum, path) => sum + lstatSync(project.path('node_modules', path)).size,
      0,
    );

    expect(bytes).toBeLessThan(40e6);
    expect(bytes).toBeGreaterThan(5e6);
  });

  test('hold what is needed and no stray file', () => {
    const stray = filesOf('node_modules/quiverdb').filter(
      (path) =>
        !/^dist\/(arrow\/)?[a-z-]+\.(js|d\.ts)$/.test(path) &&
        !/^dist\/cli\/(commands\/)?[a-z-]+\.js$/.test(path) &&
        ![
          'package.json',
          'README.md',
          'CHANGELOG.md',
          'LICENSE',
          'dist/index.mjs',
          'dist/index.d.mts',
          'dist/native.cjs',
          'dist/native.d.cts',
          'dist/arrow/apache-arrow.cjs',
          'dist/arrow/apache-arrow.LICENSE.txt',
          'dist/cli/csv-library.LICENSE.txt',
          'dist/cli/parquet-library.LICENSE.txt',
        ].includes(path),
    );
    const [platform] = readdirSync(project.path('node_modules')).filter((name) =>
      name.startsWith('quiverdb-'),
    );

    expect(stray).toEqual([]);
    expect(filesOf(`node_modules/${platform}`)).toEqual([
      'LICENSE',
      'README.md',
      'package.json',
      expect.stringMatching(/^quiverdb\..*\.node$/),
    ]);
  });

  test('that the repository itself would publish have no stray file either', async () => {
    const { stdout } = await run('npm', ['pack', '--dry-run', '--json'], { cwd: root });
    const [packed] = Object.values(JSON.parse(stdout)) as Array<{ files: { path: string }[] }>;

    expect(packed!.files.map(({ path }) => path).sort()).toEqual(filesOf('node_modules/quiverdb'));
  });

  test('depend on every platform, optionally, and on nothing else', () => {
    const installed = JSON.parse(
      readFileSync(project.path('node_modules/quiverdb/package.json'), 'utf8'),
    );

    expect(Object.keys(installed.optionalDependencies).sort()).toEqual(
      readdirSync(join(root, 'npm'))
        .map((platform) => `quiverdb-${platform}`)
        .sort(),
    );
    expect(new Set(Object.values(installed.optionalDependencies))).toEqual(new Set([main.version]));
    expect(installed.dependencies).toBeUndefined();
    expect(installed.scripts).toBeUndefined();
    expect(installed.peerDependenciesMeta).toEqual({ 'apache-arrow': { optional: true } });
  });
});

/** The files below a folder of the project, as paths from there. */
function filesOf(folder: string): string[] {
  return readdirSync(project.path(folder), { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => lstatSync(project.path(folder, path)).isFile())
    .sort();
}

describe('the first search of the README', () => {
  const { program, prints } = firstSearch();

  test('runs as an ES module', async () => {
    expect(await project.output('esm/program.mjs', program)).toBe(prints);
  });

  test('runs as CommonJS', async () => {
    expect(await project.output('cjs/program.cjs', withRequire(apart(program)))).toBe(prints);
  });

  test.each([
    ['node16', 'node16', 'mts', 'mjs'],
    ['node16', 'node16', 'cts', 'cjs'],
    ['nodenext', 'nodenext', 'mts', 'mjs'],
    ['esnext', 'bundler', 'mts', 'mjs'],
  ])(
    'compiles with module %s, moduleResolution %s as .%s, and runs',
    async (module, resolution, source, compiled) => {
      const name = `ts-${module}-${resolution}-${source}/program`;
      const text = source === 'cts' ? asyncMain(program) : program;
      project.write(`${name}.${source}`, apart(text));

      // Without skipLibCheck and without @types/node: the package's declarations stand alone.
      const options = ['--module', module, '--moduleResolution', resolution];
      expect(await project.compile([`${name}.${source}`], ...options)).toBe('');
      expect(await project.run(`${name}.${compiled}`)).toBe(prints);
    },
  );
});

/** TypeScript that is compiled to CommonJS has imports, but no `await` outside functions either. */
function asyncMain(program: string): string {
  const [, imports, body] = /^(import .*;\n)([\s\S]*)$/.exec(program)!;
  return `${imports}(async () => {\n${body}\n})();`;
}

test('the command `quiverdb` is installed along', async () => {
  const command = project.path('node_modules/quiverdb/dist/cli/main.js');
  const linked = lstatSync(project.path('node_modules/.bin/quiverdb'));
  const { stdout } = await run(process.execPath, [command, '--version']);

  expect(linked.isSymbolicLink()).toBe(true);
  expect(stdout.trim()).toBe(main.version);
});

test('there is no Rust where the packages are installed', async () => {
  const found = await run('cargo', ['--version'], {
    env: { PATH: project.toolsOnly('node') },
  }).catch((error) => error.code);

  expect(found).toBe('ENOENT');
});

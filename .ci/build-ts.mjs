// Makes the JavaScript of the package: lib/ compiled, with what it uses of apache-arrow bundled into it.
//
//     node .ci/build-ts.mjs [DIR]      default: dist

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const out = resolve(process.argv[2] ?? join(root, 'dist'));
const require = createRequire(join(root, 'package.json'));

const tsc = require.resolve('typescript/bin/tsc');
const options = ['-p', join(root, 'tsconfig.build.json'), '--outDir', out];
execFileSync(process.execPath, [tsc, ...options], { stdio: 'inherit' });

// lib/arrow/library.ts names what is used of apache-arrow. Its place is taken by a module that loads
// the bundle when one of the names is used.
const source = readFileSync(join(root, 'lib/arrow/library.ts'), 'utf8');
const [comment, names] = [/^\/\*\*[\s\S]*?\*\//.exec(source)[0], exportedNames(source)];
const from = `export { ${names.join(', ')} } from 'apache-arrow';\n`;

await bundle(['apache-arrow', 'flatbuffers'], from, 'arrow/apache-arrow.cjs', {
  // The build for browsers reads and writes bytes just as well, and leaves out files and streams.
  platform: 'browser',
});

writeFileSync(
  join(out, 'arrow/library.js'),
  `"use strict";
${comment}
Object.defineProperty(exports, '__esModule', { value: true });
let loaded;
for (const name of ${JSON.stringify(names)}) {
  Object.defineProperty(exports, name, {
    enumerable: true,
    get: () => (loaded ??= require('./apache-arrow.cjs'))[name],
  });
}
`,
);

// What the command reads files with stands in the place of the modules that name it.
for (const [library, packages] of Object.entries({
  csv: ['csv-parse', 'csv-stringify'],
  parquet: ['hyparquet', 'hyparquet-compressors', 'hyparquet-writer', 'fzstd', 'hysnappy'],
})) {
  const named = readFileSync(join(root, `lib/cli/${library}-library.ts`), 'utf8');
  await bundle(packages, named, `cli/${library}-library.js`, { platform: 'node' });
}
// Nobody imports the command.
for (const file of readdirSync(join(out, 'cli'), { recursive: true })) {
  if (file.endsWith('.d.ts')) rmSync(join(out, 'cli', file));
}

// Declarations must hold without apache-arrow too: its types are `any` then. The directive speaks for one line.
const optional = '// @ts-ignore: any, where apache-arrow is not installed\n';
writeFileSync(join(out, 'arrow/library.d.ts'), optional + from);
const peer = readFileSync(join(out, 'arrow/peer.d.ts'), 'utf8');
writeFileSync(
  join(out, 'arrow/peer.d.ts'),
  peer.replace(/^.*import\('apache-arrow'\).*$/gm, `${optional}$&`),
);

/** Bundles what a module takes from packages into one file, with their licences beside it. */
async function bundle(packages, contents, file, options) {
  const licence = file.replace(/\.\w+$/, '.LICENSE.txt');
  await build({
    stdin: { contents, resolveDir: root },
    outfile: join(out, file),
    bundle: true,
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'error',
    logLimit: 3,
    target: 'node20',
    banner: { js: `// Parts of ${packages.map(named).join(', ')}: see ${basename(licence)}.` },
    ...options,
  });
  writeFileSync(join(out, licence), packages.map(licences).join('\n'));
}

function exportedNames(text) {
  const [, list] = /^export \{([^}]*)\} from 'apache-arrow';$/m.exec(text);
  return list
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
}

function named(name) {
  const { version } = JSON.parse(
    readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8'),
  );
  return `${name} ${version}`;
}

/** What the licence of a package that is in a bundle wants to be passed on. */
function licences(name) {
  return readdirSync(join(root, 'node_modules', name))
    .filter((file) => /^(LICENSE|NOTICE)/i.test(file))
    .map((file) => {
      const text = readFileSync(join(root, 'node_modules', name, file), 'utf8');
      return `${named(name)}, ${file}\n\n${text}\n`;
    })
    .join('\n');
}

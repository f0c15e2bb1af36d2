// Makes the JavaScript of the package: lib/ compiled, with what it uses of apache-arrow bundled into it.
//
//     node .ci/build-ts.mjs [DIR]      default: dist

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
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

await build({
  stdin: { contents: from, resolveDir: root },
  outfile: join(out, 'arrow/apache-arrow.cjs'),
  bundle: true,
  format: 'cjs',
  // The build for browsers reads and writes bytes just as well, and leaves out files and streams.
  platform: 'browser',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'error',
  logLimit: 3,
  target: 'node20',
  banner: {
    js: `// Parts of apache-arrow ${version('apache-arrow')}: see apache-arrow.LICENSE.txt.`,
  },
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
// Declarations must hold without apache-arrow too: its types are `any` then. The directive speaks for one line.
const optional = '// @ts-ignore: any, where apache-arrow is not installed\n';
writeFileSync(join(out, 'arrow/library.d.ts'), optional + from);
const peer = readFileSync(join(out, 'arrow/peer.d.ts'), 'utf8');
writeFileSync(
  join(out, 'arrow/peer.d.ts'),
  peer.replace(/^.*import\('apache-arrow'\).*$/gm, `${optional}$&`),
);
writeFileSync(join(out, 'arrow/apache-arrow.LICENSE.txt'), licences());

function exportedNames(text) {
  const [, list] = /^export \{([^}]*)\} from 'apache-arrow';$/m.exec(text);
  return list
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
}

function version(name) {
  return JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version;
}

/** What the licences of what is in the bundle want to be passed on. */
function licences() {
  const packages = { 'apache-arrow': ['LICENSE.txt', 'NOTICE.txt'], flatbuffers: ['LICENSE'] };
  return Object.entries(packages)
    .flatMap(([name, files]) =>
      files.map((file) => {
        const text = readFileSync(join(root, 'node_modules', name, file), 'utf8');
        return `${name} ${version(name)}, ${file}\n\n${text}\n`;
      }),
    )
    .join('\n');
}

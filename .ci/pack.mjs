// Packs what is published: the main package, and a package with the binary of each platform.
//
//     node .ci/pack.mjs DIR             those of the platforms whose binary is in dist/ or npm/
//     node .ci/pack.mjs DIR --all       fails if a platform has no binary, as a release must
//     node .ci/pack.mjs DIR --main      the main package alone, and fails if dist/ is not whole
//
// The main package depends on the platform packages optionally: npm installs the one that fits. The
// package.json of the repository does not say so, because `npm ci` would then look for packages that a
// release has yet to publish; what is packed does.

import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const [folder, which] = process.argv.slice(2);
if (
  folder === undefined ||
  folder.startsWith('-') ||
  ![undefined, '--all', '--main'].includes(which)
) {
  stop('usage: npm run pack:local -- DIR [--all | --main]');
}
const target = resolve(folder);
const main = manifest(root);
const platforms = readdirSync(join(root, 'npm')).sort();

mkdirSync(target, { recursive: true });
const stage = mkdtempSync(join(tmpdir(), 'quiverdb-pack-'));
try {
  if (which !== '--main') for (const platform of platforms) packPlatform(platform);
  packMain();
} finally {
  rmSync(stage, { recursive: true, force: true });
}

function packMain() {
  for (const file of [
    'index.js',
    'index.mjs',
    'index.d.ts',
    'native.cjs',
    'arrow/apache-arrow.cjs',
  ]) {
    if (!existsSync(join(root, 'dist', file)))
      stop(`dist/${file} is missing; run \`npm run build\``);
  }
  const place = join(stage, main.name);
  copy(['dist', 'README.md', 'CHANGELOG.md', 'LICENSE'], root, place);
  const { scripts, devDependencies, napi, ...published } = main;
  published.optionalDependencies = Object.fromEntries(
    platforms.map((platform) => [`${main.name}-${platform}`, main.version]),
  );
  writeFileSync(join(place, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
  pack(place);
}

function packPlatform(platform) {
  const place = join(root, 'npm', platform);
  const { name, version, main: binary } = manifest(place);
  if (version !== main.version) {
    stop(`npm/${platform} is version ${version}, not ${main.version}; run \`npx napi version\``);
  }
  const found = [place, join(root, 'dist')].find((folder) => existsSync(join(folder, binary)));
  if (found === undefined) {
    if (which === '--all') stop(`${binary}, the binary of ${name}, is not in npm/${platform}`);
    return;
  }
  const staged = join(stage, name);
  copy(['package.json', 'README.md'], place, staged);
  copy(['LICENSE'], root, staged);
  copy([binary], found, staged);
  pack(staged);
}

function copy(names, from, to) {
  for (const name of names) cpSync(join(from, name), join(to, name), { recursive: true });
}

function pack(place) {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const options = ['pack', place, '--pack-destination', target, '--json', '--ignore-scripts'];
  const shell = process.platform === 'win32';
  const output = execFileSync(npm, options, { encoding: 'utf8', shell });
  const [{ filename, size, unpackedSize }] = Object.values(JSON.parse(output));
  console.log(`${join(folder, filename)}: ${megabytes(size)}, unpacked ${megabytes(unpackedSize)}`);
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function manifest(place) {
  return JSON.parse(readFileSync(join(place, 'package.json'), 'utf8'));
}

function stop(message) {
  console.error(`quiverdb: ${message}`);
  process.exit(1);
}

// Installs the packages of this platform with npm in an empty folder, and runs the first search of the README.
//
//     node .ci/try-packages.mjs DIR [RUNNER …]      DIR has what `npm run pack:local` made
//
// With a runner, such as `qemu-x86_64 -cpu Nehalem`, Node.js is run by that.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { firstSearch } from './first-search.mjs';

const [folder, ...runner] = process.argv.slice(2);
const packages = resolve(folder);
const files = readdirSync(packages).filter((name) => name.endsWith('.tgz'));
const main = files.find((name) => /^quiverdb-\d/.test(name));
const [version] = /\d.*(?=\.tgz)/.exec(main);
const { program, prints } = firstSearch();

const place = mkdtempSync(join(tmpdir(), 'quiverdb-try-'));
try {
  writeFileSync(join(place, 'package.json'), '{ "private": true }');
  writeFileSync(join(place, 'search.mjs'), program);
  install(main, '--omit=optional');
  // The package itself knows which binary it looks for.
  const require = createRequire(join(place, 'search.mjs'));
  const platform = require('./node_modules/quiverdb/dist/native.js').platformName();
  install(`quiverdb-${platform}-${version}.tgz`);
  const [command, ...args] = [...runner, process.execPath, 'search.mjs'];
  const found = run(command, args).trim();
  console.log(`${[...runner, platform].join(' ')}: the first search finds ${found}`);
  if (found !== prints) throw new Error(`the first search should find ${prints}`);
} finally {
  rmSync(place, { recursive: true, force: true });
}

function install(file, ...options) {
  const quiet = ['--offline', '--no-audit', '--no-fund', '--no-update-notifier'];
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  run(npm, ['install', ...quiet, ...options, join(packages, file)]);
}

function run(command, args) {
  const shell = command.endsWith('.cmd');
  return execFileSync(command, args, { cwd: place, encoding: 'utf8', shell });
}

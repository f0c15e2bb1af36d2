// Installs the packages of this platform with npm in an empty folder, and runs the first search of the README.
//
//     node .ci/try-packages.mjs DIR [RUNNER …]      DIR has what `npm run pack:local` made
//
// With a runner, such as `qemu-x86_64 -cpu Nehalem`, Node.js is run by that.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { firstSearch } from './first-search.mjs';

const [folder, ...runner] = process.argv.slice(2);
const packages = resolve(folder);
const files = readdirSync(packages).filter((name) => name.endsWith('.tgz'));
const main = files.find((name) => /^quiverdb-\d/.test(name));
const [version] = /\d.*(?=\.tgz)/.exec(main);
const platform = platformOf(process);

const { program, prints } = firstSearch();

const place = mkdtempSync(join(tmpdir(), 'quiverdb-try-'));
try {
  writeFileSync(join(place, 'package.json'), '{ "private": true }');
  writeFileSync(join(place, 'search.mjs'), program);
  const wanted = [main, `quiverdb-${platform}-${version}.tgz`].map((name) => join(packages, name));
  const options = ['--offline', '--no-audit', '--no-fund', '--no-update-notifier'];
  run(process.platform === 'win32' ? 'npm.cmd' : 'npm', ['install', ...options, ...wanted]);
  const [command, ...args] = [...runner, process.execPath, 'search.mjs'];
  const found = run(command, args).trim();
  console.log(`${[...runner, platform].join(' ')}: the first search finds ${found}`);
  if (found !== prints) throw new Error(`the first search should find ${prints}`);
} finally {
  rmSync(place, { recursive: true, force: true });
}

function run(command, args) {
  const shell = command.endsWith('.cmd');
  return execFileSync(command, args, { cwd: place, encoding: 'utf8', shell });
}

/** The platform as in the names of the packages. */
function platformOf({ platform, arch, report }) {
  if (platform === 'win32') return `win32-${arch}-msvc`;
  if (platform !== 'linux') return `${platform}-${arch}`;
  return `linux-${arch}-${report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl'}`;
}

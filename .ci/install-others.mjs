// Installs what the published packages are tried with, which is no part of the project: other runtimes, bundlers, and
// the package that tables are taken along from. Several hundred MB, so that only `npm run test:install` does.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

install('runtimes', 'ci');
install('bundlers', 'ci');
// Its lock file would have to name binaries that are not to be had for every platform.
install('lancedb', 'install', '--no-package-lock');

function install(folder, ...command) {
  const cwd = fileURLToPath(new URL(folder, import.meta.url));
  const shell = process.platform === 'win32';
  const options = ['--no-audit', '--no-fund'];
  execFileSync('npm', [...command, ...options], { cwd, shell, stdio: 'inherit' });
}

// Installs what the published packages are tried with, which is no part of the project: other runtimes, bundlers, and
// the package that tables are taken along from. Several hundred MB, so that only `npm run test:install` does.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const shell = process.platform === 'win32';
for (const folder of ['runtimes', 'bundlers', 'lancedb']) {
  const cwd = fileURLToPath(new URL(folder, import.meta.url));
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd, shell, stdio: 'inherit' });
}

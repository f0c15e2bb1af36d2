/**
 * Installs what `npm run bench` compares with: npm packages beside this file, and faiss in a Python environment.
 * What cannot be installed is left out of the comparison.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ENVIRONMENT = join(HERE, '../.data/venv');
const FAISS = ['faiss-cpu==1.15.1', 'numpy>=2,<3'];

run(process.platform === 'win32' ? 'npm.cmd' : 'npm', [
  'install',
  '--no-package-lock',
  '--no-audit',
  '--no-fund',
]);
run('python3', ['-m', 'venv', ENVIRONMENT]);
run(join(ENVIRONMENT, 'bin/pip'), ['install', '--quiet', ...FAISS]);

function run(command: string, args: string[]): void {
  console.log(`> ${command} ${args.join(' ')}`);
  const shell = process.platform === 'win32';
  const { status, error } = spawnSync(command, args, { cwd: HERE, stdio: 'inherit', shell });
  if (error || status !== 0) {
    console.error(`that failed${error ? `: ${error.message}` : ''}; what it installs is left out`);
    process.exitCode = 1;
  }
}

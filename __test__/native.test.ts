// The addon as `lib/native-types.ts` describes it, and as napi-rs describes what it built.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { temporaryFolder } from './support.js';

const root = resolve(__dirname, '..');

test('the addon is what lib/ takes it for', async () => {
  const lib = JSON.stringify(join(root, 'lib')).slice(1, -1);
  const folder = temporaryFolder();
  const file = join(folder, 'addon.cts');
  writeFileSync(
    file,
    `import native = require('${lib}/native.cjs');
    import type { Addon } from '${lib}/native-types.js';
    export const addon: Addon = native;`,
  );

  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext'];
  const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
  const args = [tsc, ...options, ...types, file];
  const compiled = await promisify(execFile)(process.execPath, args, { cwd: folder }).catch(
    (error) => error,
  );

  expect(compiled.stdout).toBe('');
}, 60_000);

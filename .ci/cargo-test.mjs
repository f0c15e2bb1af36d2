// Runs `cargo test` for the target that `napi build` names, this machine's own: with and without a name
// cargo keeps two target folders, and would compile every dependency twice.
//
//     node .ci/cargo-test.mjs [arguments of cargo test]

import { execFileSync, spawnSync } from 'node:child_process';

const version = execFileSync('rustc', ['--version', '--verbose'], { encoding: 'utf8' });
const target = process.env.CARGO_BUILD_TARGET ?? /^host: (.+)$/m.exec(version)[1];

const { status } = spawnSync('cargo', ['test', '--target', target, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exit(status ?? 1);

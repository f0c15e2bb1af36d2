// Says what is about to be done, and stops with instructions when there is no Rust toolchain to do it with.
//
//     node .ci/check-toolchain.mjs "Testing the engine"

import { spawnSync } from 'node:child_process';

const work = process.argv[2] ?? 'Building quiverdb';

const cargo = spawnSync('cargo', ['--version'], { encoding: 'utf8' });

if (cargo.error || cargo.status !== 0) {
  console.error(`quiverdb: ${work} needs a Rust toolchain, and \`cargo\` was not found.

Install one with rustup, which asks no questions with -y:
  Linux, macOS:  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y
                 . "$HOME/.cargo/env"
  Windows:       winget install Rustlang.Rustup
A C linker is needed too: build-essential on Debian and Ubuntu, \`xcode-select --install\` on macOS,
the "Desktop development with C++" tools of Visual Studio on Windows.

Then run the same command again.`);
  process.exit(1);
}

console.log(
  `quiverdb: ${work}, with ${cargo.stdout.trim()}. The first time takes several minutes, later runs seconds.`,
);

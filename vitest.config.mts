import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const require = createRequire(import.meta.url);

export default defineConfig({
  resolve: {
    // Examples import the package by its name; their tests run them against lib/.
    alias: {
      quiverdb: fileURLToPath(new URL('./lib/index.ts', import.meta.url)),
      // The build of apache-arrow that the package requires, and hands out: its other one, for `import`,
      // does not recognise its tables.
      'apache-arrow': require.resolve('apache-arrow'),
    },
  },
  test: {
    include: ['__test__/*.test.ts'],
    // Every file gets a process: the addon is loaded as a user's program loads it.
    pool: 'forks',
    testTimeout: 30_000,
  },
});

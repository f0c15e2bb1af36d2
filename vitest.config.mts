import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    // Examples import the package by its name; their tests run them against lib/.
    alias: { quiverdb: fileURLToPath(new URL('./lib/index.ts', import.meta.url)) },
  },
  test: {
    include: ['__test__/**/*.test.ts'],
    // Every file gets a process: the addon is loaded as a user's program loads it.
    pool: 'forks',
    testTimeout: 30_000,
  },
});

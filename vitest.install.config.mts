import { defineConfig } from 'vitest/config';

// The tests of what is published, as `npm run build` made it. `npm test` needs no such build.
export default defineConfig({
  test: {
    include: ['__test__/install/*.test.ts'],
    pool: 'forks',
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});

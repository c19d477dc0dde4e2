import { defineConfig } from 'vitest/config';

// The built console in Chromium, against a running Stagecraft: see test/console.test.ts for what it needs.
export default defineConfig({
  test: {
    include: ['test/*.test.ts'],
    environment: 'node',
    testTimeout: 300_000,
    hookTimeout: 300_000,
    fileParallelism: false,
  },
});

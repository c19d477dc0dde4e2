import { defineConfig } from 'vitest/config';

// The pure functions. The page itself is tested in a browser, see vitest.browser.config.ts.
export default defineConfig({
  test: { include: ['test/unit/**/*.test.ts'], environment: 'node' },
});

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// The pure functions. The page itself is tested in a browser, see vitest.browser.config.ts.
export default defineConfig({
  plugins: [svelte()],
  test: { include: ['test/unit/**/*.test.ts'], environment: 'node' },
});

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

const outDir = 'dist/console';

// The server sends the .gz file to whoever accepts gzip, so that nothing is compressed while it runs.
function precompress(): Plugin {
  return {
    name: 'precompress',
    apply: 'build',
    closeBundle() {
      for (const entry of readdirSync(outDir, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !/\.(html|js|css|svg)$/.test(entry.name)) continue;
        const path = join(entry.parentPath, entry.name);
        writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: constants.Z_BEST_COMPRESSION }));
      }
    },
  };
}

export default defineConfig({
  base: './',
  publicDir: false,
  plugins: [svelte(), precompress()],
  build: {
    outDir,
    emptyOutDir: true,
    // light-dark() is used as it is written.
    target: ['chrome123', 'firefox121', 'safari17.5'],
    // A data: URL would need a wider content security policy than default-src 'self'.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // For work on the console: vite serves the page, a real Stagecraft the data.
  server: {
    proxy: {
      '/api': process.env.STAGECRAFT_URL ?? 'http://127.0.0.1:8080',
      '/v1': process.env.STAGECRAFT_URL ?? 'http://127.0.0.1:8080',
    },
  },
});

import { defineConfig } from 'vite';

// `npm run dev` shows the page with a server's answers: FACET_SERVER names it.
const server = process.env['FACET_SERVER'] ?? 'http://127.0.0.1:8470';

export default defineConfig({
  base: './',
  build: {
    outDir: 'dist',
    assetsInlineLimit: 0, // the content security policy forbids data: scripts and styles
    modulePreload: { polyfill: false },
    sourcemap: false,
    rollupOptions: {
      output: { // the same names each time, so that the built page can be compared
        entryFileNames: 'assets/page.js',
        chunkFileNames: 'assets/[name].js',
        assetFileNames: 'assets/[name][extname]',
      },
    },
  },
  server: { proxy: { '/v1': server, '/metrics': server } },
});

import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  resolve: { alias: { 'nest-clerk-react': `${import.meta.dirname}/../../libs/react/src/index.ts` } },
  build: {
    outDir: '../../dist/playground',
    emptyOutDir: true,
    // The page's policy allows files of its own, and nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // Clerk's React package is most of it; the page is served on loopback.
    chunkSizeWarningLimit: 1_000,
  },
  logLevel: 'warn',
});

/**
 * Builds the programs into a folder: `node lib/build.mjs [FOLDER]`, `dist` by default.
 *
 * Libraries stay outside, but for typebox: it consists of hundreds of small files, and a program that reads
 * them starts in three times the time.
 */
import { copyFileSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build } from 'esbuild';

const lib = import.meta.dirname;
const outdir = process.argv[2] ?? join(lib, '../dist');
const { dependencies } = JSON.parse(readFileSync(join(lib, '../package.json'), 'utf8'));

await build({
  entryPoints: ['cli.ts', 'index.ts', 'storage/hash-worker.ts'].map((file) => join(lib, file)),
  entryNames: '[name]',
  outdir,
  bundle: true,
  // What one program needs is not loaded by another.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: Object.keys(dependencies).filter((name) => name !== 'typebox'),
});

// What the pages with charts hold: whoever has installed the package has no other copy of it.
const { resolve } = createRequire(import.meta.url);
copyFileSync(resolve('echarts/dist/echarts.min.js'), join(outdir, 'echarts.min.js'));

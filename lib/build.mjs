/**
 * Builds the programs into a folder: `node lib/build.mjs [FOLDER]`, `dist` by default.
 *
 * Libraries stay outside, but for typebox: it consists of hundreds of small files, and a program that reads
 * them starts in three times the time.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const lib = import.meta.dirname;
const { dependencies } = JSON.parse(readFileSync(join(lib, '../package.json'), 'utf8'));

await build({
  entryPoints: ['cli.ts', 'index.ts', 'storage/hash-worker.ts'].map((file) => join(lib, file)),
  entryNames: '[name]',
  outdir: process.argv[2] ?? join(lib, '../dist'),
  bundle: true,
  // What one program needs is not loaded by another.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: Object.keys(dependencies).filter((name) => name !== 'typebox'),
});

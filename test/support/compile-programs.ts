/** Before all tests: compiles what `wirelab` runs. From source, each of its many starts takes three times as long. */
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const REPOSITORY = join(import.meta.dirname, '../..');

/** @returns what tidies up. */
export default async function compilePrograms(): Promise<() => Promise<void>> {
  const folder = join(REPOSITORY, `.cache/programs-${process.pid}`);
  await promisify(execFile)(process.execPath, [join(REPOSITORY, 'lib/build.mjs'), folder]);
  process.env.WIRELAB_PROGRAMS = folder;
  return () => rm(folder, { recursive: true, force: true });
}

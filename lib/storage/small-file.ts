import { linkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../core/errors.ts';
import { numberedName } from './naming.ts';
import { partPath } from './part.ts';

/** Names that are tried; nobody else has a turn meanwhile. */
const MAX_ATTEMPTS = 16;
let stored = 0;

/**
 * Writes a whole file that is small, and gives it the first name that is free: `NAME`, `NAME (1)`, ….
 * A few short calls, one right after the other: with many small files, a turn of the thread pool for
 * each of them would cost more than all the rest.
 * @param name made safe before.
 * @returns its path; `undefined` when it cannot be done in this way, whatever the reason. Nothing is
 * left then.
 */
export function storeSmallFile(
  folder: string,
  name: string,
  bytes: Uint8Array,
): string | undefined {
  // Nobody else writes there, so that it needs no lock.
  const temporary = `${partPath(folder, name)}.${process.pid}.${stored++}`;
  try {
    writeFileSync(temporary, bytes, { flag: 'wx' });
    for (let number = 0; number < MAX_ATTEMPTS; number += 1) {
      const path = join(folder, numberedName(name, number));
      if (isLinked(temporary, path)) return path;
    }
    return undefined;
  } catch {
    return undefined;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** `false` when the name is taken. */
function isLinked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

import { lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../core/errors.ts';
import { numberedName } from './naming.ts';
import { LONGEST_NAME_BYTES, safeName } from './safe-name.ts';

/**
 * The folder within `root` for names that a peer has chosen, made if need be: none leads out of it, through
 * a link or not. Where the path becomes too long for the system, it is the last folder that is not.
 * @throws errors of the system
 */
export function extractedFolder(root: string, names: readonly string[]): string {
  mkdirSync(root, { recursive: true });
  let folder = root;
  for (const name of names) {
    const inner = makeFolder(
      folder,
      safeName(name, { maxBytes: LONGEST_NAME_BYTES, hidden: true }),
    );
    if (inner === undefined) return folder;
    folder = inner;
  }
  return folder;
}

/** Room for the name of a file, with what is added to it. */
const ROOM = 'x'.repeat(LONGEST_NAME_BYTES);

/** `undefined`: no file would have room in it. */
function makeFolder(folder: string, name: string): string | undefined {
  for (let number = 0; ; number += 1) {
    const path = join(folder, numberedName(name, number));
    try {
      lstatSync(join(path, ROOM), { throwIfNoEntry: false });
      mkdirSync(path);
      return path;
    } catch (error) {
      const code = systemCode(error) ?? '';
      if (code === 'ENAMETOOLONG') return undefined;
      // What is no folder may be a link, which may lead anywhere.
      if (['ENOTDIR', 'ELOOP'].includes(code)) continue;
      if (code !== 'EEXIST') throw error;
    }
    if (lstatSync(path).isDirectory()) return path;
  }
}

import { lstatSync, mkdirSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from './exit-status.ts';

/**
 * Makes the folder for captures within that for reports, which may be within a submission.
 * @throws UserError when a link in the place of either leads elsewhere
 */
export function makeReportFolder(out: string): { readonly captures: string } {
  const captures = join(out, 'captures');
  for (const path of [out, captures]) {
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) {
      throw new UserError(`${path} is a link: what is written there would replace other files`);
    }
  }
  mkdirSync(captures, { recursive: true });
  return { captures };
}

/** Writes a file in place of what is there, and not through a link that is there. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await rm(path, { force: true });
  await writeFile(path, text, { flag: 'wx' });
}

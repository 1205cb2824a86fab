import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  type Stats,
  statSync,
} from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { UsageError, UserError } from './exit-status.ts';

/** Looks whether a folder for reports is there, or can be made. @throws UsageError in one line */
export function expectReportFolder(out: string): void {
  const there = nearestThere(resolve(out));
  if (!infoOf(there)?.isDirectory()) {
    throw new UsageError(`--out ${out} cannot be a folder: ${there} is none`);
  }
  if (!mayWrite(there)) throw new UsageError(`--out ${out}: nothing can be written in ${there}`);
}

/**
 * Looks whether a file can be written: after a grading it is late to say that it cannot.
 * @param made a folder that will be there then. @throws UsageError in one line
 */
export function expectReportFile(flag: string, path: string, made?: string): void {
  const info = infoOf(path);
  // It is replaced, which is not meant for a folder or a device.
  if (info?.isFile() === false) throw new UsageError(`${flag} ${path}: that is no file`);
  const folder = dirname(resolve(path));
  if (made !== undefined && folder === resolve(made)) return;
  if (!infoOf(folder)?.isDirectory()) {
    throw new UsageError(`${flag} ${path}: there is no folder ${folder}`);
  }
  if (!mayWrite(folder))
    throw new UsageError(`${flag} ${path}: nothing can be written in ${folder}`);
}

/**
 * Makes the folder for captures within that for reports, which may be within a submission.
 * @throws UsageError when a link in the place of either leads elsewhere, or it cannot be made
 */
export function makeReportFolder(out: string): { readonly captures: string } {
  const captures = join(out, 'captures');
  for (const path of [out, captures]) {
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) {
      throw new UsageError(`${path} is a link: what is written there would replace other files`);
    }
  }
  try {
    mkdirSync(captures, { recursive: true });
  } catch (error) {
    throw new UsageError(`${captures} cannot be made: ${(error as Error).message}`);
  }
  return { captures };
}

/**
 * Writes a file in place of what is there, and not through a link that is there.
 * @throws UserError when that is not possible
 */
export async function replaceFile(path: string, text: string | Uint8Array): Promise<void> {
  await attempt(`${path} cannot be written`, async () => {
    await rm(path, { force: true });
    await writeFile(path, text, { flag: 'wx' });
  });
}

/** Makes a folder, and those above it. @throws UserError when that is not possible */
export async function makeFolder(path: string): Promise<void> {
  await attempt(`${path} cannot be made`, () => mkdir(path, { recursive: true }));
}

/** Removes a folder with all that is in it, or a link in its place. @throws UserError when that is not possible */
export async function removeFolder(path: string): Promise<void> {
  await attempt(`${path} cannot be removed`, () => rm(path, { recursive: true, force: true }));
}

async function attempt(what: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new UserError(`${what}: ${(error as Error).message}`);
  }
}

function nearestThere(path: string): string {
  return existsSync(path) ? path : nearestThere(dirname(path));
}

function infoOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function mayWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

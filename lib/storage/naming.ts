import { type FileHandle, link, rename, stat, unlink } from 'node:fs/promises';
import { extname } from 'node:path';
import { systemCode } from '../core/errors.ts';
import { cutToBytes, LONGEST_NAME_BYTES } from './safe-name.ts';

/** Removes a file, if there is one. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}

const LONGEST_ENDING_BYTES = 32;

/** `name` for 0, and then `name (1).ext`, `name (2).ext`: what to try when it is taken. */
export function numberedName(name: string, number: number): string {
  if (number === 0) return name;
  const found = extname(name);
  // Nobody calls that an ending.
  const ending = Buffer.byteLength(found) > LONGEST_ENDING_BYTES ? '' : found;
  const added = ` (${number})${ending}`;
  const room = LONGEST_NAME_BYTES - Buffer.byteLength(added);
  return `${cutToBytes(name.slice(0, name.length - ending.length), room)}${added}`;
}

/** Whether there is something of that name. */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** @throws an error with code `EEXIST` when there is something of the name `to`. */
export async function renameWithoutOverwriting(from: string, to: string): Promise<void> {
  try {
    // A hard link fails if the name is taken, in one step; a rename would overwrite.
    await link(from, to);
    await unlink(from);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') throw error;
    // File systems without hard links (FAT, some network drives).
    if (await exists(to)) {
      throw Object.assign(new Error(`${to} exists`), { code: 'EEXIST' });
    }
    await rename(from, to);
  }
}

/**
 * What gets its name must be what was received through `handle`, and all of it. It is not when
 * somebody has taken the lock at `path` away and begun the same file anew.
 * @param size in bytes; any, when absent.
 */
export async function checkWhole(
  path: string,
  handle: FileHandle,
  size: number | undefined,
): Promise<void> {
  const received = await handle.stat({ bigint: true });
  const named = await stat(path, { bigint: true });
  if (named.ino !== received.ino || named.dev !== received.dev) {
    throw new Error(`${path} is not what was received any more: another program replaced it`);
  }
  if (size !== undefined && received.size !== BigInt(size)) {
    throw new Error(
      `${path} has ${received.size} bytes and should have ${size}: another program changed it`,
    );
  }
}

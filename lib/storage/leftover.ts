import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readFile, rename, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { systemCode } from '../core/errors.ts';
import { removeFile } from './naming.ts';

/** What is there of a file that did not come whole, and which file that was. */
export interface Leftover {
  /** What the server called the file as it was then. */
  readonly id: string;
  readonly size: number;
  /** Runs of bytes, each from its start to before its end, in order. */
  readonly ranges: readonly (readonly [start: number, end: number])[];
}

const VERSION = 1;

/** Where the leftover of the partial file `path` is described. */
export function leftoverPath(path: string): string {
  return `${path}.state`;
}

/**
 * What an earlier attempt has left in `path`; `undefined` when there is nothing to go on with. What
 * cannot be read counts as nothing, too: whoever begins anew is told if the file cannot be written.
 */
export async function readLeftover(path: string): Promise<Leftover | undefined> {
  try {
    const [file, description] = await Promise.all([lstat(path), lstat(leftoverPath(path))]);
    if (!canGoOn(file) || !description.isFile()) return undefined;
    const leftover = parse(await readFile(leftoverPath(path), 'utf8'));
    return leftover?.ranges.every(([, end]) => end <= file.size) ? leftover : undefined;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

/**
 * Whether one can write into what is there: neither a link nor a pipe, nor a file with a second
 * name. (A process that was killed while it gave a whole file its name leaves it with both names.)
 */
function canGoOn(file: { isFile(): boolean; nlink: number }): boolean {
  return file.isFile() && file.nlink <= 1;
}

/**
 * Opens the partial file `path` of an earlier attempt at the file `id`, without what somebody may
 * have added behind its `size` bytes. @throws Error when that is not what is there any more.
 */
export async function openLeftover(
  path: string,
  id: string,
  size: number | undefined,
): Promise<FileHandle> {
  const changed = new Error(`what was there of ${basename(path)} has changed meanwhile; try again`);
  if ((await readLeftover(path))?.id !== id) throw changed;
  const handle = await openWritable(path);
  if (handle === undefined) throw changed;
  try {
    const found = await handle.stat();
    if (size !== undefined && found.size > size) await handle.truncate(size);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Opens what is there for reading and writing; `undefined` when one must not write into it. */
export async function openWritable(path: string): Promise<FileHandle | undefined> {
  const { O_RDWR, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  const handle = await open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
  try {
    if (canGoOn(await handle.stat())) return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}

/** Replaces the description in one step, so that a process which is killed leaves the old one. */
export async function writeLeftover(path: string, leftover: Leftover): Promise<void> {
  const target = leftoverPath(path);
  const next = `${target}.new`;
  // A new file, so that nothing is written through a link that somebody has put there.
  await removeFile(next);
  await writeFile(next, JSON.stringify({ version: VERSION, ...leftover }), { flag: 'wx' });
  await rename(next, target);
}

export async function removeLeftover(path: string): Promise<void> {
  await removeFile(leftoverPath(path));
  await removeFile(`${leftoverPath(path)}.new`);
}

/** `undefined` for anything that this program has not written so. */
function parse(text: string): Leftover | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isLeftover(value) ? { id: value.id, size: value.size, ranges: value.ranges } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isLeftover(value: unknown): value is Leftover & { version: number } {
  if (typeof value !== 'object' || value === null) return false;
  const { version, id, size, ranges } = value as Record<string, unknown>;
  if (version !== VERSION || typeof id !== 'string' || !Number.isSafeInteger(size)) return false;
  if (!Array.isArray(ranges)) return false;
  let last = 0;
  return ranges.every((range: unknown) => {
    if (!Array.isArray(range) || range.length !== 2) return false;
    const [start, end] = range as unknown[];
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end)) return false;
    const inOrder = (start as number) >= last && (end as number) > (start as number);
    last = end as number;
    return inOrder && last <= (size as number);
  });
}

import { linkSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, open, readFile, rmdir, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { systemCode } from '../core/errors.ts';
import { removeFile } from './naming.ts';

/** Who made a lock. */
interface Owner {
  readonly pid: number;
  readonly host: string;
}

/** Somebody else holds what one wants to have alone. */
export class LockedError extends Error {
  constructor(path: string, { pid, host }: Owner) {
    super(
      host === hostname()
        ? `it is being downloaded here by process ${pid}; choose another folder, or delete ${path} if that is not so`
        : `it is being downloaded here by process ${pid} on ${host}, as far as one can see from this machine; choose another folder, or delete ${path} if that download is over`,
    );
    this.name = 'LockedError';
  }
}

const ATTEMPTS = 100;
/** A take-over lasts a moment; one that is older was left by a process that was killed. */
const OLD_TAKEOVER_MS = 10_000;
let taken = 0;
/** The locks that this process holds: another one may have had its number before. */
const held = new Set<string>();

/**
 * Makes `path` a lock file that names this process and its machine, and returns what removes it. The
 * lock of a process of this machine that is gone is taken over.
 * @throws LockedError while the process that made it lives, or when it was made on another machine,
 * whose processes cannot be seen from here.
 */
export async function lock(path: string): Promise<() => Promise<void>> {
  // The lock appears with its content, in one step: nobody sees it empty.
  const own = `${path}.${process.pid}.${taken++}`;
  try {
    // Three short calls at once: a turn of the thread pool for each would cost more than all the rest
    // of receiving a small file.
    writeFileSync(own, signature());
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (await place(own, path)) {
        held.add(resolve(path));
        return () => {
          held.delete(resolve(path));
          return removeFile(path);
        };
      }
      const owner = await ownerOf(path);
      if (owner === 'nobody') continue;
      if (owner !== 'unknown' && mayLive(path, owner)) throw new LockedError(path, owner);
      await removeDead(path);
    }
    throw new Error(`cannot take over ${path}`);
  } finally {
    rmSync(own, { force: true });
  }
}

/** Puts the lock in its place; `false` when there is one. */
async function place(own: string, path: string): Promise<boolean> {
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    return createInPlace(path);
  }
}

/** For file systems without hard links (FAT, some network drives). */
async function createInPlace(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    try {
      await file.writeFile(signature());
    } catch (error) {
      await removeFile(path);
      throw error;
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** What this process writes into its lock files. */
function signature(): string {
  return `${process.pid} ${hostname()}\n`;
}

async function ownerOf(path: string): Promise<Owner | 'nobody' | 'unknown'> {
  try {
    const [, pid, host] = /^([1-9]\d{0,14})(?: (.*))?\n$/.exec(await readFile(path, 'utf8')) ?? [];
    // Without a host: an earlier version made it, here as far as one can know.
    return pid === undefined ? 'unknown' : { pid: Number(pid), host: host ?? hostname() };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 'nobody';
    throw error;
  }
}

/** Removes the lock of a process that is gone; one at a time, so that nobody's new lock is hit. */
async function removeDead(path: string): Promise<void> {
  const turn = `${path}.takeover`;
  try {
    await mkdir(turn);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    const since = (await stat(turn).catch(() => undefined))?.mtimeMs ?? Date.now();
    if (Date.now() - since > OLD_TAKEOVER_MS) await rmdir(turn).catch(() => undefined);
    return;
  }
  try {
    const owner = await ownerOf(path);
    if (owner === 'unknown' || (owner !== 'nobody' && !mayLive(path, owner))) {
      await removeFile(path);
    }
  } finally {
    await rmdir(turn).catch(() => undefined);
  }
}

function mayLive(path: string, { pid, host }: Owner): boolean {
  if (host !== hostname()) return true;
  if (pid === process.pid) return held.has(resolve(path));
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

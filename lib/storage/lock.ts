import { linkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir, open, readFile, readlink, rmdir, stat } from 'node:fs/promises';
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
  /** Resolves when it is given back, if it is this process that has it. */
  readonly givenBack: Promise<void> | undefined;

  constructor(path: string, { pid, host }: Owner, givenBack?: Promise<void>) {
    super(
      host === hostname()
        ? `it is being downloaded here by process ${pid}; choose another folder, or delete ${path} if that is not so`
        : `it is being downloaded here by process ${pid} on ${host}, as far as one can see from this machine; choose another folder, or delete ${path} if that download is over`,
    );
    this.name = 'LockedError';
    this.givenBack = givenBack;
  }
}

const ATTEMPTS = 100;
/** A take-over lasts a moment; one that is older was left by a process that was killed. */
const OLD_TAKEOVER_MS = 10_000;
let taken = 0;
/**
 * The locks that this process holds, and when each is given back. (Another process may have had its
 * number before.)
 */
const held = new Map<string, Promise<void>>();

/** Makes a lock at `path`. @throws an error with code `EEXIST` when there is one. */
type Maker = (path: string) => void | Promise<void>;

/**
 * The ways to make a lock, the best first. Their calls are made at once: a turn of the thread pool for
 * each would cost more than all the rest of receiving a small file.
 */
export const MAKERS = {
  /** Appears with what it says, in one step: nobody sees it empty, and a kill leaves nothing else. */
  'a link to nowhere': (path) => symlinkSync(signature(), path),
  /** For whoever may not make symbolic links (Windows). */
  'a file that is written elsewhere before': (path) => {
    const own = `${path}.${process.pid}.${taken++}`;
    try {
      writeFileSync(own, `${signature()}\n`);
      linkSync(own, path);
    } finally {
      rmSync(own, { force: true });
    }
  },
  /** For file systems without links (FAT, some network drives). */
  'a file': async (path) => {
    const file = await open(path, 'wx');
    try {
      await file.writeFile(`${signature()}\n`);
    } catch (error) {
      await removeFile(path);
      throw error;
    } finally {
      await file.close();
    }
  },
} satisfies Readonly<Record<string, Maker>>;

/**
 * Makes `path` a lock that names this process and its machine, and returns what removes it. The
 * lock of a process of this machine that is gone is taken over.
 * @throws LockedError while the process that made it lives, or when it was made on another machine,
 * whose processes cannot be seen from here.
 */
export async function lock(
  path: string,
  makers: readonly Maker[] = Object.values(MAKERS),
): Promise<() => Promise<void>> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (await make(path, makers)) return hold(path);
    const owner = await ownerOf(path);
    if (owner === 'nobody') continue;
    if (owner !== 'unknown' && mayLive(path, owner)) {
      throw new LockedError(path, owner, held.get(resolve(path)));
    }
    await removeDead(path);
  }
  throw new Error(`cannot take over ${path}`);
}

/** @returns what removes the lock that was made at `path`. */
function hold(path: string): () => Promise<void> {
  const key = resolve(path);
  let giveBack: () => void = () => undefined;
  const givenBack = new Promise<void>((done) => {
    giveBack = done;
  });
  held.set(key, givenBack);
  return async () => {
    await removeFile(path);
    // From the moment when it was gone somebody else may hold it.
    if (held.get(key) === givenBack) held.delete(key);
    giveBack();
  };
}

/** Makes the lock in the first way that this file system has; `false` when there is one. */
async function make(path: string, [maker, ...others]: readonly Maker[]): Promise<boolean> {
  try {
    await maker?.(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    if (others.length === 0) throw error;
    return make(path, others);
  }
}

/** What this process's locks say. */
function signature(): string {
  return `${process.pid} ${hostname()}`;
}

async function ownerOf(path: string): Promise<Owner | 'nobody' | 'unknown'> {
  try {
    const [, pid, host] = /^([1-9]\d{0,14})(?: (.*))?\n$/.exec(await lineOf(path)) ?? [];
    // Without a host: an earlier version made it, here as far as one can know.
    return pid === undefined ? 'unknown' : { pid: Number(pid), host: host ?? hostname() };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 'nobody';
    throw error;
  }
}

/** A file's line has an end, so that one sees when it is not written whole. */
async function lineOf(path: string): Promise<string> {
  try {
    return `${await readlink(path)}\n`;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw error;
    return readFile(path, 'utf8');
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

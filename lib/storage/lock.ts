import { readFile, rm, writeFile } from 'node:fs/promises';
import { systemCode } from '../core/errors.ts';

/** Somebody else holds what one wants to have alone. */
export class LockedError extends Error {
  constructor(path: string, owner: number) {
    super(
      `it is being downloaded here by process ${owner}; choose another folder, or delete ${path} if that is not so`,
    );
    this.name = 'LockedError';
  }
}

/**
 * Makes `path` a lock file with this process's number in it, and returns what removes it. The lock
 * of a process that is gone is taken over.
 * @throws LockedError while the process that made it lives.
 */
export async function lock(path: string): Promise<() => Promise<void>> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await writeFile(path, `${process.pid}\n`, { flag: 'wx' });
      return () => rm(path, { force: true });
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
    const owner = await ownerOf(path);
    if (owner !== undefined && isAlive(owner)) throw new LockedError(path, owner);
    if (attempt === 3) throw new Error(`cannot take over ${path}`);
    await rm(path, { force: true });
  }
}

async function ownerOf(path: string): Promise<number | undefined> {
  try {
    const owner = Number((await readFile(path, 'utf8')).trim());
    return Number.isSafeInteger(owner) && owner > 0 ? owner : undefined;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../core/errors.ts';
import { removeLeftover } from './leftover.ts';
import { lock } from './lock.ts';
import { checkWhole, removeFile, renameWithoutOverwriting } from './naming.ts';
import { safeName } from './safe-name.ts';

/** Where a file of that name is while it is not whole. */
export function partPath(folder: string, name: string): string {
  return join(folder, `${safeName(name)}.part`);
}

/** A new file: what is there may be a link, or have another name besides this one. */
export async function openAnew(path: string): Promise<FileHandle> {
  await removeLeftover(path);
  await removeFile(path);
  return open(path, 'wx+');
}

/** The open file `NAME.part`, which this process has alone until it is closed. */
export class Part {
  readonly path: string;
  readonly handle: FileHandle;
  readonly #folder: string;
  readonly #unlock: () => Promise<void>;

  private constructor(
    path: string,
    handle: FileHandle,
    folder: string,
    unlock: () => Promise<void>,
  ) {
    this.path = path;
    this.handle = handle;
    this.#folder = folder;
    this.#unlock = unlock;
  }

  /**
   * @param name as it came: it is made safe here.
   * @param openAt opens the file once its lock is held.
   * @throws LockedError while another process receives a file of that name there.
   */
  static async open(
    folder: string,
    name: string,
    openAt: (path: string) => Promise<FileHandle>,
  ): Promise<Part> {
    const path = partPath(folder, name);
    const unlock = await lockIn(folder, `${path}.lock`);
    try {
      return new Part(path, await openAt(path), folder, unlock);
    } catch (error) {
      await unlock();
      throw error;
    }
  }

  /**
   * Gives the file its name; it stays open.
   * @param size in bytes that it has to have; any, when absent.
   * @throws an error with code `EEXIST` when the name is taken and `overwrite` is not given.
   */
  async rename(
    name: string,
    options: { readonly overwrite: boolean; readonly size: number | undefined },
  ): Promise<string> {
    await checkWhole(this.path, this.handle, options.size);
    const target = join(this.#folder, name);
    if (options.overwrite) await rename(this.path, target);
    else await renameWithoutOverwriting(this.path, target);
    return target;
  }

  /** Leaves nothing of it. To be called once it is closed, before the lock is given up. */
  async remove(): Promise<void> {
    await removeLeftover(this.path);
    await removeFile(this.path);
  }

  /** @param tidyUp is done before another attempt may begin. */
  async close(tidyUp: () => Promise<void> = async () => undefined): Promise<void> {
    try {
      await this.handle.close();
      await tidyUp();
    } finally {
      await this.#unlock();
    }
  }
}

/** Makes the folder if it is not there. */
async function lockIn(folder: string, path: string): Promise<() => Promise<void>> {
  try {
    return await lock(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    await mkdir(folder, { recursive: true });
    return lock(path);
  }
}

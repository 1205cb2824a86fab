import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../core/errors.ts';
import { hasUnsafeCharacters } from '../core/text.ts';

/** A file that is offered, open for reading, and known again if it changes. */
export class SharedFile {
  readonly size: number;
  readonly lastByte: number | undefined;
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #identity: string;

  private constructor(
    handle: FileHandle,
    path: string,
    size: number,
    identity: string,
    lastByte: number | undefined,
  ) {
    this.#handle = handle;
    this.#path = path;
    this.size = size;
    this.#identity = identity;
    this.lastByte = lastByte;
  }

  static async open(path: string): Promise<SharedFile | undefined> {
    // Not through a link, and never waiting for a pipe that took the file's place.
    const handle = await open(
      path,
      constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
    );
    try {
      const stat = await handle.stat({ bigint: true });
      if (!stat.isFile()) {
        await handle.close();
        return undefined;
      }
      const size = Number(stat.size);
      const last = Buffer.alloc(1);
      if (size > 0) await handle.read(last, 0, 1, size - 1);
      return new SharedFile(handle, path, size, identify(stat), size > 0 ? last[0] : undefined);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Reads into `buffers`, one after the other, from `position` on; returns the bytes read. */
  async read(buffers: readonly Buffer[], position: number): Promise<number> {
    return (await this.#handle.readv(buffers, position)).bytesRead;
  }

  /** Whether the name still stands for the file that was opened, as it was then. */
  async isUnchanged(): Promise<boolean> {
    try {
      return identify(await lstat(this.#path, { bigint: true })) === this.#identity;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function identify(stat: { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint }): string {
  return `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}`;
}

/** The folder whose files a server offers: regular files directly in it, none that is hidden. */
export class SharedFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Reads the folder anew: the names, sorted. */
  async list(): Promise<string[]> {
    const entries = await readdir(this.path, { withFileTypes: true });
    return (
      entries
        .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
        .map((entry) => entry.name)
        // A name with a line end would be two messages.
        .filter((name) => !hasUnsafeCharacters(name))
        .sort((a, b) => (a < b ? -1 : 1))
    );
  }

  /** Opens the file of that name, or `undefined`: only what is on the list can be had. */
  async open(name: string): Promise<SharedFile | undefined> {
    // A peer's name is compared, not made into a path.
    const listed = (await this.list()).find((candidate) => candidate === name);
    if (listed === undefined) return undefined;
    try {
      return await SharedFile.open(join(this.path, listed));
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ENOENT' || code === 'ELOOP' || code === 'EACCES') return undefined;
      throw error;
    }
  }
}

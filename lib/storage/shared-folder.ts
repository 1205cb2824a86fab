import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../core/errors.ts';
import { hasUnsafeCharacters } from '../core/text.ts';
import { FileHash } from './file-hash.ts';

/** Hashes of files as they were, so that many downloads of one cost one hash. */
class KnownHashes {
  readonly #hashes = new Map<string, Promise<string>>();
  readonly #made = new Map<string, string>();

  /** The hash, if it was made already. */
  peek(identity: string): string | undefined {
    return this.#made.get(identity);
  }

  /** @param make is called when there is none of `identity`. */
  get(identity: string, make: () => Promise<string>): Promise<string> {
    const known = this.#hashes.get(identity);
    if (known !== undefined) return known;
    const made = make();
    this.#hashes.set(identity, made);
    made.then(
      (sha256) => this.#made.set(identity, sha256),
      () => this.#hashes.delete(identity),
    );
    const [oldest] = this.#hashes.keys();
    if (this.#hashes.size > MAX_KNOWN && oldest !== undefined) {
      this.#hashes.delete(oldest);
      this.#made.delete(oldest);
    }
    return made;
  }
}

const MAX_KNOWN = 1000;

/** A file that is offered, open for reading, and known again if it changes. */
export class SharedFile {
  readonly size: number;
  readonly lastByte: number | undefined;
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #identity: string;
  readonly #hashes: KnownHashes;
  readonly #onClosed: () => void;

  private constructor(
    handle: FileHandle,
    path: string,
    size: number,
    identity: string,
    lastByte: number | undefined,
    hashes: KnownHashes,
    onClosed: () => void,
  ) {
    this.#hashes = hashes;
    this.#onClosed = onClosed;
    this.#handle = handle;
    this.#path = path;
    this.size = size;
    this.#identity = identity;
    this.lastByte = lastByte;
  }

  /** @param onClosed is called when it is not used any more. */
  static async open(
    path: string,
    hashes = new KnownHashes(),
    onClosed: () => void = () => undefined,
  ): Promise<SharedFile | undefined> {
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
      const lastByte = size > 0 ? last[0] : undefined;
      return new SharedFile(handle, path, size, identify(stat), lastByte, hashes, onClosed);
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

  /** The same as long as the file is; another one as soon as it has changed. */
  get id(): string {
    return createHash('sha256').update(this.#identity).digest('hex').slice(0, ID_DIGITS);
  }

  /** The SHA-256 in hex. @throws Error when the file has changed, or cannot be read. */
  sha256(): Promise<string> {
    return this.#hashes.get(this.#identity, () => this.#hash());
  }

  /** The SHA-256, if it was made already. */
  get knownSha256(): string | undefined {
    return this.#hashes.peek(this.#identity);
  }

  async close(): Promise<void> {
    this.#onClosed();
    await this.#handle.close();
  }

  async #hash(): Promise<string> {
    // Through a handle of its own: the download may be over before the hash is.
    const handle = await open(this.#path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    try {
      if (identify(await handle.stat({ bigint: true })) !== this.#identity) {
        throw new Error('the file has changed');
      }
      return await new FileHash(handle.fd, { keepsAlive: false }).finish(this.size);
    } finally {
      await handle.close();
    }
  }
}

const ID_DIGITS = 16;
/** A larger file is hashed only when somebody wants it. */
const PREPARED_BYTES = 8 * 2 ** 30;

interface Identity {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/** The time of change counts, too: unlike that of the content, no program can set it back. */
function identify({ dev, ino, size, mtimeNs, ctimeNs }: Identity): string {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

/** The folder whose files a server offers: regular files directly in it, none that is hidden. */
export class SharedFolder {
  readonly path: string;
  readonly #hashes = new KnownHashes();
  /** Files that somebody downloads. */
  #open = 0;
  #onIdle: (() => void) | undefined;

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

  /**
   * Makes the hashes of the files while there is nothing else to do, so that a download need not wait
   * for its file's. Resolves when all are made, or at `signal`.
   */
  async prepareHashes(signal: AbortSignal): Promise<void> {
    for (const name of await this.list()) {
      await this.#idle(signal);
      if (signal.aborted) return;
      // What fails is told to whoever downloads it.
      const path = join(this.path, name);
      const file = await SharedFile.open(path, this.#hashes).catch(() => undefined);
      if (file === undefined) continue;
      if (file.size <= PREPARED_BYTES) await file.sha256().catch(() => undefined);
      await file.close();
    }
  }

  /** Resolves when no file is open, or at `signal`. */
  async #idle(signal: AbortSignal): Promise<void> {
    while (this.#open > 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  /** Opens the file of that name, or `undefined`: only what is on the list can be had. */
  async open(name: string): Promise<SharedFile | undefined> {
    // A peer's name is compared, not made into a path.
    const listed = (await this.list()).find((candidate) => candidate === name);
    if (listed === undefined) return undefined;
    try {
      const file = await SharedFile.open(join(this.path, listed), this.#hashes, () => {
        this.#open -= 1;
        if (this.#open === 0) this.#onIdle?.();
      });
      if (file !== undefined) this.#open += 1;
      return file;
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ENOENT' || code === 'ELOOP' || code === 'EACCES') return undefined;
      throw error;
    }
  }
}

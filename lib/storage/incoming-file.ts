import { type FileHandle, lstat, open } from 'node:fs/promises';
import { systemCode } from '../core/errors.ts';
import { asDiskError } from './disk-full.ts';
import { FileHash } from './file-hash.ts';
import { leftoverPath, openWritable, removeLeftover } from './leftover.ts';
import { exists, numberedName } from './naming.ts';
import { openAnew, Part, partPath } from './part.ts';
import { LONGEST_NAME_BYTES, safeName } from './safe-name.ts';

/**
 * What happens when the name is taken: what is there is replaced, the new file is called
 * `NAME (1).EXT` instead, or finishing fails with code `EEXIST`.
 */
export type OnConflict = 'overwrite' | 'rename' | 'fail';

/** Whoever writes waits while more than this waits to be written. */
const MAX_WAITING_BYTES = 2_097_152;
/** The hash goes on when this much more is there. */
const HASH_STEP = 4_194_304;

export interface IncomingFileOptions {
  /** Made if need be. */
  readonly folder: string;
  /** The file's name, as it came: it is made safe here. */
  readonly name: string;
  /** Whether the name may begin with a dot. */
  readonly hidden?: boolean;
  /** Bytes of the whole file, if that is known: with more or fewer it cannot be finished. */
  readonly size?: number;
  /** Whether to go on behind what an earlier attempt has kept; by default it begins anew. */
  readonly offset?: 'resume' | 0;
  /** Hash while it is being written, so that {@link IncomingFile.sha256} need not take long. */
  readonly hash?: boolean;
}

/** A file that comes in order: `NAME.part`, under a lock, until it is whole. */
export class IncomingFile {
  /** Bytes that an earlier attempt has left: what is written follows them. */
  readonly offset: number;
  readonly #part: Part;
  readonly #name: string;
  readonly #size: number | undefined;
  readonly #hash: FileHash | undefined;
  #hashedUpTo = 0;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** Bytes that are in the file. */
  #position: number;
  /** Resolves when nothing waits to be written. */
  #writing: Promise<void> | undefined;
  /** Resolves when what is being written is in the file. */
  #batch: Promise<void> | undefined;
  #error: Error | undefined;
  #closed = false;

  private constructor(options: IncomingFileOptions, part: Part, offset: number) {
    const { name, hidden = false, size, hash = false } = options;
    this.#name = safeName(name, { maxBytes: LONGEST_NAME_BYTES, hidden });
    this.#part = part;
    this.#size = size;
    this.#hash = hash ? new FileHash(part.handle.fd) : undefined;
    this.offset = offset;
    this.#position = offset;
  }

  /**
   * @throws LockedError while another process receives a file of that name there.
   * @throws DiskFullError, or an error of the system, when it cannot be made.
   */
  static async open(options: IncomingFileOptions): Promise<IncomingFile> {
    const { folder, name, size, offset = 0 } = options;
    try {
      const part = await Part.open(folder, name, (path) =>
        offset === 0 ? openNew(path) : openKept(path, size),
      );
      // A new one is empty; that need not be asked.
      const kept = offset === 0 ? 0 : (await part.handle.stat()).size;
      return new IncomingFile(options, part, kept);
    } catch (error) {
      throw asDiskError(error);
    }
  }

  /** Bytes that an earlier attempt has kept of a file of that name there; 0 when there was none. */
  static async kept(folder: string, name: string): Promise<number> {
    const path = partPath(folder, name);
    if (await exists(leftoverPath(path))) return 0;
    const found = await lstat(path).catch(() => undefined);
    return found?.isFile() ? found.size : 0;
  }

  /**
   * Writes `chunk` behind what was written before. Its memory must not change until it is written;
   * nothing tells when that is. Resolves when more can be taken.
   * @throws DiskFullError, or an error of the system, from this write or an earlier one.
   */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    if (this.#closed) throw new Error('the file is closed');
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    this.#writing ??= this.#writeAll();
    while (this.#waitingBytes > MAX_WAITING_BYTES && this.#error === undefined) await this.#batch;
    if (this.#error !== undefined) throw this.#error;
  }

  /** The SHA-256, in hex, of all that was written, what was there before included. */
  async sha256(): Promise<string> {
    await this.#flush();
    return (this.#hash ?? new FileHash(this.#part.handle.fd)).finish(this.#position);
  }

  /**
   * The file is whole: gives it its name. Only where it replaces another one is it forced onto the
   * disk before: what is lost when the power fails then is not both.
   * @returns its path.
   * @throws an error with code `EEXIST` when the name is taken and `onConflict` is `fail`, and any
   * other when it cannot be written; it is then still there as a partial one.
   */
  async finish(onConflict: OnConflict): Promise<string> {
    await this.#flush();
    try {
      const path = await this.#giveName(onConflict);
      await this.#close();
      return path;
    } catch (error) {
      throw asDiskError(error);
    }
  }

  /** Ends the attempt and keeps what came for another one. @throws as {@link IncomingFile.write}. */
  async keep(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#flush();
      // What may be there describes another attempt, at a file with gaps.
      await removeLeftover(this.#part.path);
    } finally {
      await this.#close();
    }
  }

  /** Ends the attempt and leaves nothing of it. */
  async discard(): Promise<void> {
    this.#waiting = [];
    this.#waitingBytes = 0;
    await this.#close(() => this.#part.remove());
  }

  async #giveName(onConflict: OnConflict): Promise<string> {
    const size = this.#size;
    if (onConflict === 'overwrite') {
      await this.#part.handle.datasync();
      return this.#part.rename(this.#name, { overwrite: true, size });
    }
    for (let number = 0; ; number += 1) {
      const name = numberedName(this.#name, number);
      try {
        return await this.#part.rename(name, { overwrite: false, size });
      } catch (error) {
        if (onConflict === 'fail' || systemCode(error) !== 'EEXIST') throw error;
      }
    }
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0 && this.#error === undefined) {
      const chunks = this.#waiting;
      const bytes = this.#waitingBytes;
      this.#waiting = [];
      try {
        this.#batch = writeWhole(this.#part.handle, chunks, this.#position);
        await this.#batch;
        this.#position += bytes;
      } catch (error) {
        this.#error = asDiskError(error);
      }
      this.#waitingBytes = this.#waiting.reduce((sum, { length }) => sum + length, 0);
      this.#hashOn();
    }
    this.#writing = undefined;
  }

  #hashOn(): void {
    if (this.#position < this.#hashedUpTo + HASH_STEP) return;
    this.#hashedUpTo = this.#position;
    this.#hash?.advance(this.#position);
  }

  async #flush(): Promise<void> {
    await this.#writing;
    if (this.#error !== undefined) throw this.#error;
  }

  async #close(tidyUp?: () => Promise<void>): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writing;
    // The thread must not read from a number that may soon be another file's.
    await this.#hash?.drop();
    await this.#part.close(tidyUp);
  }
}

/** A new file. As a rule nothing is in its place: with many small files, each look counts. */
async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx+');
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    return openAnew(path);
  }
}

/** What an earlier attempt has kept, if it can be gone on with; otherwise a new file. */
async function openKept(path: string, size: number | undefined): Promise<FileHandle> {
  // A file with such a description has gaps.
  if (await exists(leftoverPath(path))) return openAnew(path);
  const handle = (await exists(path)) ? await openWritable(path) : undefined;
  if (handle === undefined) return openAnew(path);
  const { size: found } = await handle.stat();
  if (size === undefined || found <= size) return handle;
  await handle.close();
  return openAnew(path);
}

/** All of `chunks` in one call, as a rule; on a disk that is nearly full it may take only a part. */
async function writeWhole(
  file: FileHandle,
  chunks: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let rest = [...chunks];
  let at = position;
  while (rest.length > 0) {
    const [only] = rest;
    let { bytesWritten } =
      rest.length === 1 && only !== undefined
        ? await file.write(only, 0, only.length, at)
        : await file.writev(rest, at);
    at += bytesWritten;
    rest = rest.flatMap((chunk) => {
      const done = Math.min(bytesWritten, chunk.length);
      bytesWritten -= done;
      return done === chunk.length ? [] : [chunk.subarray(done)];
    });
  }
}

import { type FileHandle, lstat, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { systemCode } from '../core/errors.ts';
import { asDiskError } from './disk-full.ts';
import { FileHash } from './file-hash.ts';
import type { Algorithm } from './hash-worker.ts';
import { openWritable } from './leftover.ts';
import { LockedError } from './lock.ts';
import { numberedName, removeFile } from './naming.ts';
import { openAnew, Part, partPath } from './part.ts';
import { LONGEST_NAME_BYTES, safeName } from './safe-name.ts';

/**
 * What happens when the name is taken: what is there is replaced, the new file is called
 * `NAME (1).EXT` instead, or finishing fails with code `EEXIST`.
 */
export type OnConflict = 'overwrite' | 'rename' | 'fail';

/** Names of parts that are tried. */
const MOST_PARTS = 100;
/** Whoever writes waits while more than this waits to be written. */
const MAX_WAITING_BYTES = 2_097_152;
/** The hash goes on when this much more is there: each time wakes a thread. */
const HASH_STEP = 16_777_216;

/** A sender that comes again at once may be faster than the end of what was cut off. */
const PATIENCE_MS = 5000;

export interface IncomingFileOptions {
  /** Made if need be. */
  readonly folder: string;
  /** The file's name, as it came: it is made safe here. */
  readonly name: string;
  /** Whether the name may begin with a dot. */
  readonly hidden?: boolean;
  /** Bytes of the whole file, if that is known: with more or fewer it cannot be finished. */
  readonly size?: number;
  /**
   * What it is, for a later attempt: only a part with the same note is taken for one of this file. What
   * somebody else has there under such a name stays.
   */
  readonly note: string;
  /** Whether to go on behind what an earlier attempt has kept; by default it begins anew. */
  readonly offset?: 'resume' | 0;
  /** Hash while it is being written, so that {@link IncomingFile.digest} need not take long. */
  readonly hash?: Algorithm;
  /** How long to wait, in ms, for the end of an earlier attempt in this process. */
  readonly patience?: number;
}

/** A file that comes in order: `NAME.part` (or `NAME (1).part`), under a lock, until it is whole. */
export class IncomingFile {
  /** Bytes that an earlier attempt has left: what is written follows them. */
  readonly offset: number;
  readonly #part: Part;
  readonly #name: string;
  readonly #size: number | undefined;
  #algorithm: Algorithm | undefined;
  #hash: FileHash | undefined;
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
    const { name, hidden = false, size, hash } = options;
    this.#name = safeName(name, { maxBytes: LONGEST_NAME_BYTES, hidden });
    this.#part = part;
    this.#size = size;
    this.#algorithm = hash;
    this.#hash = hash && new FileHash(part.handle.fd, { algorithm: hash });
    this.offset = offset;
    this.#position = offset;
  }

  /**
   * @throws LockedError while a file of that name is received there already.
   * @throws DiskFullError, or an error of the system, when it cannot be made.
   */
  static async open(options: IncomingFileOptions): Promise<IncomingFile> {
    const { folder, name, note, patience = PATIENCE_MS } = options;
    try {
      for (let number = 0; number < MOST_PARTS; number += 1) {
        const part = await inTurn(patience, () =>
          openPart(numberedName(safeName(name), number), options),
        );
        if (part === undefined) continue;
        try {
          const { ino, size } = await part.handle.stat();
          // Before the first byte: what has bytes and no note of ours is not ours.
          if (size === 0) await writeFile(notePath(part.path), noteOf(ino, note));
          return new IncomingFile(options, part, size);
        } catch (error) {
          await part.close();
          throw error;
        }
      }
      throw new Error(`${join(folder, name)}.part is there already, and so are many like it`);
    } catch (error) {
      throw asDiskError(error);
    }
  }

  /** Bytes that an earlier attempt has kept of that file there; 0 when there was none. */
  static async kept(folder: string, name: string, note: string): Promise<number> {
    for (let number = 0; number < MOST_PARTS; number += 1) {
      const path = partPath(folder, numberedName(safeName(name), number));
      const found = await lstat(path).catch(() => undefined);
      if (found === undefined) return 0;
      if (found.isFile() && (await isNoted(path, found.ino, note))) return found.size;
    }
    return 0;
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

  /** The hash, in hex, of all that was written, what was there before included. */
  async digest(algorithm: Algorithm = 'sha256'): Promise<string> {
    await this.#flush();
    if (this.#algorithm !== algorithm) {
      await this.#hash?.drop();
      this.#algorithm = algorithm;
      this.#hash = new FileHash(this.#part.handle.fd, { algorithm });
    }
    if (this.#hash === undefined) throw new Error('nothing hashes');
    return this.#hash.finish(this.#position);
  }

  /** Nobody waits for {@link digest} any more: it is rejected. */
  cancelHash(): void {
    void this.#hash?.drop();
  }

  /**
   * The file is whole: gives it its name. Where it replaces another one it is forced onto the disk
   * before: what is lost when the power fails then is not both.
   * @param safe whether it is in any case, as nobody else will have it any more.
   * @returns its path.
   * @throws an error with code `EEXIST` when the name is taken and `onConflict` is `fail`, and any
   * other when it cannot be written; it is then still there as a partial one.
   */
  async finish(onConflict: OnConflict, safe = false): Promise<string> {
    await this.#flush();
    try {
      if (safe || onConflict === 'overwrite') await this.#part.handle.datasync();
      const path = await this.#giveName(onConflict);
      await this.#close(() => removeFile(notePath(this.#part.path)));
      return path;
    } catch (error) {
      throw asDiskError(error);
    }
  }

  /**
   * Ends the attempt and keeps what came for another one; of nothing, nothing is kept.
   * @throws as {@link IncomingFile.write}.
   */
  async keep(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#flush();
      if (this.#position === 0) await this.discard();
    } finally {
      await this.#close();
    }
  }

  /** Ends the attempt and leaves nothing of it. */
  async discard(): Promise<void> {
    this.#waiting = [];
    this.#waitingBytes = 0;
    await this.#close(async () => {
      await this.#part.remove();
      await removeFile(notePath(this.#part.path));
    });
  }

  async #giveName(onConflict: OnConflict): Promise<string> {
    const size = this.#size;
    if (onConflict === 'overwrite') {
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

/** Where it stands whose part it is. */
function notePath(part: string): string {
  return `${part}.note`;
}

/** With the number of the file on its disk, so that a note cannot be made for somebody else's. */
function noteOf(ino: number, note: string): string {
  return `${ino} ${note}\n`;
}

async function isNoted(part: string, ino: number, note: string): Promise<boolean> {
  const found = await readFile(notePath(part), 'utf8').catch(() => undefined);
  return found === noteOf(ino, note);
}

/**
 * A new part, or what an earlier attempt has kept; `undefined` when something else is in its place.
 * @throws LockedError
 */
async function openPart(
  name: string,
  { folder, note, size, offset = 0 }: IncomingFileOptions,
): Promise<Part | undefined> {
  try {
    return await Part.open(folder, name, async (path) => {
      // As a rule nothing is there.
      const handle = await openNew(path);
      if (handle !== undefined) return handle;
      const kept = await openWritable(path).catch(() => undefined);
      const found = await kept?.stat();
      if (kept === undefined || found === undefined || !(await isNoted(path, found.ino, note))) {
        await kept?.close();
        if (kept === undefined || found?.size !== 0) throw new NotOursError();
        // Nobody misses it, and whoever is killed before the note is there leaves such a one.
        return await openAnew(path).catch(() => {
          throw new NotOursError();
        });
      }
      const isOfUse = offset === 'resume' && (size === undefined || found.size <= size);
      if (!isOfUse) await kept.truncate(0);
      return kept;
    });
  } catch (error) {
    if (error instanceof NotOursError) return undefined;
    throw error;
  }
}

class NotOursError extends Error {}

/**
 * Opens what this process has locked, once it is given back. @param patience in ms
 * @throws LockedError when that is not so in time, or another process has it; whatever `open` throws
 */
async function inTurn<Opened>(patience: number, open: () => Promise<Opened>): Promise<Opened> {
  const until = performance.now() + patience;
  for (;;) {
    try {
      return await open();
    } catch (error) {
      const left = until - performance.now();
      if (!(error instanceof LockedError) || error.givenBack === undefined || left <= 0)
        throw error;
      await Promise.race([error.givenBack, setTimeout(left, undefined, { ref: false })]);
    }
  }
}

async function openNew(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'wx+');
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return undefined;
    throw error;
  }
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

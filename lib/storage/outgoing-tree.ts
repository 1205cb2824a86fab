import { constants, type Dirent, fstatSync, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, opendir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { FileHash } from './file-hash.ts';
import type { Algorithm } from './hash-worker.ts';

/** Names are sent as UTF-8 of no more bytes. */
const MAX_NAME_BYTES = 256;

/** What is found on the way through files and folders. */
export type Found =
  | {
      readonly type: 'file';
      readonly name: string;
      readonly path: string;
      readonly file: OutgoingFile;
    }
  | { readonly type: 'folder'; readonly name: string; readonly path: string }
  | { readonly type: 'end-of-folder'; readonly path: string }
  /** A link, or what is neither a file nor a folder: it is never sent. */
  | { readonly type: 'left-out'; readonly path: string; readonly reason: string }
  /** It should be sent and cannot be. */
  | { readonly type: 'unreadable'; readonly path: string; readonly reason: string };

/** A file that is open for reading. */
export class OutgoingFile {
  readonly size: number;
  /** Another one as soon as it is another file, or has changed, as far as the system tells. */
  readonly identity: string;
  readonly #handle: FileHandle;
  #position = 0;
  #hash: FileHash | undefined;

  private constructor(handle: FileHandle, found: Stats) {
    this.#handle = handle;
    this.size = found.size;
    this.identity = identityOf(found);
  }

  /** `undefined` when it is no file, or a link. */
  static async open(path: string): Promise<OutgoingFile | undefined> {
    const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
    const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      // Nothing has to be waited for: the system knows what is open.
      const found = fstatSync(handle.fd);
      if (found.isFile()) return new OutgoingFile(handle, found);
    } catch (error) {
      await handle.close();
      throw error;
    }
    await handle.close();
    return undefined;
  }

  /** Fills `buffers`, one after the other; fewer bytes only at the end of the file. */
  async read(buffers: readonly Buffer[]): Promise<number> {
    const wanted = buffers.reduce((sum, { length }) => sum + length, 0);
    const { bytesRead } = await this.#handle.readv(buffers, this.#position);
    this.#position += bytesRead;
    if (bytesRead === wanted || bytesRead === 0) return bytesRead;
    // A file system may give less than there is.
    return bytesRead + (await this.read(rest(buffers, bytesRead)));
  }

  /** The SHA-256, in hex, of the first bytes. @throws Error when there are fewer. */
  sha256(bytes: number): Promise<string> {
    return this.digest('sha256', bytes);
  }

  /** The hash, in hex, of the first bytes; of one after the other. @throws Error when there are fewer. */
  digest(algorithm: Algorithm, bytes: number = this.size): Promise<string> {
    this.#hash = new FileHash(this.#handle.fd, { algorithm });
    return this.#hash.finish(bytes);
  }

  /** Reads into `buffer` what stands at `position`; returns how many bytes that were. */
  async readAt(buffer: Buffer, position: number): Promise<number> {
    return (await this.#handle.read(buffer, 0, buffer.length, position)).bytesRead;
  }

  /** Whether it is still as it was when it was opened, as far as the system tells. */
  isUnchanged(): boolean {
    return identityOf(fstatSync(this.#handle.fd)) === this.identity;
  }

  /** The next read begins there. */
  goTo(position: number): void {
    this.#position = position;
  }

  async close(): Promise<void> {
    await this.#hash?.drop();
    await this.#handle.close();
  }
}

function identityOf({ dev, ino, size, mtimeMs }: Stats): string {
  return [dev, ino, size, mtimeMs].join(':');
}

/** What `buffers` hold behind the first `bytes` bytes. */
function rest(buffers: readonly Buffer[], bytes: number): Buffer[] {
  return buffers.flatMap((buffer) => {
    const done = Math.min(bytes, buffer.length);
    bytes -= done;
    return done === buffer.length ? [] : [buffer.subarray(done)];
  });
}

/** What a thing in a folder is. */
type Kind = Pick<Dirent, 'isDirectory' | 'isFile' | 'isSymbolicLink'>;

/**
 * The file or folder at `path` and all that is in it. Files are found open: whoever takes one closes
 * it. A folder that is not wanted is left by passing `skip` to `next`.
 */
export async function* walk(path: string): AsyncGenerator<Found, void, 'skip' | undefined> {
  let kind: Kind;
  try {
    kind = await lstat(path);
  } catch (error) {
    yield { type: 'unreadable', path, reason: messageOf(error) };
    return;
  }
  yield* visit(path, basename(resolve(path)), kind);
}

async function* visit(
  path: string,
  name: string,
  kind: Kind,
): AsyncGenerator<Found, void, 'skip' | undefined> {
  try {
    checkName(name);
    if (!kind.isDirectory()) {
      yield await lookAt(path, name, kind);
      return;
    }
  } catch (error) {
    yield { type: 'unreadable', path, reason: messageOf(error) };
    return;
  }
  if ((yield { type: 'folder', name, path }) === 'skip') return;
  try {
    // On Windows an entry does not tell a link to a folder from a folder.
    for await (const entry of await opendir(path)) {
      const inner = join(path, entry.name);
      yield* visit(inner, entry.name, process.platform === 'win32' ? await lstat(inner) : entry);
    }
  } catch (error) {
    yield { type: 'unreadable', path, reason: messageOf(error) };
  }
  yield { type: 'end-of-folder', path };
}

/** @throws Error when a thing of that name cannot be sent. */
function checkName(name: string): void {
  if (name === '') throw new Error('it has no name');
  const bytes = Buffer.byteLength(name);
  if (bytes > MAX_NAME_BYTES)
    throw new Error(`its name has ${bytes} bytes, ${MAX_NAME_BYTES} at most`);
}

/** The bytes of all files that {@link walk} would find, as far as they can be seen. */
export async function totalSize(path: string): Promise<number> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isFile()) return found.size;
  if (!found?.isDirectory()) return 0;
  let sum = 0;
  try {
    for await (const entry of await opendir(path)) sum += await totalSize(join(path, entry.name));
  } catch {
    // What is not readable is told when it is to be sent.
  }
  return sum;
}

async function lookAt(path: string, name: string, kind: Kind): Promise<Found> {
  if (kind.isSymbolicLink()) return { type: 'left-out', path, reason: 'a link' };
  if (!kind.isFile()) return { type: 'left-out', path, reason: 'neither a file nor a folder' };
  const file = await OutgoingFile.open(path);
  if (file === undefined) return { type: 'unreadable', path, reason: 'it is no file any more' };
  return { type: 'file', name, path, file };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

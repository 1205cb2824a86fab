import { type FileHandle, link, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../core/errors.ts';
import { FileHash } from './file-hash.ts';
import { type Leftover, readLeftover, removeLeftover, writeLeftover } from './leftover.ts';
import { lock } from './lock.ts';
import { safeName } from './safe-name.ts';
import { SegmentBlock, segmentsPerBlock } from './segment-block.ts';

/** Blocks that are filled or being written at once; with all of them busy, segments are refused. */
const MAX_BLOCKS = 32;
/** Blocks with gaps that wait for what is missing; an older one is written as it is. */
const MAX_OPEN = 16;
/** The hash goes on when this much more is there. */
const HASH_STEP = 4_194_304;

export interface PartialFileOptions {
  readonly folder: string;
  /** The file's name, as it came: it is made safe here. */
  readonly name: string;
  /** Bytes of a segment; the last one may be shorter. */
  readonly segmentPayload: number;
  /** Writing has failed, for example because the disk is full. */
  readonly onError: (error: Error) => void;
  /** Bytes of the whole file, if that is known; {@link PartialFile.sha256} needs it. */
  readonly size?: number | undefined;
  /** The id of the file whose leftover is to be gone on with. */
  readonly goOnWith?: string | undefined;
}

/**
 * A file that is being received: `NAME.part` until it is whole. Segments may come in any order;
 * they are gathered in blocks and written without making the caller wait.
 */
export class PartialFile {
  /** Where it is while it is not whole. */
  readonly path: string;
  readonly #folder: string;
  readonly #handle: FileHandle;
  readonly #unlock: () => Promise<void>;
  readonly #segmentPayload: number;
  readonly #size: number;
  readonly #onError: (error: Error) => void;
  readonly #free: SegmentBlock[] = [];
  /** Resolves when everything that was sealed is in the file, or has failed. */
  #written = Promise.resolve();
  readonly #perBlock: number;
  /** By number, the one that was begun first comes first. */
  readonly #open = new Map<number, SegmentBlock>();
  readonly #writing = new Set<SegmentBlock>();
  readonly #hash: FileHash;
  #hashedUpTo = 0;
  #blocks = 0;
  #error: Error | undefined;
  #closed = false;

  private constructor(
    options: PartialFileOptions,
    path: string,
    handle: FileHandle,
    unlock: () => Promise<void>,
  ) {
    this.path = path;
    this.#folder = options.folder;
    this.#handle = handle;
    this.#unlock = unlock;
    this.#segmentPayload = options.segmentPayload;
    this.#size = options.size ?? 0;
    this.#perBlock = segmentsPerBlock(options.segmentPayload);
    this.#hash = new FileHash(handle.fd);
    this.#onError = options.onError;
  }

  /** What an earlier attempt has left of a file of that name there. */
  static async leftover(folder: string, name: string): Promise<Leftover | undefined> {
    return readLeftover(pathOf(folder, name));
  }

  /**
   * Begins the file anew, unless the leftover of the very same file is to be gone on with.
   * @throws LockedError while another process receives a file of that name there.
   */
  static async create(options: PartialFileOptions): Promise<PartialFile> {
    await mkdir(options.folder, { recursive: true });
    const path = pathOf(options.folder, options.name);
    const unlock = await lock(`${path}.lock`);
    try {
      if (options.goOnWith === undefined) await removeLeftover(path);
      else if ((await readLeftover(path))?.id !== options.goOnWith) {
        throw new Error(`what was there of ${options.name} has changed meanwhile; try again`);
      }
      const handle = await open(path, options.goOnWith === undefined ? 'w+' : 'r+');
      return new PartialFile(options, path, handle, unlock);
    } catch (error) {
      await unlock();
      throw error;
    }
  }

  /** Segments that can be taken now, wherever they belong. */
  get room(): number {
    return (MAX_BLOCKS - this.#open.size - this.#writing.size) * this.#perBlock;
  }

  /**
   * Takes a segment: what `datagram` holds from `start` on. `false` when the disk does not keep up
   * and it has to come again.
   */
  write(seq: number, datagram: Buffer, start: number): boolean {
    if (this.#error !== undefined || this.#closed) return false;
    const number = Math.floor(seq / this.#perBlock);
    const block = this.#open.get(number) ?? this.#begin(number);
    if (block === undefined) return false;
    block.put(seq, datagram, start);
    if (block.full) this.#seal(number, block);
    return true;
  }

  /** Every segment below `count` was taken: the hash can go on. */
  advance(count: number): void {
    let saved = count;
    for (const block of this.#open.values()) saved = Math.min(saved, block.first);
    for (const block of this.#writing) saved = Math.min(saved, block.first);
    const bytes = saved * this.#segmentPayload;
    if (bytes < this.#hashedUpTo + HASH_STEP) return;
    this.#hashedUpTo = bytes;
    this.#hash.advance(bytes);
  }

  /** The SHA-256 of the file, which is whole and of the size that was given. */
  async sha256(): Promise<string> {
    await this.#flush();
    return this.#hash.finish(this.#size);
  }

  /** Notes what is there, so that another attempt can go on with it, even if this one is killed. */
  async note(leftover: Leftover): Promise<void> {
    // What is noted has to be in the file.
    await this.#flush();
    if (!this.#closed) await writeLeftover(this.path, leftover);
  }

  /** What is there must not be gone on with. */
  async forget(): Promise<void> {
    await removeLeftover(this.path);
  }

  /** Ends the attempt and keeps what came. */
  async keep(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#flush();
    } finally {
      await this.#close();
    }
  }

  /**
   * The file is whole: gives it its name. It is on the disk before it is seen under that name.
   * @throws an error with code `EEXIST` when the name is taken and `overwrite` is not given; the
   * file is then still there as a partial one and another name can be tried.
   */
  async finish(name: string, options: { readonly overwrite: boolean }): Promise<string> {
    await this.#flush();
    await this.#handle.datasync();
    const target = join(this.#folder, name);
    if (options.overwrite) await rename(this.path, target);
    else await renameWithoutOverwriting(this.path, target);
    await removeLeftover(this.path);
    await this.#close();
    return target;
  }

  #begin(number: number): SegmentBlock | undefined {
    const block = this.#free.pop() ?? this.#newBlock();
    if (block === undefined) return undefined;
    block.begin(number * this.#perBlock);
    this.#open.set(number, block);
    const [oldest] = this.#open;
    if (oldest !== undefined && this.#open.size > MAX_OPEN) this.#seal(...oldest);
    return block;
  }

  #newBlock(): SegmentBlock | undefined {
    if (this.#blocks >= MAX_BLOCKS) return undefined;
    this.#blocks += 1;
    return new SegmentBlock(this.#segmentPayload);
  }

  #seal(number: number, block: SegmentBlock): void {
    this.#open.delete(number);
    this.#writing.add(block);
    // One after the other: on one file the system makes writes wait for each other anyway.
    this.#written = this.#written.then(async () => {
      try {
        if (this.#error === undefined) await block.writeTo(this.#handle);
      } catch (error) {
        this.#fail(error instanceof Error ? error : new Error(String(error)));
      }
      this.#writing.delete(block);
      this.#free.push(block);
    });
  }

  #fail(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#onError(error);
  }

  async #flush(): Promise<void> {
    for (const [number, block] of this.#open) this.#seal(number, block);
    await this.#written;
    if (this.#error !== undefined) throw this.#error;
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // The thread must not read from a number that may soon be another file's.
    await this.#hash.drop();
    await this.#handle.close();
    await this.#unlock();
  }
}

function pathOf(folder: string, name: string): string {
  return join(folder, `${safeName(name)}.part`);
}

/** Whether there is something of that name. */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function renameWithoutOverwriting(from: string, to: string): Promise<void> {
  try {
    // A hard link fails if the name is taken, in one step; a rename would overwrite.
    await link(from, to);
    await rm(from);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') throw error;
    // File systems without hard links (FAT, some network drives).
    if (await exists(to)) {
      throw Object.assign(new Error(`${to} exists`), { code: 'EEXIST' });
    }
    await rename(from, to);
  }
}

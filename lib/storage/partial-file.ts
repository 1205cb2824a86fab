import { type FileHandle, link, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../core/errors.ts';
import { lock } from './lock.ts';
import { safeName } from './safe-name.ts';
import { SegmentBlock } from './segment-block.ts';

/** Blocks that are filled or being written at once; with all of them busy, segments are refused. */
const MAX_BLOCKS = 16;

export interface PartialFileOptions {
  readonly folder: string;
  /** The file's name, as it came: it is made safe here. */
  readonly name: string;
  /** Bytes of a segment; the last one may be shorter. */
  readonly segmentPayload: number;
  /** Writing has failed, for example because the disk is full. */
  readonly onError: (error: Error) => void;
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
  readonly #onError: (error: Error) => void;
  readonly #free: SegmentBlock[] = [];
  readonly #writes = new Set<Promise<void>>();
  #current: SegmentBlock | undefined;
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
    this.#onError = options.onError;
  }

  /**
   * Begins the file anew: under the document's rules nothing tells whether what an earlier attempt
   * left is of the same file.
   * @throws LockedError while another process receives a file of that name there.
   */
  static async create(options: PartialFileOptions): Promise<PartialFile> {
    await mkdir(options.folder, { recursive: true });
    const path = join(options.folder, `${safeName(options.name)}.part`);
    const unlock = await lock(`${path}.lock`);
    try {
      return new PartialFile(options, path, await open(path, 'w'), unlock);
    } catch (error) {
      await unlock();
      throw error;
    }
  }

  /**
   * Takes a segment: what `datagram` holds from `start` on. `false` when the disk does not keep up
   * and it has to come again.
   */
  write(seq: number, datagram: Buffer, start: number): boolean {
    if (this.#error !== undefined || this.#closed) return false;
    if (this.#current?.covers(seq) !== true) {
      this.#seal();
      const block = this.#free.pop() ?? this.#newBlock();
      if (block === undefined) return false;
      block.begin(seq);
      this.#current = block;
    }
    this.#current?.put(seq, datagram, start);
    return true;
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
    await this.#close();
    return target;
  }

  #newBlock(): SegmentBlock | undefined {
    if (this.#blocks >= MAX_BLOCKS) return undefined;
    this.#blocks += 1;
    return new SegmentBlock(this.#segmentPayload);
  }

  #seal(): void {
    const block = this.#current;
    if (block === undefined) return;
    this.#current = undefined;
    const write = block.writeTo(this.#handle).then(
      () => this.#free.push(block),
      (error: unknown) => this.#fail(error instanceof Error ? error : new Error(String(error))),
    );
    const tracked: Promise<void> = write.then(() => {
      this.#writes.delete(tracked);
    });
    this.#writes.add(tracked);
  }

  #fail(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#onError(error);
  }

  async #flush(): Promise<void> {
    this.#seal();
    await Promise.all(this.#writes);
    if (this.#error !== undefined) throw this.#error;
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#handle.close();
    await this.#unlock();
  }
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

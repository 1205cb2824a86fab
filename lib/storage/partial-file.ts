import { FileHash } from './file-hash.ts';
import {
  type Leftover,
  openLeftover,
  readLeftover,
  removeLeftover,
  writeLeftover,
} from './leftover.ts';
import { openAnew, Part, partPath } from './part.ts';
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
  readonly #part: Part;
  readonly #segmentPayload: number;
  readonly #size: number | undefined;
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
  /** What was noted last, or is to be. */
  #toNote: Leftover | undefined;
  /** A note that has not begun yet. */
  #noteDue: Promise<void> | undefined;
  /** Resolves when the last step that was asked for is done: see {@link PartialFile.#inTurn}. */
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(options: PartialFileOptions, part: Part) {
    this.path = part.path;
    this.#part = part;
    this.#segmentPayload = options.segmentPayload;
    this.#size = options.size;
    this.#perBlock = segmentsPerBlock(options.segmentPayload);
    this.#hash = new FileHash(part.handle.fd);
    this.#onError = options.onError;
  }

  /** What an earlier attempt has left of a file of that name there. */
  static async leftover(folder: string, name: string): Promise<Leftover | undefined> {
    return readLeftover(partPath(folder, name));
  }

  /**
   * Begins the file anew, unless the leftover of the very same file is to be gone on with.
   * @throws LockedError while another process receives a file of that name there.
   */
  static async create(options: PartialFileOptions): Promise<PartialFile> {
    const { folder, name, goOnWith: id, size } = options;
    const part = await Part.open(folder, name, (path) =>
      id === undefined ? openAnew(path) : openLeftover(path, id, size),
    );
    return new PartialFile(options, part);
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
    return this.#hash.finish(this.#size ?? 0);
  }

  /**
   * Notes what is there, so that another attempt can go on with it, even if this one is killed.
   * While one note is being written, only the newest of those that are asked for has to follow it.
   */
  note(leftover: Leftover): Promise<void> {
    this.#toNote = leftover;
    this.#noteDue ??= this.#inTurn(async () => {
      this.#noteDue = undefined;
      if (this.#closed || this.#toNote === undefined) return;
      const noted = this.#toNote;
      // What is noted has to be in the file.
      await this.#flush();
      await writeLeftover(this.path, noted);
    });
    return this.#noteDue;
  }

  /**
   * Ends the attempt and keeps what came.
   * @param leftover what is to be noted; the last note stays when absent.
   */
  keep(leftover?: Leftover): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#closed) return;
      try {
        await this.#flush();
        if (leftover !== undefined) await writeLeftover(this.path, leftover);
      } finally {
        await this.#close();
      }
    });
  }

  /** Ends the attempt and leaves nothing of it. */
  discard(): Promise<void> {
    return this.#inTurn(() => this.#close(() => this.#part.remove()));
  }

  /**
   * The file is whole: gives it its name. It is on the disk before it is seen under that name.
   * @throws an error with code `EEXIST` when the name is taken and `overwrite` is not given; the
   * file is then still there as a partial one and another name can be tried.
   */
  finish(name: string, options: { readonly overwrite: boolean }): Promise<string> {
    return this.#inTurn(async () => {
      await this.#flush();
      await this.#part.handle.datasync();
      const target = await this.#part.rename(name, { ...options, size: this.#size });
      await this.#close(() => removeLeftover(this.path));
      return target;
    });
  }

  /**
   * Notes and what ends the attempt happen one after the other: two notes at once would destroy each
   * other, and one that came late would tell of a file that is not there any more.
   */
  #inTurn<Result>(step: () => Promise<Result>): Promise<Result> {
    const done = this.#turn.then(step);
    this.#turn = done.catch(() => undefined);
    return done;
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
        if (this.#error === undefined) await block.writeTo(this.#part.handle);
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

  /** @param tidyUp is done before another attempt may begin. */
  async #close(tidyUp?: () => Promise<void>): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#written;
    // The thread must not read from a number that may soon be another file's.
    await this.#hash.drop();
    await this.#part.close(tidyUp);
  }
}

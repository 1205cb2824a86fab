import { type FileHandle, open } from 'node:fs/promises';
import { systemCode } from '../core/errors.ts';
import { BLOCK_BYTES, type Block, type BlockOwner, type BlockPool } from './block-pool.ts';
import { asDiskError } from './disk-full.ts';

/** With so many bytes on their way to the disk, a writer has to wait. */
const MAX_UNWRITTEN = 4_194_304;
/** What is read at once when all blocks of the pool are in use. */
const PRIVATE_BYTES = 65_536;

/** Bytes to be sent; they stay as they are until `release` is called, once. */
export interface Slice {
  readonly bytes: Buffer;
  release(): void;
}

/** A file that one writes from front to end while many read it, each where it is. */
export class StoredFile implements BlockOwner {
  readonly #handle: FileHandle;
  readonly #pool: BlockPool;
  readonly #blocks = new Map<number, Block>();
  readonly #loading = new Map<number, Promise<Slice | undefined>>();
  readonly #waiting = new Set<() => void>();
  #received: number;
  #written: number;
  #writing: Promise<void> | undefined;
  #error: Error | undefined;
  /** Bytes that are on the disk for sure. */
  #safe: number;
  /** The system could not make safe what was written, and may have thrown it away. */
  #doubtful = false;
  /** Changes when what was here is not any more. */
  #generation = 0;
  #closed = false;
  /** Who waits for something to be written. */
  readonly #onWrite: (() => void)[] = [];

  private constructor(handle: FileHandle, stored: number, pool: BlockPool) {
    this.#handle = handle;
    this.#received = stored;
    this.#written = stored;
    this.#safe = stored;
    this.#pool = pool;
  }

  /**
   * Opens the file, or makes it.
   * @param stored bytes that count; what is behind them is cut off. There may be fewer, see `written`.
   * @throws an error of the system, also when a file with bytes that count is not there.
   */
  static async open(path: string, stored: number, pool: BlockPool): Promise<StoredFile> {
    const handle = await openOrMake(path, stored);
    try {
      const { size } = await handle.stat();
      const there = Math.min(size, stored);
      if (size > there) await handle.truncate(there);
      return new StoredFile(handle, there, pool);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Bytes that are here, in memory or in the file. */
  get received(): number {
    return this.#received;
  }

  /** Bytes that are in the file. */
  get written(): number {
    return this.#written;
  }

  /** The disk does not keep up: whoever writes should wait for {@link drained}. */
  get congested(): boolean {
    const unwritten = this.#received - this.#written;
    return unwritten > (this.#pool.isCrowded ? BLOCK_BYTES : MAX_UNWRITTEN);
  }

  /** Why nothing more is written, for example a full disk. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Takes bytes that follow those that are here; does nothing after an error. */
  append(chunk: Buffer): void {
    if (this.#error !== undefined || this.#closed || chunk.length === 0) return;
    for (let at = 0; at < chunk.length; ) {
      const block = this.#tail();
      const start = this.#received - block.index * BLOCK_BYTES;
      const count = Math.min(chunk.length - at, BLOCK_BYTES - start);
      chunk.copy(block.buffer, start, at, at + count);
      block.to += count;
      this.#received += count;
      at += count;
    }
    this.#writing ??= this.#write();
    this.#tell();
  }

  /** Resolves when all that is here is in the file. @throws the error that prevents it. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    if (this.#error !== undefined) throw this.#error;
  }

  /** Resolves when the disk has caught up, or has failed. */
  async drained(): Promise<void> {
    while (this.#writing !== undefined && this.congested) await this.#nextWrite();
  }

  /** Makes safe what is in the file; returns how much that is. @throws when it cannot: see {@link error}. */
  async sync(): Promise<number> {
    const written = this.#written;
    try {
      await this.#handle.datasync();
    } catch (error) {
      this.#doubtful = true;
      this.#error ??= asDiskError(error);
      throw this.#error;
    }
    this.#safe = written;
    return written;
  }

  /** A new attempt to write: an earlier error is forgotten, and what came last with it. */
  async beginAgain(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    if (this.#doubtful) await this.#cutTo(this.#safe);
    this.#doubtful = false;
    this.#error = undefined;
  }

  /**
   * Takes everything out of the file: for whoever reads, at once.
   * @param noted is waited for before the disk is touched.
   */
  async clear(noted?: () => Promise<void>): Promise<void> {
    this.#forgetFrom(0);
    await noted?.();
    await this.#handle.truncate(0);
  }

  async #cutTo(bytes: number): Promise<void> {
    this.#forgetFrom(bytes);
    await this.#handle.truncate(bytes);
  }

  #forgetFrom(bytes: number): void {
    this.#generation += 1;
    this.#forgetAll();
    this.#received = bytes;
    this.#written = bytes;
    this.#safe = bytes;
  }

  /** The bytes from `offset` on, as many as are at hand; `undefined` when there are none yet. */
  read(offset: number): Slice | undefined | Promise<Slice | undefined> {
    if (offset >= this.#received || this.#closed) return undefined;
    const index = Math.floor(offset / BLOCK_BYTES);
    const block = this.#blocks.get(index);
    if (block !== undefined && offset >= block.from && offset < block.to) {
      return this.#slice(block, offset);
    }
    // A part of a block that was written before what is in memory of it.
    if (block !== undefined && offset < block.from) {
      return this.#readPrivately(offset, block.from - offset);
    }
    // One that was loaded when there was less.
    if (block !== undefined) {
      this.#blocks.delete(index);
      this.#pool.disown(block);
    }
    const loading = this.#loading.get(index);
    if (loading !== undefined) return loading.then(() => this.read(offset));
    const loaded = this.#load(index, offset).finally(() => this.#loading.delete(index));
    this.#loading.set(index, loaded);
    return loaded;
  }

  /** Calls `grown` whenever there is more, or when the file is closed; returns what ends that. */
  watch(grown: () => void): () => void {
    this.#waiting.add(grown);
    return () => void this.#waiting.delete(grown);
  }

  forget(block: Block): void {
    if (this.#blocks.get(block.index) === block) this.#blocks.delete(block.index);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#tell();
    while (this.#writing !== undefined) await this.#writing;
    await Promise.allSettled(this.#loading.values());
    this.#forgetAll();
    await this.#handle.close();
  }

  #tell(): void {
    for (const grown of [...this.#waiting]) grown();
  }

  /** The block that the next byte goes to. It is in use until all of it is in the file. */
  #tail(): Block {
    const index = Math.floor(this.#received / BLOCK_BYTES);
    const there = this.#blocks.get(index);
    if (there !== undefined && there.to === this.#received) {
      if (there.to === this.#written) this.#pool.use(there);
      return there;
    }
    const block = this.#pool.take(this, index, true);
    if (block === undefined) throw new Error('an urgent wish for a block was refused');
    block.from = this.#received;
    block.to = this.#received;
    if (there !== undefined) this.#pool.disown(there);
    this.#blocks.set(index, block);
    return block;
  }

  async #write(): Promise<void> {
    try {
      while (this.#written < this.#received) {
        const index = Math.floor(this.#written / BLOCK_BYTES);
        const block = this.#blocks.get(index);
        if (block === undefined) throw new Error('a block is gone that was not written');
        const start = this.#written - index * BLOCK_BYTES;
        const length = block.to - this.#written;
        await writeAll(this.#handle, block.buffer, start, length, this.#written);
        this.#written += length;
        if (block.to === this.#written) this.#pool.release(block);
        this.#wrote();
      }
    } catch (error) {
      this.#fail(asDiskError(error));
    } finally {
      this.#writing = undefined;
      this.#wrote();
    }
  }

  #nextWrite(): Promise<void> {
    return new Promise((resolve) => this.#onWrite.push(resolve));
  }

  #wrote(): void {
    for (const resolve of this.#onWrite.splice(0)) resolve();
  }

  /** What could not be written is as if it had not come. */
  #fail(error: Error): void {
    this.#error = error;
    const first = Math.floor(this.#written / BLOCK_BYTES);
    for (const [index, block] of [...this.#blocks]) {
      if (index < first || block.to <= this.#written) continue;
      this.#blocks.delete(index);
      this.#pool.disown(block);
      this.#pool.release(block);
    }
    this.#received = this.#written;
    this.#tell();
  }

  #forgetAll(): void {
    for (const block of this.#blocks.values()) this.#pool.disown(block);
    this.#blocks.clear();
  }

  #slice(block: Block, offset: number): Slice {
    this.#pool.use(block);
    const start = block.index * BLOCK_BYTES;
    const bytes = block.buffer.subarray(offset - start, block.to - start);
    return { bytes, release: () => this.#pool.release(block) };
  }

  async #load(index: number, offset: number): Promise<Slice | undefined> {
    const block = this.#pool.take(this, index, false);
    if (block === undefined) return this.#readPrivately(offset, PRIVATE_BYTES);
    const start = index * BLOCK_BYTES;
    const length = Math.min(BLOCK_BYTES, this.#written - start);
    const generation = this.#generation;
    block.from = start;
    block.to = start;
    try {
      const { bytesRead } = await this.#handle.read(block.buffer, 0, length, start);
      if (generation !== this.#generation) {
        this.#pool.disown(block);
        return undefined;
      }
      if (bytesRead < length) throw new Error('the stored file has become shorter');
      block.to = start + bytesRead;
      // Meanwhile the writer may have come to this block.
      if (this.#blocks.has(index) || this.#closed) this.#pool.disown(block);
      else this.#blocks.set(index, block);
      return offset < block.to ? this.#slice(block, offset) : undefined;
    } catch (error) {
      this.#pool.disown(block);
      throw error;
    } finally {
      this.#pool.release(block);
    }
  }

  async #readPrivately(offset: number, most: number): Promise<Slice | undefined> {
    const length = Math.min(most, PRIVATE_BYTES, this.#written - offset);
    if (length <= 0) return undefined;
    const buffer = Buffer.allocUnsafeSlow(length);
    const generation = this.#generation;
    const { bytesRead } = await this.#handle.read(buffer, 0, length, offset);
    if (generation !== this.#generation) return undefined;
    if (bytesRead < length) throw new Error('the stored file has become shorter');
    return { bytes: buffer, release: () => undefined };
  }
}

async function openOrMake(path: string, stored: number): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' || stored > 0) throw error;
    return open(path, 'wx+');
  }
}

async function writeAll(
  handle: FileHandle,
  buffer: Buffer,
  start: number,
  length: number,
  position: number,
): Promise<void> {
  for (let done = 0; done < length; ) {
    const { bytesWritten } = await handle.write(
      buffer,
      start + done,
      length - done,
      position + done,
    );
    done += bytesWritten;
  }
}

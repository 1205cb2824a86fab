/** Bytes of a block. */
export const BLOCK_BYTES = 262_144;

/** What a block belongs to, as the pool sees it. */
export interface BlockOwner {
  /** The pool takes the block away: nothing uses it, and the file has what is in it. */
  forget(block: Block): void;
}

/** A part of a file in memory: the bytes `from` to `to`, at their place in the block. */
export interface Block {
  readonly buffer: Buffer;
  owner: BlockOwner | undefined;
  /** Which block of its file. */
  index: number;
  from: number;
  to: number;
  /** How many send from it, or write it. */
  users: number;
}

/**
 * Blocks that all files of a server share, so that memory is bounded whatever there is to send. Those
 * that nobody uses keep their bytes until another file needs them.
 */
export class BlockPool {
  readonly #limit: number;
  readonly #free: Block[] = [];
  /** The one that was used last comes last. */
  readonly #idle = new Set<Block>();
  #count = 0;

  /** @param limit blocks; more only for what must not wait. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** More blocks are in use than there should be. */
  get isCrowded(): boolean {
    return this.#count > this.#limit;
  }

  /** A block that the caller uses; `undefined` when all are in use and it is not `urgent`. */
  take(owner: BlockOwner, index: number, urgent: boolean): Block | undefined {
    const block = this.#free.pop() ?? this.#make() ?? this.#evict();
    if (block === undefined && !urgent) return undefined;
    const taken = block ?? this.#makeOne();
    Object.assign(taken, { owner, index, users: 1 });
    return taken;
  }

  use(block: Block): void {
    if (block.users === 0) this.#idle.delete(block);
    block.users += 1;
  }

  /** One user less. */
  release(block: Block): void {
    block.users -= 1;
    if (block.users > 0) return;
    if (block.owner === undefined || this.#count > this.#limit) this.#drop(block);
    else this.#idle.add(block);
  }

  /** The file of this block is gone, or its bytes are not those of the file any more. */
  disown(block: Block): void {
    block.owner = undefined;
    if (block.users === 0 && this.#idle.delete(block)) this.#drop(block);
  }

  #make(): Block | undefined {
    return this.#count < this.#limit ? this.#makeOne() : undefined;
  }

  #makeOne(): Block {
    this.#count += 1;
    const buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    return { buffer, owner: undefined, index: 0, from: 0, to: 0, users: 0 };
  }

  #evict(): Block | undefined {
    const [oldest] = this.#idle;
    if (oldest === undefined) return undefined;
    this.#idle.delete(oldest);
    oldest.owner?.forget(oldest);
    return oldest;
  }

  #drop(block: Block): void {
    block.owner?.forget(block);
    block.owner = undefined;
    if (this.#count > this.#limit) this.#count -= 1;
    else this.#free.push(block);
  }
}

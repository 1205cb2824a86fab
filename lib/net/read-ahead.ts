import { HEADER_BYTES, payloadLength, type Segmentation } from '../udp-reliable/segment.ts';

/** Bytes that are read at once, about; and for one that goes fast. */
const BLOCK_BYTES = 131_072;
const LARGE_BLOCK_BYTES = 1_048_576;
/** Bytes a second from which on a download goes fast: many at once do not, so memory stays bounded. */
const FAST_RATE = 60_000_000;
/** One that is sent from, one that is read meanwhile, one for what is sent again. */
const BLOCKS = 3;
/** No system takes more at one call: IOV_MAX. */
const MOST_BUFFERS = 1024;
/** Room before each payload for the longest header, `4294967295:`. */
export const HEADROOM = 16;

/** Where the bytes of the segments come from. */
export interface SegmentSource {
  /** Reads into the buffers, one after the other, from `position` on; returns the bytes read. */
  read(buffers: readonly Buffer[], position: number): Promise<number>;
}

/** The file is shorter than it was. */
export class ShortReadError extends Error {}

/** Memory for one segment: {@link HEADROOM}, then the payload, which is sent from where it was read to. */
export interface Slot {
  readonly bytes: Buffer;
  /** The part of it that is a full datagram with a binary header. */
  readonly datagram: Buffer;
}

interface Block {
  number: number;
  readonly slots: readonly Slot[];
  loading: Promise<void> | undefined;
}

/**
 * The segments that are to be sent soon, in memory: blocks of neighbours, one read each, the next
 * one always on its way.
 */
export class ReadAhead {
  /** Whether its blocks are those for a high rate. */
  readonly large: boolean;
  readonly #source: SegmentSource;
  readonly #cut: Segmentation;
  readonly #perBlock: number;
  /** The one that was used last comes last. */
  readonly #blocks: Block[] = [];
  /** The last block that was begun to be read before it was needed. */
  #furthest = 0;

  /** @param rate bytes a second that it is going to be read at, about. */
  constructor(source: SegmentSource, cut: Segmentation, rate: number) {
    this.#source = source;
    this.#cut = cut;
    this.large = rate >= FAST_RATE;
    const bytes = this.large ? LARGE_BLOCK_BYTES : BLOCK_BYTES;
    this.#perBlock = Math.max(1, Math.min(MOST_BUFFERS, Math.floor(bytes / cut.payload)));
  }

  /** Whether segment `seq` is in memory, or on its way there. */
  has(seq: number): boolean {
    const number = Math.floor(seq / this.#perBlock);
    return this.#blocks.some((block) => block.number === number);
  }

  /**
   * The memory in which segment `seq` is; a promise when it has
   * to be read first. It stays so until another block is asked for that is not there.
   * @throws ShortReadError, or what the source throws.
   */
  slot(seq: number): Slot | Promise<Slot> {
    const number = Math.floor(seq / this.#perBlock);
    const block = this.#use(number);
    const slot = block.slots[seq % this.#perBlock];
    if (slot === undefined) throw new RangeError(`no slot for ${seq}`);
    return block.loading === undefined ? slot : block.loading.then(() => slot);
  }

  /** Begins to read what comes after segment `seq`. */
  prefetch(seq: number): void {
    const number = Math.floor(seq / this.#perBlock) + 1;
    // What is sent again stands alone.
    if (number <= this.#furthest || number * this.#perBlock >= this.#cut.count) return;
    this.#furthest = number;
    if (this.#blocks.some((block) => block.number === number)) return;
    // A failure is told to whoever asks for it.
    this.#load(this.#sent(number) ?? this.#oldest(), number).catch(() => undefined);
  }

  #use(number: number): Block {
    const index = this.#blocks.findIndex((block) => block.number === number);
    const block = this.#blocks[index];
    if (block === undefined) {
      const loaded = this.#oldest();
      this.#load(loaded, number).catch(() => undefined);
      return loaded;
    }
    if (index < this.#blocks.length - 1) {
      this.#blocks.splice(index, 1);
      this.#blocks.push(block);
    }
    return block;
  }

  /** A block that was sent from, so that a third one is needed for what is sent again only. */
  #sent(number: number): Block | undefined {
    const index = this.#blocks.findIndex(
      (block) => block.loading === undefined && block.number < number - 1,
    );
    const [block] = index === -1 ? [] : this.#blocks.splice(index, 1);
    if (block !== undefined) this.#blocks.push(block);
    return block;
  }

  /** A block to be filled anew: none that is being read. */
  #oldest(): Block {
    const index = this.#blocks.findIndex(({ loading }) => loading === undefined);
    const [oldest] =
      this.#blocks.length < BLOCKS || index === -1 ? [] : this.#blocks.splice(index, 1);
    const block = oldest ?? this.#newBlock();
    this.#blocks.push(block);
    return block;
  }

  #newBlock(): Block {
    const bytes = HEADROOM + this.#cut.payload;
    const memory = Buffer.allocUnsafeSlow(this.#perBlock * bytes);
    const slots = Array.from({ length: this.#perBlock }, (_, index) => {
      const slot = memory.subarray(index * bytes, (index + 1) * bytes);
      return { bytes: slot, datagram: slot.subarray(HEADROOM - HEADER_BYTES) };
    });
    return { number: -1, slots, loading: undefined };
  }

  #load(block: Block, number: number): Promise<void> {
    block.number = number;
    const loading = this.#read(block.slots, number * this.#perBlock).then(
      () => {
        block.loading = undefined;
      },
      (error: unknown) => {
        // Whoever asks again has it read again.
        block.number = -1;
        block.loading = undefined;
        throw error;
      },
    );
    block.loading = loading;
    return loading;
  }

  async #read(slots: readonly Slot[], first: number): Promise<void> {
    const buffers: Buffer[] = [];
    let wanted = 0;
    for (let index = 0; index < slots.length && first + index < this.#cut.count; index += 1) {
      const length = payloadLength(this.#cut, first + index);
      const slot = slots[index];
      if (slot !== undefined) buffers.push(slot.bytes.subarray(HEADROOM, HEADROOM + length));
      wanted += length;
    }
    const read = await this.#source.read(buffers, first * this.#cut.payload);
    if (read !== wanted) throw new ShortReadError('the file is shorter than it was');
  }
}

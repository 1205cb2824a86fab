import type { Request } from '../isend/messages.ts';

/** Buffers that are kept for the next time. */
const MAX_KEPT = 4;
/** Smaller ones are not worth keeping. */
const LEAST_KEPT_BYTES = 262_144;

/** Memory for pieces of a file, each behind the place of its instruction. */
export class Pieces {
  readonly bytes: Buffer;
  /** Bytes of the file that have room. */
  readonly capacity: number;
  /** The places for them, in order. */
  readonly contents: readonly Buffer[];
  readonly #headBytes: number;
  readonly #pieceBytes: number;

  constructor(bytes: Buffer, headBytes: number, pieceBytes: number, capacity: number) {
    this.bytes = bytes;
    this.capacity = capacity;
    this.#headBytes = headBytes;
    this.#pieceBytes = pieceBytes;
    this.contents = this.lengthsOf(capacity).map((length, index) => {
      const start = this.headOf(index) + headBytes;
      return bytes.subarray(start, start + length);
    });
  }

  /** Where the instruction of a piece goes. */
  headOf(index: number): number {
    return index * (this.#headBytes + this.#pieceBytes);
  }

  /** Where the last of these pieces ends. */
  endOf(requests: readonly Request[]): number {
    const last = requests.length - 1;
    return this.headOf(last) + this.#headBytes + (requests[last]?.length ?? 0);
  }

  /** The first piece without its instruction. */
  get content(): Buffer {
    return this.contents[0] ?? Buffer.alloc(0);
  }

  /** The lengths of the pieces when so many bytes were read. */
  lengthsOf(bytes: number): number[] {
    const count = Math.ceil(bytes / this.#pieceBytes);
    return Array.from({ length: count }, (_, index) =>
      Math.min(this.#pieceBytes, bytes - index * this.#pieceBytes),
    );
  }
}

/**
 * Memory that is used again and again: a file is read straight behind the places of the
 * instructions, and goes to the socket as it is.
 */
export class PieceBuffers {
  readonly #headBytes: number;
  readonly #pieceBytes: number;
  readonly #kept: Buffer[] = [];

  constructor(headBytes: number, pieceBytes: number) {
    this.#headBytes = headBytes;
    this.#pieceBytes = pieceBytes;
  }

  /** Room for so many bytes of a file. */
  take(capacity: number): Pieces {
    const heads = Math.ceil(capacity / this.#pieceBytes) * this.#headBytes;
    const needed = capacity + heads;
    const last = this.#kept.at(-1);
    const isFitting = last !== undefined && needed >= LEAST_KEPT_BYTES && last.length >= needed;
    const bytes = isFitting ? (this.#kept.pop() ?? last) : Buffer.allocUnsafe(needed);
    return new Pieces(bytes, this.#headBytes, this.#pieceBytes, capacity);
  }

  /** Nobody uses it any more. */
  giveBack({ bytes }: Pieces): void {
    if (bytes.length >= LEAST_KEPT_BYTES && this.#kept.length < MAX_KEPT) this.#kept.push(bytes);
  }
}

import type { FileHandle } from 'node:fs/promises';

/** Bytes of one block, about. */
const BLOCK_BYTES = 524_288;

/** How many segments a block holds. */
export function segmentsPerBlock(payload: number): number {
  return Math.max(1, Math.floor(BLOCK_BYTES / payload));
}

/**
 * Memory for half a MiB of neighbouring segments of a file, some of which may be missing; each run
 * of them becomes one write.
 */
export class SegmentBlock {
  readonly #payload: number;
  readonly #bytes: Buffer;
  readonly #lengths: Uint16Array;
  #first = 0;
  #filled = 0;

  constructor(payload: number) {
    this.#payload = payload;
    this.#lengths = new Uint16Array(segmentsPerBlock(payload));
    this.#bytes = Buffer.allocUnsafe(this.#lengths.length * payload);
  }

  /** Its first segment. */
  get first(): number {
    return this.#first;
  }

  /** Whether every segment of it is there. */
  get full(): boolean {
    return this.#filled === this.#lengths.length;
  }

  /** Makes it the empty block from segment `first` on. */
  begin(first: number): void {
    this.#first = first;
    this.#filled = 0;
    this.#lengths.fill(0);
  }

  /** Takes what `datagram` holds from `start` on. */
  put(seq: number, datagram: Buffer, start: number): void {
    const index = seq - this.#first;
    if (this.#lengths[index] === 0) this.#filled += 1;
    this.#lengths[index] = datagram.copy(this.#bytes, index * this.#payload, start);
  }

  async writeTo(file: FileHandle): Promise<void> {
    const count = this.#lengths.length;
    let start = 0;
    while (start < count) {
      if (this.#lengths[start] === 0) {
        start += 1;
        continue;
      }
      let end = start;
      let bytes = 0;
      while (end < count && (this.#lengths[end] ?? 0) > 0) {
        bytes += this.#lengths[end] ?? 0;
        end += 1;
      }
      await writeWhole(
        file,
        this.#bytes.subarray(start * this.#payload, start * this.#payload + bytes),
        (this.#first + start) * this.#payload,
      );
      start = end;
    }
  }
}

/** On a disk that is nearly full a write may take only a part. */
async function writeWhole(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await file.write(
      bytes,
      written,
      bytes.length - written,
      position + written,
    );
    written += bytesWritten;
  }
}

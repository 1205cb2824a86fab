import type { FileHandle } from 'node:fs/promises';

/** Segments in one block: half a MiB at the document's size. */
const SEGMENTS = 256;

/**
 * Memory for 256 neighbouring segments of a file, some of which may be missing; each run of them
 * becomes one write.
 */
export class SegmentBlock {
  readonly #payload: number;
  readonly #bytes: Buffer;
  readonly #lengths = new Uint16Array(SEGMENTS);
  #first = 0;

  constructor(payload: number) {
    this.#payload = payload;
    this.#bytes = Buffer.allocUnsafe(SEGMENTS * payload);
  }

  /** Makes it the empty block that covers `seq`. */
  begin(seq: number): void {
    this.#first = seq - (seq % SEGMENTS);
    this.#lengths.fill(0);
  }

  covers(seq: number): boolean {
    return seq >= this.#first && seq < this.#first + SEGMENTS;
  }

  /** Takes what `datagram` holds from `start` on. */
  put(seq: number, datagram: Buffer, start: number): void {
    const index = seq - this.#first;
    this.#lengths[index] = datagram.copy(this.#bytes, index * this.#payload, start);
  }

  async writeTo(file: FileHandle): Promise<void> {
    let start = 0;
    while (start < SEGMENTS) {
      if (this.#lengths[start] === 0) {
        start += 1;
        continue;
      }
      let end = start;
      let bytes = 0;
      while (end < SEGMENTS && (this.#lengths[end] ?? 0) > 0) {
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

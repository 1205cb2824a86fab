const SPACE = 0x20;
const ZERO = 0x30;
const NINE = 0x39;

/**
 * Bytes that arrived and are not yet a whole message. One block of memory that grows by doubling,
 * so that a peer that sends a byte at a time costs no object per byte.
 */
export class ByteBuffer {
  #bytes = Buffer.alloc(0);
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  append(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.#bytes.length) this.#makeRoom(chunk.length);
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** How many bytes stand before the first `byte`, or -1. `from` skips what was searched before. */
  indexOf(byte: number, from = 0): number {
    return this.#bytes.subarray(this.#start, this.#end).indexOf(byte, from);
  }

  /** How many of the first `count` bytes are digits and spaces, up to a space; 0 if not all are. */
  lengthOfNumbers(count: number): number {
    const bytes = this.#bytes.subarray(this.#start, this.#start + count);
    const numbers = bytes.subarray(0, bytes.lastIndexOf(SPACE) + 1);
    const isDigit = (byte: number) => byte >= ZERO && byte <= NINE;
    return numbers.every((byte) => byte === SPACE || isDigit(byte)) ? numbers.length : 0;
  }

  /** Takes `count` bytes off the front, as UTF-8 text; bytes that are none become U+FFFD. */
  takeText(count: number): string {
    const text = this.#bytes.toString('utf8', this.#start, this.#start + count);
    this.skip(count);
    return text;
  }

  /** Takes everything. */
  takeBytes(): Buffer {
    const bytes = Buffer.from(this.#bytes.subarray(this.#start, this.#end));
    this.skip(bytes.length);
    return bytes;
  }

  skip(count: number): void {
    this.#start += count;
    if (this.#start >= this.#end) {
      this.#start = 0;
      this.#end = 0;
      // A long message must not hold its memory for the rest of the connection.
      if (this.#bytes.length > 4096) this.#bytes = Buffer.alloc(0);
    }
  }

  #makeRoom(extra: number): void {
    const needed = this.length + extra;
    const bytes = Buffer.allocUnsafe(Math.max(256, 2 ** Math.ceil(Math.log2(needed))));
    this.#bytes.copy(bytes, 0, this.#start, this.#end);
    this.#bytes = bytes;
    this.#end = this.length;
    this.#start = 0;
  }
}

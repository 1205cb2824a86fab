/** One bit per segment: what has come. */
export class Bitmap {
  readonly length: number;
  readonly #bits: Uint8Array;

  constructor(length: number) {
    this.length = length;
    this.#bits = new Uint8Array(Math.ceil(length / 8));
  }

  has(index: number): boolean {
    return ((this.#bits[index >>> 3] ?? 0) & (1 << (index & 7))) !== 0;
  }

  add(index: number): void {
    this.#bits[index >>> 3] = (this.#bits[index >>> 3] ?? 0) | (1 << (index & 7));
  }

  /** The first `limit` indices below `end` that are not set, in order. */
  missing(end: number, limit: number): number[] {
    const found: number[] = [];
    for (let index = 0; index < end && found.length < limit; index += 1) {
      if ((index & 7) === 0 && this.#bits[index >>> 3] === 0xff) index += 7;
      else if (!this.has(index)) found.push(index);
    }
    return found;
  }
}

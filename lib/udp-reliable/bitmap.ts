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

  /** The first index from `from` on that is not set; `length` when there is none. */
  firstMissing(from: number): number {
    let index = from;
    while (index < this.length && this.has(index)) {
      const whole = (index & 7) === 0 && this.#bits[index >>> 3] === 0xff;
      index = Math.min(this.length, index + (whole ? 8 : 1));
    }
    return index;
  }

  /** `bytes` bytes of the bits from `from` on, shifted so that the first one is the lowest bit. */
  slice(from: number, bytes: number): Uint8Array {
    const shift = from & 7;
    const first = from >>> 3;
    const out = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += 1) {
      const low = this.#bits[first + at] ?? 0;
      const high = this.#bits[first + at + 1] ?? 0;
      out[at] = (low | (high << 8)) >>> shift;
    }
    return out;
  }

  /** The runs of set bits from `from` to before `end`: each from its first to after its last. */
  runs(from: number, end: number): [number, number][] {
    const runs: [number, number][] = [];
    for (let index = from; index < end; index += 1) {
      if (!this.has(index)) continue;
      const after = Math.min(end, this.firstMissing(index));
      runs.push([index, after]);
      index = after;
    }
    return runs;
  }
}

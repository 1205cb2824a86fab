/** Parts whose counts stand together: what is never sent takes no memory. */
const PAGE = 4096;

/** How often each part has been sent; two bytes for each part. */
export class SendingCounts {
  readonly #pages = new Map<number, Uint16Array>();

  /** Counts one more sending, and says which one it is, from 1. */
  next(seq: number): number {
    const number = Math.floor(seq / PAGE);
    const page = this.#pages.get(number) ?? new Uint16Array(PAGE);
    this.#pages.set(number, page);
    const count = Math.min(0xffff, (page[seq % PAGE] ?? 0) + 1);
    page[seq % PAGE] = count;
    return count;
  }
}

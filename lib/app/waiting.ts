/** Looked at in such spans, in milliseconds: the system does not count more finely. */
const SPAN = 100;
/** Whoever uses so much of all processors himself waits for himself. */
const OWN_SHARE = 0.6;

/**
 * How long a program has waited for a processor that others had. What its own processes take from each other is no
 * excuse for it.
 */
export class Waiting {
  readonly #most: number;
  #others = 0;
  #last: { readonly time: number; readonly worked: number; readonly waited: number };

  /** @param processors of the machine. @param time in milliseconds, as are all here */
  constructor(processors: number, time: number) {
    this.#most = processors * OWN_SHARE;
    this.#last = { time, worked: 0, waited: 0 };
  }

  /**
   * @param worked how long its processes have had processors so far, in all
   * @param waited how long they have waited for one
   * @returns how long for the sake of others
   */
  at(time: number, worked: number, waited: number): number {
    const span = time - this.#last.time;
    const isOwn = worked - this.#last.worked > this.#most * span;
    const more = isOwn ? 0 : Math.max(0, waited - this.#last.waited);
    if (span < SPAN) return this.#others + more;
    this.#others += more;
    this.#last = { time, worked, waited };
    return this.#others;
  }
}

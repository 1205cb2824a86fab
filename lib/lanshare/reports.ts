import { after, type Millis, millis } from '../core/brands.ts';

/** Four reports a second, where bytes move. */
const REPORT_EVERY = millis(250);
/** The speed is that of so many reports. */
const SPEED_REPORTS = 4;

export interface Report {
  /** In bytes. */
  readonly current: number;
  /** In kB/s. */
  readonly speed: number;
}

/** When to tell how far a transfer is: often, but not too often (document, "File Transfer Progress"). */
export class Reports {
  #current: number;
  #last: Report;
  #deadline: Millis;
  readonly #earlier: { readonly at: Millis; readonly current: number }[];

  /** @param offset where it begins, in bytes. */
  constructor(offset: number, now: Millis) {
    this.#current = offset;
    this.#last = { current: offset, speed: 0 };
    this.#earlier = [{ at: now, current: offset }];
    this.#deadline = after(now, REPORT_EVERY);
  }

  /** The last one. */
  get last(): Report {
    return { current: this.#current, speed: this.#last.speed };
  }

  moved(current: number): void {
    this.#current = current;
  }

  nextTimeout(): Millis {
    return this.#deadline;
  }

  /** A report, when one is due and anything has moved. */
  onTimeout(now: Millis): Report | undefined {
    if (now < this.#deadline) return undefined;
    this.#deadline = after(now, REPORT_EVERY);
    const speed = this.#speedAt(now);
    if (this.#current === this.#last.current) return undefined;
    this.#last = { current: this.#current, speed };
    return this.#last;
  }

  #speedAt(now: Millis): number {
    const [oldest] = this.#earlier;
    this.#earlier.push({ at: now, current: this.#current });
    if (this.#earlier.length > SPEED_REPORTS) this.#earlier.shift();
    if (oldest === undefined) return 0;
    // Bytes a millisecond are kB a second.
    return Math.round((this.#current - oldest.current) / Math.max(1, now - oldest.at));
  }
}

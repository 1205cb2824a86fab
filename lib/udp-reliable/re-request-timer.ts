import { after, type Millis, millis } from '../core/brands.ts';

/** The timer's first value, and what it grows by: linear, not doubling (the document). */
export const RTO_STEP = millis(100);

/** When to ask again under the document's rules: after a silence. */
export class ReRequestTimer {
  #rto = RTO_STEP;
  /** When the wait began that the timer measures. */
  #waitingSince: Millis;

  constructor(now: Millis) {
    this.#waitingSince = now;
  }

  get rto(): Millis {
    return this.#rto;
  }

  /** A datagram that counts has come. */
  onDatagram(now: Millis): void {
    this.#waitingSince = now;
  }

  /** It was a new segment. */
  onNews(): void {
    this.#rto = RTO_STEP;
  }

  /** The wait begins anew. */
  restart(now: Millis): void {
    this.#rto = RTO_STEP;
    this.#waitingSince = now;
  }

  nextTimeout(): Millis {
    return after(this.#waitingSince, this.#rto);
  }

  onTimeout(now: Millis): void {
    this.#waitingSince = now;
    // The document adds 100 ms at each time-out; something new in between sets it back.
    this.#rto = after(this.#rto, RTO_STEP);
  }
}

import type { Millis } from '../core/brands.ts';

/** RFC 9438: how fast the window grows (segments a second cubed), and what a loss leaves of it. */
const C = 0.4;
const BETA = 0.7;
/** What the constants of CUBIC are in: a full TCP segment. */
const TCP_SEGMENT = 1460;

/** The window of TCP CUBIC (RFC 9438), for where it has to be shared with such flows. */
export class Cubic {
  #windowMax: number;
  #epochStart: Millis;
  /** What Reno would have (section 4.3). */
  #friendly: number;
  #lastUpdate: Millis;

  /** @param window bytes to begin with: as after a loss. */
  constructor(window: number, now: Millis) {
    this.#windowMax = window / TCP_SEGMENT;
    this.#friendly = this.#windowMax;
    this.#epochStart = now;
    this.#lastUpdate = now;
  }

  /** Packets were dropped by a full queue; returns the new window. */
  onLoss(window: number, now: Millis): number {
    const segments = window / TCP_SEGMENT;
    // Fast convergence (section 4.7): a flow that shrinks leaves room to the others.
    this.#windowMax = segments < this.#windowMax ? (segments * (1 + BETA)) / 2 : segments;
    this.#epochStart = now;
    this.#lastUpdate = now;
    this.#friendly = segments * BETA;
    return window * BETA;
  }

  /** The window at `now`, in bytes. */
  window(now: Millis, rtt: number): number {
    const seconds = (now - this.#epochStart) / 1000;
    const k = Math.cbrt((this.#windowMax * (1 - BETA)) / C);
    const cubic = C * (seconds - k) ** 3 + this.#windowMax;
    const alpha = (3 * (1 - BETA)) / (1 + BETA);
    this.#friendly += (alpha * (now - this.#lastUpdate)) / rtt;
    this.#lastUpdate = now;
    return Math.max(cubic, this.#friendly) * TCP_SEGMENT;
  }
}

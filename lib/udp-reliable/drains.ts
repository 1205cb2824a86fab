import type { Millis } from '../core/brands.ts';

const EVERY_MS = 1000;
/** How long one lasts, and how long it is seen afterwards, in round trips. */
const RTTS = 1.25;
const SEEN_RTTS = 2.5;
/** A queue that is left and is shorter says nothing: timers are not finer. */
const LEAST_LEFT_MS = 4;

/**
 * When all flows let the queue run empty together, and whether it did. By the wall clock, so that
 * those of different machines do it at the same time. Round trips are in milliseconds: `base` is that
 * with an empty queue, `current` that by now.
 */
export class Drains {
  /** The drain that `#rtt` is of, and the last one that was judged. */
  #drained: number | undefined;
  #judged: number | undefined;
  /** The shortest round trip in the drain, and before it. */
  #rtt = Number.POSITIVE_INFINITY;
  #rttBefore = Number.POSITIVE_INFINITY;

  /** Whether it is time to let the queue run empty. */
  isOn(now: Millis, base: number, current: number): boolean {
    return now % periodOf(base) < RTTS * current;
  }

  noteRtt(rtt: number, now: Millis, base: number, current: number): void {
    const period = periodOf(base);
    if (now % period > SEEN_RTTS * current) return;
    const drain = Math.floor(now / period);
    this.#rtt = drain === this.#drained ? Math.min(this.#rtt, rtt) : rtt;
    this.#drained = drain;
  }

  /**
   * Looks at the drain that is over, once.
   * @param rtt of the round that has ended.
   * @returns whether somebody else keeps the queue long; `undefined` when there is nothing to tell.
   */
  judge(rtt: number, now: Millis, base: number, current: number): boolean | undefined {
    const period = periodOf(base);
    if (now % period <= SEEN_RTTS * current) return undefined;
    const drain = Math.floor(now / period);
    const isNew = drain !== this.#judged;
    const seen = isNew && this.#judged !== undefined && this.#drained === drain;
    const left = this.#rtt - base;
    const before = this.#rttBefore - base;
    this.#judged = drain;
    this.#rttBefore = rtt;
    return seen ? left > Math.max(LEAST_LEFT_MS, before / 2) : undefined;
  }
}

/** From one drain to the next, in milliseconds; longer on a long way. */
function periodOf(base: number): number {
  return EVERY_MS * 2 ** Math.max(0, Math.round(Math.log2(base / 100)));
}

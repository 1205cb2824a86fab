import type { Millis } from '../core/brands.ts';

const EVERY_MS = 1000;
/** How long one lasts, and how long it is seen afterwards, in round trips. */
const RTTS = 1.25;
const SEEN_RTTS = 2.5;
/** A queue that is left and is shorter says nothing: timers are not finer. */
const LEAST_LEFT_MS = 4;

/** What is known of the path, in milliseconds: the round trip with an empty queue, and by now. */
interface RoundTrip {
  readonly base: number;
  readonly current: number;
}

/**
 * When all flows let the queue run empty together, and whether it did. By the wall clock, so that
 * those of different machines do it at the same time.
 */
export class Drains {
  /** The drain that `#rtt` is of, and the last one that was judged. */
  #drained: number | undefined;
  #judged: number | undefined;
  /** The shortest round trip in the drain, and before it. */
  #rtt = Number.POSITIVE_INFINITY;
  #rttBefore = Number.POSITIVE_INFINITY;

  /** Whether it is time to let the queue run empty. */
  isOn(now: Millis, trip: RoundTrip): boolean {
    return drainAt(now, trip).since < RTTS * trip.current;
  }

  noteRtt(rtt: number, now: Millis, trip: RoundTrip): void {
    const { number, since } = drainAt(now, trip);
    if (since > SEEN_RTTS * trip.current) return;
    if (number !== this.#drained) this.#rtt = Number.POSITIVE_INFINITY;
    this.#drained = number;
    this.#rtt = Math.min(this.#rtt, rtt);
  }

  /**
   * Looks at the drain that is over, once.
   * @param rtt of the round that has ended.
   * @returns whether somebody else keeps the queue long; `undefined` when there is nothing to tell.
   */
  judge(rtt: number, now: Millis, trip: RoundTrip): boolean | undefined {
    const { number, since } = drainAt(now, trip);
    if (since <= SEEN_RTTS * trip.current) return undefined;
    const isNew = number !== this.#judged;
    const seen = isNew && this.#judged !== undefined && this.#drained === number;
    const left = this.#rtt - trip.base;
    const before = this.#rttBefore - trip.base;
    this.#judged = number;
    this.#rttBefore = rtt;
    return seen ? left > Math.max(LEAST_LEFT_MS, before / 2) : undefined;
  }
}

/** Which drain it is, or was last, and the milliseconds since it began; fewer on a long way. */
function drainAt(now: Millis, { base }: RoundTrip): { number: number; since: number } {
  const every = EVERY_MS * 2 ** Math.max(0, Math.round(Math.log2(base / 100)));
  return { number: Math.floor(now / every), since: now % every };
}

import { type Millis, millis } from '../core/brands.ts';

/** The clocks of two machines drift apart, so the least delay is looked for anew after this long. */
const KEPT_MS = 5000;
/** After a silence of half of what 32 bits of microseconds hold, nothing can be told. */
const LONGEST_SILENCE_MS = 2 ** 31 / 1000;

/**
 * Tells when the other side wrote what has come, as if it had come at once: on the shortest way
 * there is, and read without delay. So what waits to be read here does not look like a slow path.
 */
export class RemoteClock {
  /** The latest reading, and the same in microseconds without the wraps. */
  #last: number | undefined;
  #remote = 0;
  /** The least of the current few seconds, and of those before. */
  #delay = Number.POSITIVE_INFINITY;
  #delayBefore = Number.POSITIVE_INFINITY;
  #since: Millis | undefined;
  #readAt = millis(0);

  /** @param clock microseconds of the other side's clock, modulo 2^32. @returns at most `now`. */
  read(clock: number, now: Millis): Millis {
    if (now - this.#readAt > LONGEST_SILENCE_MS / 2) this.#restart();
    this.#readAt = now;
    // The difference of two readings modulo 2^32, also of one that was overtaken.
    this.#remote += (clock - (this.#last ?? clock)) | 0;
    this.#last = clock;
    const remote = this.#remote / 1000;
    this.#since ??= now;
    if (now - this.#since > KEPT_MS) {
      this.#delayBefore = this.#delay;
      this.#delay = Number.POSITIVE_INFINITY;
      this.#since = now;
    }
    this.#delay = Math.min(this.#delay, now - remote);
    return millis(Math.min(now, remote + Math.min(this.#delay, this.#delayBefore)));
  }

  #restart(): void {
    this.#last = undefined;
    this.#delay = Number.POSITIVE_INFINITY;
    this.#delayBefore = Number.POSITIVE_INFINITY;
  }
}

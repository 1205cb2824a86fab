import { after, type Millis, millis } from '../core/brands.ts';

/** A feedback after this many datagrams, or this long after the first that it would tell of. */
const DATAGRAMS = 64;
const DELAY = millis(4);
/** In silence the feedback is repeated, since the last one may be lost; less and less often at last. */
const FIRST_REPEAT = millis(20);
const QUICK_REPEATS = 10;
const LONGEST_REPEAT = millis(250);

/** When the client of the fast profile is to send a feedback. */
export class FeedbackTimer {
  #untold = 0;
  #untoldSince: Millis;
  #toldAt: Millis;
  #repeat = FIRST_REPEAT;
  /** Feedbacks in a row that had nothing new to tell. */
  #silent = 0;
  /** Datagrams after which a feedback goes at once. */
  batch = DATAGRAMS;

  constructor(now: Millis) {
    this.#untoldSince = now;
    this.#toldAt = now;
  }

  /** A datagram has come; says whether a feedback is due at once. */
  onDatagram(now: Millis): boolean {
    if (this.#untold === 0) this.#untoldSince = now;
    this.#untold += 1;
    return this.#untold >= this.batch;
  }

  onTold(now: Millis): void {
    this.#silent = this.#untold > 0 ? 0 : this.#silent + 1;
    if (this.#silent === 0) this.#repeat = FIRST_REPEAT;
    else if (this.#silent > QUICK_REPEATS) {
      this.#repeat = millis(Math.min(LONGEST_REPEAT, 1.5 * this.#repeat));
    }
    this.#untold = 0;
    this.#toldAt = now;
  }

  /** @param repeating whether more is expected. */
  nextTimeout(repeating: boolean): Millis | undefined {
    if (this.#untold > 0) return after(this.#untoldSince, DELAY);
    return repeating ? after(this.#toldAt, this.#repeat) : undefined;
  }
}

import { after, type Millis, millis } from '../core/brands.ts';
import { Bitmap } from './bitmap.ts';
import { firstHalfOf, HEADER_BYTES, readSequenceNumber, SEGMENT_PAYLOAD } from './segment.ts';

/** The timer's first value, and what it grows by: linear, not doubling (the document). */
export const RTO_STEP = millis(100);
/** With nothing at all for this long, a side gives up (PROTOCOL.md, "Download"). */
export const GIVE_UP_AFTER = millis(30_000);
/** Numbers asked for at one time-out; what is missing beyond them is asked for at the next. */
const MAX_REQUESTED = 100_000;

export const INVALID = -1;
export const DUPLICATE = -2;

export type ReceiverPhase = 'first-half' | 'asking' | 'second-half' | 'complete';

export type ReceiverEffect =
  | { readonly type: 'request-again'; readonly seqs: readonly number[] }
  | { readonly type: 'give-up' };

/** What came and what did not count, for the user and for tests. */
export interface ReceiverCounts {
  received: number;
  duplicates: number;
  invalid: number;
  reRequests: number;
}

/**
 * The receiving half of the selective repeat: which segments are there, when to ask again and for
 * what. (Document, "How the download works"; PROTOCOL.md, "Download".)
 */
export class Receiver {
  readonly segmentCount: number;
  readonly counts: ReceiverCounts = { received: 0, duplicates: 0, invalid: 0, reRequests: 0 };
  readonly #half: number;
  readonly #have: Bitmap;
  #missingOfHalf: number;
  #phase: ReceiverPhase;
  #rto = RTO_STEP;
  /** When the wait began that the timer measures. */
  #waitingSince: Millis;
  #lastHeard: Millis;

  constructor(segmentCount: number, now: Millis) {
    this.segmentCount = segmentCount;
    this.#half = firstHalfOf(segmentCount);
    this.#missingOfHalf = this.#half;
    this.#have = new Bitmap(segmentCount);
    this.#phase = segmentCount === 0 ? 'complete' : segmentCount < 2 ? 'second-half' : 'first-half';
    this.#waitingSince = now;
    this.#lastHeard = now;
  }

  /** `asking` while the user thinks: no timer runs. */
  get phase(): ReceiverPhase {
    return this.#phase;
  }

  /** The current time-out, for tests. */
  get rto(): Millis {
    return this.#rto;
  }

  /**
   * Looks at a datagram: the sequence number of a segment that is wanted, or {@link INVALID}, or
   * {@link DUPLICATE}. Nothing is changed but counts and the wait; {@link accept} takes it.
   */
  inspect(datagram: Buffer, now: Millis): number {
    const seq = readSequenceNumber(datagram);
    const length = datagram.length - HEADER_BYTES;
    const last = this.segmentCount - 1;
    // Only the server knows how long the last segment is.
    const fits =
      seq < last ? length === SEGMENT_PAYLOAD : seq === last && length <= SEGMENT_PAYLOAD;
    if (seq < 0 || !fits) {
      this.counts.invalid += 1;
      return INVALID;
    }
    this.#waitingSince = now;
    this.#lastHeard = now;
    if (!this.#have.has(seq)) return seq;
    this.counts.duplicates += 1;
    return DUPLICATE;
  }

  /** Counts segment `seq` as there. */
  accept(seq: number): void {
    this.#have.add(seq);
    this.counts.received += 1;
    this.#rto = RTO_STEP;
    if (seq < this.#half) {
      this.#missingOfHalf -= 1;
      if (this.#missingOfHalf === 0 && this.#phase === 'first-half') this.#phase = 'asking';
    }
    this.#completeIfWhole();
  }

  /** The user wants the second half. */
  proceed(now: Millis): void {
    if (this.#phase !== 'asking') return;
    this.#phase = 'second-half';
    this.#rto = RTO_STEP;
    this.#waitingSince = now;
    this.#lastHeard = now;
    this.#completeIfWhole();
  }

  nextTimeout(): Millis | undefined {
    if (this.#phase === 'asking' || this.#phase === 'complete') return undefined;
    return after(this.#waitingSince, this.#rto);
  }

  onTimeout(now: Millis): readonly ReceiverEffect[] {
    const deadline = this.nextTimeout();
    if (deadline === undefined || now < deadline) return [];
    if (now - this.#lastHeard >= GIVE_UP_AFTER) return [{ type: 'give-up' }];
    this.#waitingSince = now;
    // The document adds 100 ms at each time-out; something new in between sets it back.
    this.#rto = after(this.#rto, RTO_STEP);
    this.counts.reRequests += 1;
    const end = this.#phase === 'first-half' ? this.#half : this.segmentCount;
    return [{ type: 'request-again', seqs: this.#have.missing(end, MAX_REQUESTED) }];
  }

  #completeIfWhole(): void {
    // While the user is asked, the answer decides, even if everything came meanwhile.
    if (this.#phase !== 'asking' && this.counts.received === this.segmentCount) {
      this.#phase = 'complete';
    }
  }
}

import { type Millis, millis } from '../core/brands.ts';
import { Pacer } from './pacer.ts';
import { RoundRate } from './rate.ts';
import { DATAGRAM_BYTES, firstHalfOf } from './segment.ts';
import type { Share, SharedPacer } from './shared-pacer.ts';

/** Datagrams that may go at once: a receive buffer of 212,992 bytes holds a good 40 of them. */
const BURST = 24;
/** Re-requests that wait to be answered; what is beyond is asked for again by the receiver. */
const MAX_PENDING = 16_384;

export interface SenderOptions {
  readonly segmentCount: number;
  /** The pacer that all downloads of a server share. */
  readonly shared: SharedPacer;
}

/**
 * The sending half of the selective repeat: which segments go, and when. It sends the first half,
 * holds until it hears `proceed`, then sends the rest; what is asked for again goes first.
 * (Document, "How the download works"; PROTOCOL.md, "Download".)
 */
export class Sender {
  readonly segmentCount: number;
  readonly #half: number;
  readonly #own: Pacer;
  readonly #share: Share;
  readonly #rate: RoundRate;
  readonly #again = new Set<number>();
  /** The next segment that was never sent. */
  #next = 0;
  #proceeded: boolean;

  constructor(options: SenderOptions) {
    this.segmentCount = options.segmentCount;
    this.#half = firstHalfOf(options.segmentCount);
    this.#rate = new RoundRate();
    this.#own = new Pacer(this.#rate.bytesPerSecond, BURST * DATAGRAM_BYTES);
    this.#share = options.shared.newShare();
    this.#proceeded = options.segmentCount < 2;
  }

  /** Whether the second half may go. */
  get proceeded(): boolean {
    return this.#proceeded;
  }

  /** Whether everything that may go has gone. */
  get idle(): boolean {
    return this.#again.size === 0 && this.#next >= this.#end;
  }

  /** Whether every segment was sent at least once and no re-request waits. */
  get allSent(): boolean {
    return this.idle && this.#next >= this.segmentCount;
  }

  proceed(): void {
    if (this.#proceeded) return;
    this.#proceeded = true;
    this.#rate.endRound();
  }

  /**
   * Takes a re-request.
   * @returns how many numbers were of no use: out of range, or of the half that is held back.
   */
  requestAgain(seqs: readonly number[]): number {
    let ignored = 0;
    let lost = 0;
    for (const seq of seqs) {
      if (seq >= this.#end) ignored += 1;
      // What was not sent yet comes in its turn.
      else if (seq < this.#next && !this.#again.has(seq) && this.#again.size < MAX_PENDING) {
        this.#again.add(seq);
        lost += 1;
      }
    }
    this.#rate.onLost(lost);
    return ignored;
  }

  /** Fills `out` with the segments that are to be sent now; returns how many. */
  take(now: Millis, out: Uint32Array): number {
    this.#share.active = !this.idle;
    const room = Math.min(out.length, this.#allowed(now));
    let count = 0;
    for (const seq of this.#again) {
      if (count >= room) break;
      this.#again.delete(seq);
      out[count++] = seq;
    }
    while (count < room && this.#next < this.#end) out[count++] = this.#next++;
    if (count > 0) {
      this.#rate.onSent(count);
      this.#own.rate = this.#rate.bytesPerSecond;
      this.#own.spend(count * DATAGRAM_BYTES);
      this.#share.spend(count * DATAGRAM_BYTES);
    }
    return count;
  }

  /** Nothing more will be sent. */
  stop(): void {
    this.#share.active = false;
  }

  /** When {@link take} will have something; `undefined` while there is nothing to send. */
  nextTimeout(now: Millis): Millis | undefined {
    if (this.idle) return undefined;
    const own = this.#own.readyAt(DATAGRAM_BYTES, now);
    const shared = this.#share.readyAt(now);
    return millis(Math.max(own, shared));
  }

  /** Datagrams that may go now. */
  #allowed(now: Millis): number {
    const bytes = Math.min(this.#own.available(now), this.#share.available(now));
    return Math.floor(bytes / DATAGRAM_BYTES);
  }

  get #end(): number {
    return this.#proceeded ? this.segmentCount : this.#half;
  }
}

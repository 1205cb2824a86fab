import { earliest, type Millis, millis } from '../core/brands.ts';
import { DocumentFlow } from './document-flow.ts';
import type { Feedback } from './feedback.ts';
import { FeedbackFlow } from './feedback-flow.ts';
import type { Flow } from './flow.ts';
import { firstHalfOf, HEADER_BYTES, SEGMENT_PAYLOAD } from './segment.ts';
import type { Share } from './shared-pacer.ts';

/** Re-requests that wait to be answered; what is beyond is asked for again by the receiver. */
const MAX_PENDING = 16_384;
/** The share of all segments that may go as copies at the end. */
const MOST_COPIED = 0.02;

export interface SenderOptions {
  readonly segmentCount: number;
  /** Bytes of the file in one segment, when they are not the document's. */
  readonly payload?: number;
  /** By feedback (the fast profile), or by re-requests (the document). */
  readonly fast?: boolean;
  /** Under the document's rules, when only silence ends the client's messages: how long its latest
   * answer took. */
  readonly bareResponse?: Millis | undefined;
  /** Both sides are on this machine. */
  readonly local?: boolean;
  /** What this download may take of the rates that it shares with others, or has for itself. */
  readonly shares: readonly Share[];
}

/**
 * The sending half of the selective repeat: which segments go, and when. It sends the first half,
 * holds until it hears `proceed`, then sends the rest; what is lost, or asked for again, goes first.
 * (Document, "How the download works"; PROTOCOL.md, "Download" and "The fast profile".)
 */
export class Sender {
  readonly segmentCount: number;
  readonly #half: number;
  readonly #datagramBytes: number;
  readonly #shares: readonly Share[];
  readonly #flow: Flow;
  readonly #again = new Set<number>();
  /** The next segment that was never sent. */
  #next = 0;
  #proceeded: boolean;
  /** How many copies may still go. */
  #copies: number;

  constructor(options: SenderOptions) {
    const {
      segmentCount,
      payload = SEGMENT_PAYLOAD,
      fast = false,
      local = false,
      bareResponse,
      shares,
    } = options;
    this.segmentCount = segmentCount;
    this.#half = firstHalfOf(segmentCount);
    this.#datagramBytes = HEADER_BYTES + payload;
    this.#flow = fast
      ? new FeedbackFlow(this.#datagramBytes, local)
      : new DocumentFlow(segmentCount, bareResponse);
    this.#shares = shares;
    this.#copies = Math.floor(MOST_COPIED * segmentCount);
    this.#proceeded = segmentCount < 2;
  }

  /** Whether the second half may go. */
  get proceeded(): boolean {
    return this.#proceeded;
  }

  /** Bytes a second that it goes at by now, about. */
  get rate(): number {
    return this.#flow.rate;
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
    this.#flow.onProceed();
  }

  /**
   * Takes a re-request.
   * @returns how many numbers were of no use: out of range, or of the half that is held back.
   */
  requestAgain(seqs: readonly number[], now: Millis): number {
    // What was not sent yet comes in its turn.
    const end = Math.min(this.#next, this.#flow.tooNew(now));
    const sent = seqs.filter((seq) => seq < end && !this.#again.has(seq));
    const request = {
      lost: sent.length,
      next: seqs.includes(this.#next),
      last: seqs.includes(this.#end - 1),
    };
    if (this.#flow.onRequested(request, now)) {
      for (const seq of sent.slice(0, MAX_PENDING - this.#again.size)) this.#again.add(seq);
    }
    return seqs.filter((seq) => seq >= this.#end).length;
  }

  /** In the fast profile: what the receiver has by now. */
  onFeedback(feedback: Feedback, now: Millis): void {
    if (feedback.base > this.segmentCount) return;
    if (feedback.proceed) this.proceed();
    for (const seq of this.#flow.onFeedback(feedback, now)) this.#again.add(seq);
    this.#next = Math.max(this.#next, this.#flow.base);
  }

  /** Fills `out` with the segments that are to be sent now; returns how many. */
  take(now: Millis, out: Uint32Array): number {
    const flow = this.#flow;
    const probe = flow.onTimeout(now);
    if (probe !== undefined) this.#again.add(probe);
    const idle = this.idle;
    for (const share of this.#shares) share.active = !idle;
    const room = Math.min(out.length, this.#allowed(now));
    let count = 0;
    // At the end each lost one is waited for: one round trip less is worth a few copies.
    const copies =
      this.#next >= this.segmentCount ? flow.copies(this.#again.size, this.#copies) : 1;
    for (const seq of this.#again) {
      if (count >= room) break;
      this.#again.delete(seq);
      if (flow.has(seq)) continue;
      out[count++] = seq;
      for (let copy = 1; copy < copies && count < room && this.#copies > 0; copy += 1) {
        out[count++] = seq;
        this.#copies -= 1;
      }
    }
    const end = Math.min(this.#end, flow.horizon);
    for (; count < room && this.#next < end; this.#next += 1) {
      if (!flow.has(this.#next)) out[count++] = this.#next;
    }
    if (count > 0) {
      flow.onSent(out, count, now);
      for (const share of this.#shares) share.spend(count * this.#datagramBytes);
    }
    return count;
  }

  /** Nothing more will be sent. */
  stop(): void {
    for (const share of this.#shares) share.active = false;
  }

  /** When {@link take} will have something; `undefined` while there is nothing to send. */
  nextTimeout(now: Millis): Millis | undefined {
    const probe = this.#flow.nextTimeout();
    const blocked = this.#again.size === 0 && this.#next >= this.#flow.horizon;
    if (this.idle || blocked) return probe;
    const ready = this.#flow.readyAt(now);
    if (ready === undefined) return probe;
    const shared = this.#shares.map((share) => share.readyAt(now));
    return earliest(probe, millis(Math.max(ready, ...shared)));
  }

  /** Datagrams that may go now. */
  #allowed(now: Millis): number {
    let allowed = this.#flow.allowed(now);
    for (const share of this.#shares) {
      allowed = Math.min(allowed, Math.floor(share.available(now) / this.#datagramBytes));
    }
    return allowed;
  }

  get #end(): number {
    return this.#proceeded ? this.segmentCount : this.#half;
  }
}

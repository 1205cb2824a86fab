import { type Millis, millis, type Port } from '../core/brands.ts';
import { Bitmap } from './bitmap.ts';
import { encodeFeedback, FEEDBACK_WINDOW, NOTHING_YET } from './feedback.ts';
import { FeedbackTimer } from './feedback-timer.ts';
import { ReRequestTimer } from './re-request-timer.ts';
import { firstHalfOf, HEADER_BYTES, readSequenceNumber, SEGMENT_PAYLOAD } from './segment.ts';

/** With nothing at all for this long, a side gives up (PROTOCOL.md, "Download"). */
export const GIVE_UP_AFTER = millis(30_000);
/** Numbers asked for at one time-out; what is missing beyond them is asked for at the next. */
const MAX_REQUESTED = 100_000;

export const INVALID = -1;
export const DUPLICATE = -2;

export type ReceiverPhase = 'first-half' | 'asking' | 'second-half' | 'complete';

export type ReceiverEffect =
  | { readonly type: 'request-again'; readonly seqs: readonly number[] }
  /** {@link Receiver.writeFeedback} is to be sent. */
  | { readonly type: 'send-feedback' }
  | { readonly type: 'give-up' };

/** What came and what did not count, for the user and for tests. */
export interface ReceiverCounts {
  received: number;
  duplicates: number;
  invalid: number;
  reRequests: number;
  /** Of those received: had already from an earlier attempt. */
  kept: number;
}

/** A run of bytes of the file, from `start` to before `end`. */
export type ByteRange = readonly [start: number, end: number];

/** What the fast profile adds. */
export interface FastReceiverOptions {
  /** What the server calls the file as it is now. */
  readonly id: string;
  /** Where the server hears feedback, and sends from. */
  readonly port: Port;
  readonly key: number;
  readonly size: number;
  readonly payload: number;
  /** What is there from an earlier attempt, in order. */
  readonly have: readonly ByteRange[];
  /** The user has said that it is to go on at 50 %. */
  readonly proceed: boolean;
}

/**
 * The receiving half of the selective repeat: which segments are there, when to ask again and for
 * what. (Document, "How the download works"; PROTOCOL.md, "Download" and "The fast profile".)
 */
export class Receiver {
  readonly segmentCount: number;
  /** Bytes of a segment; the last one may be shorter. */
  readonly payload: number;
  readonly fast: FastReceiverOptions | undefined;
  readonly counts: ReceiverCounts = {
    received: 0,
    duplicates: 0,
    invalid: 0,
    reRequests: 0,
    kept: 0,
  };
  readonly #half: number;
  readonly #have: Bitmap;
  readonly #timer: ReRequestTimer;
  readonly #feedback: FeedbackTimer;
  #missingOfHalf: number;
  #phase: ReceiverPhase;
  #proceeded: boolean;
  #lastHeard: Millis;
  /** Everything below is there. */
  #base = 0;
  #newest = NOTHING_YET;
  #newestAt: Millis;
  #end = 0;
  #credit = 0;

  constructor(segmentCount: number, now: Millis, fast?: FastReceiverOptions) {
    this.segmentCount = segmentCount;
    this.fast = fast;
    this.payload = fast?.payload ?? SEGMENT_PAYLOAD;
    this.#half = firstHalfOf(segmentCount);
    this.#missingOfHalf = this.#half;
    this.#have = new Bitmap(segmentCount);
    this.#proceeded = segmentCount < 2 || (fast?.proceed ?? false);
    this.#phase = this.#proceeded ? 'second-half' : 'first-half';
    this.#timer = new ReRequestTimer(now);
    this.#feedback = new FeedbackTimer(now);
    this.#lastHeard = now;
    this.#newestAt = now;
    for (const range of fast?.have ?? []) this.#keep(range);
    this.#settle();
  }

  /** `asking` while the user thinks: no timer runs. */
  get phase(): ReceiverPhase {
    return this.#phase;
  }

  /** Whether the second half may come. */
  get proceeded(): boolean {
    return this.#proceeded;
  }

  /** The current time-out. */
  get rto(): Millis {
    return this.#timer.rto;
  }

  /**
   * Looks at a datagram: the sequence number of a segment that is wanted, or {@link INVALID}, or
   * {@link DUPLICATE}. Nothing is changed but counts and the wait; {@link accept} takes it.
   */
  inspect(datagram: Buffer, now: Millis): number {
    const seq = readSequenceNumber(datagram);
    const length = datagram.length - HEADER_BYTES;
    if (seq < 0 || !this.#fits(seq, length)) {
      this.counts.invalid += 1;
      return INVALID;
    }
    this.#timer.onDatagram(now);
    this.#lastHeard = now;
    this.#newest = seq;
    this.#newestAt = now;
    if (!this.#have.has(seq)) return seq;
    this.counts.duplicates += 1;
    return DUPLICATE;
  }

  /** Counts segment `seq` as there. */
  accept(seq: number): void {
    this.#add(seq);
    this.#timer.onNews();
    this.#settle();
  }

  /** The user wants the second half. */
  proceed(now: Millis): void {
    if (this.#phase !== 'asking') return;
    this.#proceeded = true;
    this.#phase = 'second-half';
    this.#timer.restart(now);
    this.#lastHeard = now;
    this.#settle();
  }

  nextTimeout(): Millis | undefined {
    const waiting = this.#phase !== 'asking' && this.#phase !== 'complete';
    if (this.fast !== undefined) return this.#feedback.nextTimeout(waiting);
    return waiting ? this.#timer.nextTimeout() : undefined;
  }

  onTimeout(now: Millis): readonly ReceiverEffect[] {
    const deadline = this.nextTimeout();
    if (deadline === undefined || now < deadline) return [];
    const waiting = this.#phase !== 'asking' && this.#phase !== 'complete';
    if (waiting && now - this.#lastHeard >= GIVE_UP_AFTER) return [{ type: 'give-up' }];
    if (this.fast !== undefined) return [{ type: 'send-feedback' }];
    this.#timer.onTimeout(now);
    this.counts.reRequests += 1;
    const end = this.#proceeded ? this.segmentCount : this.#half;
    return [{ type: 'request-again', seqs: this.#have.missing(end, MAX_REQUESTED) }];
  }

  /** In the fast profile: a datagram was looked at; says whether a feedback is due at once. */
  feedbackDue(now: Millis): boolean {
    return this.#feedback.onDatagram(now);
  }

  /** In the fast profile: how many datagrams may be on their way at once. */
  set credit(datagrams: number) {
    this.#credit = Math.max(0, Math.min(0xffff, Math.floor(datagrams)));
    this.#feedback.batch = Math.max(1, Math.min(64, this.#credit >> 2));
  }

  /** In the fast profile: writes what is there into `out`; returns the length. */
  writeFeedback(out: Buffer, now: Millis): number {
    this.#feedback.onTold(now);
    const bytes = Math.ceil(Math.max(0, Math.min(this.#end - this.#base, FEEDBACK_WINDOW)) / 8);
    return encodeFeedback(
      {
        key: this.fast?.key ?? 0,
        proceed: this.#proceeded,
        credit: this.#credit,
        newest: this.#newest,
        heldFor: Math.round((now - this.#newestAt) * 1000) % 2 ** 32,
        clock: Math.round(now * 1000) % 2 ** 32,
        received: (this.counts.received - this.counts.kept + this.counts.duplicates) % 2 ** 32,
        base: this.#base,
        bitmap: this.#have.slice(this.#base, bytes),
      },
      out,
    );
  }

  /** Every segment below this one is there. */
  get contiguous(): number {
    return this.#base;
  }

  /** What is there, as byte ranges of the file, to go on from another time. */
  ranges(): ByteRange[] {
    const size = this.fast?.size ?? this.segmentCount * this.payload;
    const runs = this.#have.runs(this.#base, this.#end);
    const whole: [number, number][] = this.#base > 0 ? [[0, this.#base], ...runs] : runs;
    return whole.map(([start, end]) => [start * this.payload, Math.min(size, end * this.payload)]);
  }

  /** Takes the segments that lie wholly in what an earlier attempt has left. */
  #keep([start, end]: ByteRange): void {
    const size = this.fast?.size ?? 0;
    const first = Math.ceil(start / this.payload);
    const last = end >= size ? this.segmentCount : Math.floor(end / this.payload);
    for (let seq = first; seq < last; seq += 1) {
      if (this.#have.has(seq)) continue;
      this.#add(seq);
      this.counts.kept += 1;
    }
  }

  #add(seq: number): void {
    this.#have.add(seq);
    this.counts.received += 1;
    if (seq >= this.#end) this.#end = seq + 1;
    if (seq === this.#base) this.#base = this.#have.firstMissing(seq);
    if (seq < this.#half) this.#missingOfHalf -= 1;
  }

  #settle(): void {
    if (this.#missingOfHalf === 0 && this.#phase === 'first-half') this.#phase = 'asking';
    // While the user is asked, the answer decides, even if everything came meanwhile.
    if (this.#phase !== 'asking' && this.counts.received === this.segmentCount) {
      this.#phase = 'complete';
    }
  }

  #fits(seq: number, length: number): boolean {
    const last = this.segmentCount - 1;
    // So far ahead the server must not be; what is there has to stay easy to tell.
    if (this.fast !== undefined && seq >= this.#base + FEEDBACK_WINDOW) return false;
    if (seq !== last) return seq < last && length === this.payload;
    // Under the document's rules only the server knows how long the last segment is.
    return this.fast === undefined
      ? length <= this.payload
      : length === this.fast.size - last * this.payload;
  }
}

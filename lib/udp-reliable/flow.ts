import type { Millis } from '../core/brands.ts';
import type { Feedback } from './feedback.ts';

/** What a re-request says of the segments that were sent, and of those that were not yet. */
export interface Requested {
  /** How many of those it names were sent. */
  readonly lost: number;
  /** Whether it names the next one that was never sent, and the last one that can be missing. */
  readonly next: boolean;
  readonly last: boolean;
}

/** What tells a {@link Sender} how much may go, and when; and what is known of the other side. */
export interface Flow {
  /** Bytes a second, about. */
  readonly rate: number;
  /** Every segment below is known to have come. */
  readonly base: number;
  /** The highest segment that may be sent by now, plus one. */
  readonly horizon: number;
  /** Whether segment `seq` is known to have come. */
  has(seq: number): boolean;
  /**
   * How often to send each of `lost` segments when nothing else is left to send.
   * @param spare datagrams that may go more than once.
   */
  copies(lost: number, spare: number): number;
  /** Datagrams that may go now. */
  allowed(now: Millis): number;
  /** The first `count` of `seqs` go. */
  onSent(seqs: Uint32Array, count: number, now: Millis): void;
  /** When the next one may go; `undefined`: not before something is heard. */
  readyAt(now: Millis): Millis | undefined;
  /** What the client has by now; returns the segments that are lost. */
  onFeedback(feedback: Feedback, now: Millis): readonly number[];
  /** A re-request; returns whether to send them again. */
  onRequested(request: Requested, now: Millis): boolean;
  /** Segments from this one on were sent for the first time so lately that none can miss them. */
  tooNew(now: Millis): number;
  /** The second half may go: all of the first has come. */
  onProceed(): void;
  /** When {@link Flow.onTimeout} has something to do. */
  nextTimeout(): Millis | undefined;
  /** Returns the segment to send again, to hear something. */
  onTimeout(now: Millis): number | undefined;
}

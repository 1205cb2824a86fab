import type { Millis } from '../core/brands.ts';

/** What tells a {@link Sender} how much may go, and when. */
export interface Flow {
  /** Datagrams that may go now. */
  allowed(now: Millis): number;
  /** The first `count` of `seqs` go. */
  onSent(seqs: Uint32Array, count: number, now: Millis): void;
  /** When the next one may go; `undefined`: not before something is heard. */
  readyAt(now: Millis): Millis | undefined;
  /** Bytes a second, about. */
  readonly rate: number;
  /** The highest segment that may be sent by now, plus one. */
  readonly horizon: number;
}

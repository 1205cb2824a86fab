import { after, type Millis, millis } from '../core/brands.ts';
import { CongestionWindow } from './congestion-window.ts';
import { FEEDBACK_WINDOW, type Feedback } from './feedback.ts';
import type { Flow } from './flow.ts';
import { Pacer } from './pacer.ts';
import { Transmissions } from './transmissions.ts';

/** What may go at once: a timer does not ring more often than every millisecond. */
const BURST_MS = 2;
const LEAST_BURST = 4;
/** Datagrams on their way before the client has said how many it can hold. */
const FIRST_CREDIT = 64;
/** With no feedback for this long, the oldest datagram counts as lost, to hear something. */
const FIRST_SILENCE = millis(300);
const LONGEST_SILENCE = millis(2000);

/** How many segments may be lost in all copies at the end, on average, and how many copies there are. */
const COPIES_FAIL = 0.05;
const MOST_COPIES = 6;

/** In the fast profile: as much under way as the path and the client can hold. */
export class FeedbackFlow implements Flow {
  readonly #datagramBytes: number;
  readonly #transmissions = new Transmissions();
  readonly #window: CongestionWindow;
  readonly #pacer: Pacer;
  #credit = FIRST_CREDIT;
  /** Since when nothing was heard, while something was on its way; and how long that may last. */
  #waitingSince: Millis | undefined;
  #silence = FIRST_SILENCE;

  /** @param datagramBytes of a full one. @param local both sides are on this machine. */
  constructor(datagramBytes: number, local: boolean) {
    this.#window = new CongestionWindow(local);
    this.#datagramBytes = datagramBytes;
    this.#pacer = new Pacer(this.#window.pace, LEAST_BURST * datagramBytes);
  }

  get horizon(): number {
    return this.#transmissions.base + FEEDBACK_WINDOW;
  }

  get base(): number {
    return this.#transmissions.base;
  }

  get rate(): number {
    return this.#window.rate;
  }

  /** So often that one round does for these and for what is lost of those on their way. */
  copies(lost: number, spare: number): number {
    const { ownLoss } = this.#window;
    const missing = lost + ownLoss * this.#transmissions.inFlight;
    if (ownLoss * missing <= COPIES_FAIL) return 1;
    const enough = Math.ceil(Math.log(COPIES_FAIL / missing) / Math.log(ownLoss));
    return Math.min(MOST_COPIES, enough, 1 + Math.floor(spare / missing));
  }

  has(seq: number): boolean {
    return this.#transmissions.has(seq);
  }

  allowed(now: Millis): number {
    const byWindow = Math.max(1, Math.floor(this.#window.bytes(now) / this.#datagramBytes));
    const inFlight = Math.min(byWindow, this.#credit) - this.#transmissions.inFlight;
    const paced = Math.floor(this.#pacer.available(now) / this.#datagramBytes);
    return Math.max(0, Math.min(inFlight, paced, this.#transmissions.room));
  }

  onSent(seqs: Uint32Array, count: number, now: Millis): void {
    this.#waitingSince ??= now;
    for (let index = 0; index < count; index += 1) {
      this.#transmissions.onSent(seqs[index] ?? 0, now);
    }
    this.#pacer.spend(count * this.#datagramBytes);
  }

  onFeedback(feedback: Feedback, now: Millis): readonly number[] {
    if (feedback.base < this.#transmissions.base) return [];
    const news = this.#transmissions.onFeedback(feedback, now);
    this.#credit = feedback.credit;
    this.#silence = FIRST_SILENCE;
    this.#waitingSince = this.#transmissions.inFlight > 0 ? now : undefined;
    const bytes = this.#datagramBytes;
    this.#window.onFeedback(
      {
        rtt: news.rtt,
        inFlightThen: news.inFlightThen * bytes,
        transmission: news.newestTransmission,
        nextTransmission: this.#transmissions.next,
        acked: news.acked * bytes,
        lost: news.lost.length * bytes,
      },
      now,
    );
    const pace = this.#window.pace;
    this.#pacer.setRate(pace, Math.max(LEAST_BURST * bytes, (pace * BURST_MS) / 1000));
    return news.lost;
  }

  /** What is asked for in the document's way as well is known from the feedback. */
  onRequested(): boolean {
    return true;
  }

  tooNew(): number {
    return Number.POSITIVE_INFINITY;
  }

  onProceed(): void {}

  readyAt(now: Millis): Millis | undefined {
    const byWindow = Math.max(1, Math.floor(this.#window.bytes(now) / this.#datagramBytes));
    if (this.#transmissions.inFlight >= Math.min(byWindow, this.#credit)) return undefined;
    return this.#pacer.readyAt(this.#datagramBytes, now);
  }

  nextTimeout(): Millis | undefined {
    const since = this.#waitingSince;
    return since === undefined ? undefined : after(since, this.#silence);
  }

  onTimeout(now: Millis): number | undefined {
    const at = this.nextTimeout();
    if (at === undefined || now < at) return undefined;
    this.#waitingSince = now;
    this.#silence = millis(Math.min(LONGEST_SILENCE, 2 * this.#silence));
    return this.#transmissions.giveUpOldest();
  }
}

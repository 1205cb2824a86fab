import type { Millis } from '../core/brands.ts';
import { FEEDBACK_WINDOW, type Feedback, NOTHING_YET } from './feedback.ts';
import { RemoteClock } from './remote-clock.ts';

/** Datagrams whose fate may be open at once. */
const CAPACITY = 2 * FEEDBACK_WINDOW;
/** A segment is lost when this many that were sent after it have come (RFC 9002, 6.1.1). */
const REORDER_THRESHOLD = 3;

/** What came late may come a little later another time. */
const LATENESS = 1.25;

const UNSENT = 0;
const IN_FLIGHT = 1;
const LOST = 2;
const ACKED = 3;

/** What a feedback has changed. */
export interface FeedbackNews {
  /** Segments that were sent, that the client has, and was not known to have. */
  acked: number;
  /** Segments that are lost, to be sent again. */
  lost: readonly number[];
  /** Milliseconds there and back of the newest datagram; `undefined` when it cannot be told. */
  rtt: number | undefined;
  /** Datagrams that were under way when the newest one was sent. */
  inFlightThen: number;
  /** It was sent when the transmission of this number was; for telling rounds apart. */
  newestTransmission: number;
}

/**
 * Every sending of a segment, in order, until its fate is known. A segment has one number, however
 * often it is sent, so a feedback alone does not tell which copy has come; the times do.
 * (Loss detection after RFC 9002, section 6, with time and order of sending.)
 */
export class Transmissions {
  readonly #seqs = new Uint32Array(CAPACITY);
  readonly #sentAt = new Float64Array(CAPACITY);
  readonly #inFlightThen = new Uint16Array(CAPACITY);
  /** By segment, in the window above `base`: what is known of it, and its latest transmission. */
  readonly #state = new Uint8Array(FEEDBACK_WINDOW);
  readonly #latest = new Float64Array(FEEDBACK_WINDOW);
  readonly #sendings = new Uint8Array(FEEDBACK_WINDOW);
  readonly #clock = new RemoteClock();
  #base = 0;
  /** The next transmission, and the oldest one that is not settled. */
  #head = 0;
  #tail = 0;
  #inFlight = 0;
  #newestAcked = -1;
  #minRtt = Number.POSITIVE_INFINITY;
  #srtt: number | undefined;
  #rttVariance = 0;
  /** How much later than its successors a datagram may come and is still not lost. */
  #reordering = 0;

  /** Every segment below is known to be there. */
  get base(): number {
    return this.#base;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** The number of the next transmission. */
  get next(): number {
    return this.#head;
  }

  /** How many more may be sent before the fate of older ones is known. */
  get room(): number {
    return CAPACITY - (this.#head - this.#tail);
  }

  /** Whether the client is known to have segment `seq`, below `base + FEEDBACK_WINDOW`. */
  has(seq: number): boolean {
    return seq < this.#base || this.#state[seq % FEEDBACK_WINDOW] === ACKED;
  }

  onSent(seq: number, now: Millis): void {
    const slot = this.#head % CAPACITY;
    const index = seq % FEEDBACK_WINDOW;
    this.#seqs[slot] = seq;
    this.#sentAt[slot] = now;
    // A copy of one that is on its way takes its place in the count.
    if (this.#state[index] !== IN_FLIGHT) this.#inFlight += 1;
    this.#inFlightThen[slot] = this.#inFlight;
    this.#state[index] = IN_FLIGHT;
    this.#latest[index] = this.#head;
    this.#sendings[index] = Math.min(255, (this.#sendings[index] ?? 0) + 1);
    this.#head += 1;
  }

  onFeedback(feedback: Feedback, heardAt: Millis): FeedbackNews {
    const now = this.#clock.read(feedback.clock, heardAt);
    const news: FeedbackNews = {
      acked: 0,
      lost: [],
      rtt: undefined,
      inFlightThen: 0,
      newestTransmission: -1,
    };
    this.#measure(feedback, now, news);
    const { base, bitmap } = feedback;
    for (let seq = this.#base; seq < base; seq += 1) {
      // Further than the window nothing was sent: the client had it from an earlier attempt.
      if (seq < this.#base + FEEDBACK_WINDOW) this.#ack(seq, now, news);
      else break;
    }
    this.#advance(base);
    for (let at = 0; at < bitmap.length; at += 1) {
      const byte = bitmap[at] ?? 0;
      for (let bit = 0; byte >> bit !== 0; bit += 1) {
        if (((byte >> bit) & 1) === 1) this.#ack(base + at * 8 + bit, now, news);
      }
    }
    this.#settle(now, news);
    return news;
  }

  /** Nothing is heard any more: the oldest one on its way counts as lost. */
  giveUpOldest(): number | undefined {
    while (this.#tail < this.#head) {
      const slot = this.#tail % CAPACITY;
      const seq = this.#seqs[slot] ?? 0;
      this.#tail += 1;
      if (this.#isOpen(seq, this.#tail - 1)) {
        this.#lose(seq);
        return seq;
      }
    }
    return undefined;
  }

  /** The round trip, from a segment that was sent once only (Karn's rule). */
  #measure(feedback: Feedback, now: Millis, news: FeedbackNews): void {
    const { newest } = feedback;
    if (newest === NOTHING_YET || newest < this.#base) return;
    if (newest >= this.#base + FEEDBACK_WINDOW) return;
    const index = newest % FEEDBACK_WINDOW;
    if (this.#sendings[index] !== 1 || this.#state[index] !== IN_FLIGHT) return;
    const transmission = this.#latest[index] ?? 0;
    const slot = transmission % CAPACITY;
    const rtt = now - (this.#sentAt[slot] ?? 0) - feedback.heldFor / 1000;
    if (rtt <= 0) return;
    news.rtt = rtt;
    news.inFlightThen = this.#inFlightThen[slot] ?? 0;
    news.newestTransmission = transmission;
    this.#minRtt = Math.min(this.#minRtt, rtt);
    // RFC 6298, section 2.
    if (this.#srtt === undefined) {
      this.#srtt = rtt;
      this.#rttVariance = rtt / 2;
    } else {
      this.#rttVariance += (Math.abs(rtt - this.#srtt) - this.#rttVariance) / 4;
      this.#srtt += (rtt - this.#srtt) / 8;
    }
  }

  #ack(seq: number, now: Millis, news: FeedbackNews): void {
    const index = seq % FEEDBACK_WINDOW;
    const state = this.#state[index];
    if (state === ACKED) return;
    this.#state[index] = ACKED;
    // What was never sent says nothing of the path.
    if (state === UNSENT) return;
    news.acked += 1;
    const transmission = this.#latest[index] ?? 0;
    const age = now - (this.#sentAt[transmission % CAPACITY] ?? 0);
    if (state === IN_FLIGHT) this.#inFlight -= 1;
    // An earlier copy has come after all, later than the ones that were sent after it.
    const early = (this.#sendings[index] ?? 0) > 1 && age < 0.8 * this.#minRtt;
    if (state === LOST || early) {
      const srtt = this.#srtt ?? 0;
      const late = early ? 2 * this.#reordering + 1 : LATENESS * (age - srtt);
      this.#reordering = Math.min(srtt, Math.max(this.#reordering, late));
    } else {
      this.#newestAcked = Math.max(this.#newestAcked, transmission);
    }
  }

  /** Forgets what is below the new base. */
  #advance(base: number): void {
    const end = Math.min(base, this.#base + FEEDBACK_WINDOW);
    for (let seq = this.#base; seq < end; seq += 1) {
      this.#state[seq % FEEDBACK_WINDOW] = UNSENT;
      this.#sendings[seq % FEEDBACK_WINDOW] = 0;
    }
    this.#base = Math.max(this.#base, base);
  }

  #settle(now: Millis, news: FeedbackNews): void {
    const lost: number[] = [];
    const srtt = this.#srtt ?? 300;
    const slack = Math.max(srtt / 8, this.#reordering);
    const newestSentAt = this.#sentAt[this.#newestAcked % CAPACITY] ?? 0;
    const tooOld = now - (srtt + 4 * this.#rttVariance + slack + 4);
    for (; this.#tail < this.#head; this.#tail += 1) {
      const slot = this.#tail % CAPACITY;
      const seq = this.#seqs[slot] ?? 0;
      if (!this.#isOpen(seq, this.#tail)) continue;
      const sentAt = this.#sentAt[slot] ?? 0;
      const overtaken =
        this.#newestAcked - this.#tail >= REORDER_THRESHOLD && newestSentAt - sentAt >= slack;
      // The last ones have none behind them that could overtake them.
      if (!overtaken && sentAt > tooOld) break;
      this.#lose(seq);
      lost.push(seq);
    }
    news.lost = lost;
  }

  #lose(seq: number): void {
    this.#state[seq % FEEDBACK_WINDOW] = LOST;
    this.#inFlight -= 1;
  }

  /** Whether this transmission is the latest of its segment, and nothing is known of its fate. */
  #isOpen(seq: number, transmission: number): boolean {
    if (seq < this.#base) return false;
    const index = seq % FEEDBACK_WINDOW;
    return this.#state[index] === IN_FLIGHT && this.#latest[index] === transmission;
  }
}

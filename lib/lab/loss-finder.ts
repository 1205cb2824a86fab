import type { Direction } from '../capture/pcapng.ts';
import { Bitmap } from '../udp-reliable/bitmap.ts';
import type { Download } from './classroom-reader.ts';

/**
 * Why a part was sent: for the first time, since it was missing, or though it was there already (or, beside
 * the server, not asked for).
 */
export type Why = 'first' | 'again' | 'needless';

/** A part on its way, once. */
export interface Sending {
  readonly seq: number;
  /** Which sending of this part it is, from 1. */
  readonly nth: number;
  /** Nanoseconds since the first frame of the capture. */
  readonly time: number;
  /** `undefined`: it is not in the capture, since it was lost before; the time is then a guess. */
  readonly frame: number | undefined;
  /** Bytes of the file. */
  readonly bytes: number;
  readonly why: Why;
  readonly lost: boolean;
}

export interface ReRequest {
  readonly time: number;
  readonly frame: number;
  readonly seqs: readonly number[];
}

/** What a capture shows of a download, in its order; times in nanoseconds. */
export type TransferEvent =
  | {
      readonly type: 'part';
      readonly time: number;
      readonly frame: number;
      readonly seq: number;
      readonly bytes: number;
      readonly direction: Direction | undefined;
      /** The capture itself says that it was not let through. */
      readonly isDropped?: boolean;
    }
  | ({ readonly type: 'asked' } & ReRequest)
  /** Feedback of the fast profile. */
  | {
      readonly type: 'told';
      readonly time: number;
      readonly base: number;
      readonly bitmap: Uint8Array;
    };

/** Messages that ask for parts less than this apart are one time-out's: its list was too long for one. */
const SAME_TIME_OUT = 20e6;
/** So many parts that overtake another one are another order; more are a loss. */
const OVERTAKEN_BY = 3;
/** How far back a time is looked for that a lost part may have had. */
const MAX_LOOK_BACK = 1000;
/** So many parts at the end of what has come may be lost before they count as not sent yet. */
const FEW = 8;

interface State {
  count: number;
  /** The newest sending of which nothing says that it was lost. */
  arrived: number | undefined;
  last: number | undefined;
  asked: ReRequest | undefined;
  /** Whether it was sent since it was asked for. */
  sentSince: boolean;
  /** Feedbacks that had come when it was sent last. */
  told: number;
}

/**
 * Finds out which parts were lost, as a capture does not say it. A part that is asked for was lost: before
 * the capture if it is not there, and else behind it. In the fast profile it is known by the client's
 * feedback, or, beside the client, by a part that many others have overtaken.
 *
 * What it cannot know: beside the client, parts that were asked for before they were sent look like lost ones.
 * They are taken for not sent yet when they are more than what has come before them.
 */
export class LossFinder {
  sendings: Sending[] = [];
  readonly reRequests: ReRequest[] = [];
  /** What the client has told that it has. */
  readonly acknowledged: Bitmap;
  readonly #download: Download;
  readonly #areTold: boolean;
  readonly #states = new Map<number, State>();
  /** Where the capture was made: beside who receives the parts, who sends them, or that is not told. */
  #beside: 'client' | 'server' | undefined;
  #highest = -1;
  #seen = 0;
  #told = 0;
  #highestTold = -1;
  #base = 0;
  /** The newest time-out: when it last asked, and whether what it asked for had been sent. */
  #timeOut = { last: Number.NEGATIVE_INFINITY, wasSent: true };

  /** @param areTold the capture itself says of every part that was lost that it was: nothing is to be found out */
  constructor(download: Download, events: readonly TransferEvent[], areTold = false) {
    this.#download = download;
    this.#areTold = areTold;
    this.acknowledged = new Bitmap(download.fast === undefined ? 0 : download.segmentCount);
    events.forEach((event, index) => {
      if (event.type === 'part') this.#onPart(event);
      else if (event.type === 'asked') this.#onReRequest(event, events, index);
      else this.#onTold(event.base, event.bitmap);
    });
    this.#forgetAnswersToNothing();
  }

  /** Of a part that never came nobody knows whether it was sent again at all. */
  #forgetAnswersToNothing(): void {
    const came = new Set(
      this.sendings.filter(({ frame }) => frame !== undefined).map(({ seq }) => seq),
    );
    this.sendings = this.sendings.filter(({ seq, why }) => why === 'first' || came.has(seq));
  }

  #onPart(part: Extract<TransferEvent, { type: 'part' }>): void {
    const { seq, time, frame, bytes, direction, isDropped = false } = part;
    if (direction !== undefined) this.#beside = direction === 'in' ? 'client' : 'server';
    const state = this.#stateOf(seq);
    if (this.#download.fast !== undefined) this.#findByFeedback(seq, state);
    const isThere = state.arrived !== undefined || this.acknowledged.has(seq);
    const why = isThere ? 'needless' : state.count === 0 ? 'first' : 'again';
    this.#add(state, { seq, time, frame, bytes, why, lost: isDropped });
    this.#highest = Math.max(this.#highest, seq);
    this.#seen += 1;
  }

  #onReRequest(request: ReRequest, events: readonly TransferEvent[], index: number): void {
    const { time, frame } = request;
    const { segmentCount } = this.#download;
    if (time > this.#timeOut.last + SAME_TIME_OUT) this.#beginTimeOut(events, index);
    const seqs = request.seqs.filter((seq) => seq < segmentCount);
    const known = { time, frame, seqs };
    this.reRequests.push(known);
    if (this.#areTold) return;
    for (const seq of seqs) {
      const state = this.#stateOf(seq);
      const wasSent = seq < this.#highest || this.#timeOut.wasSent;
      if (state.sentSince) this.#lose(state);
      else if (this.#beside !== 'server' && wasSent) this.#guess(seq, state);
      state.asked = known;
      state.sentSince = false;
    }
  }

  #beginTimeOut(events: readonly TransferEvent[], index: number): void {
    let last = events[index]?.time ?? 0;
    let above = 0;
    for (let at = index; at < events.length; at += 1) {
      const event = events[at];
      if (event === undefined || event.time > last + SAME_TIME_OUT) break;
      if (event.type !== 'asked') continue;
      last = event.time;
      above += event.seqs.filter((seq) => seq > this.#highest).length;
    }
    this.#timeOut = { last, wasSent: above <= Math.max(FEW, this.#seen) };
  }

  #onTold(base: number, bitmap: Uint8Array): void {
    const { length } = this.acknowledged;
    for (; this.#base < Math.min(base, length); this.#base += 1) this.acknowledged.add(this.#base);
    for (let bit = 0; bit < 8 * bitmap.length && base + bit < length; bit += 1) {
      const isThere = ((bitmap[bit >>> 3] ?? 0) & (1 << (bit & 7))) !== 0;
      if (isThere) this.acknowledged.add(base + bit);
    }
    this.#told += 1;
    this.#highestTold = this.#highest;
  }

  /** Unless it was captured where it arrived. */
  #lose(state: State): void {
    const { arrived } = state;
    const sending = arrived === undefined ? undefined : this.sendings[arrived];
    if (this.#beside === 'client' || arrived === undefined || sending === undefined) return;
    this.sendings[arrived] = { ...sending, lost: true };
    state.arrived = undefined;
  }

  /** Before a part of the fast profile is taken: what that tells of earlier ones. */
  #findByFeedback(seq: number, state: State): void {
    if (this.acknowledged.has(seq)) return;
    const isMissed = state.count === 0 && this.#highestTold > seq + OVERTAKEN_BY;
    if (isMissed && this.#beside !== 'server') this.#guess(seq, state);
    else if (state.arrived !== undefined && this.#told > state.told) this.#lose(state);
  }

  /** One that was lost before it could be captured. */
  #guess(seq: number, state: State): void {
    const time = this.#guessTime(seq, state.asked);
    const why = state.count === 0 ? 'first' : 'again';
    this.#add(state, { seq, time, frame: undefined, bytes: 0, why, lost: true });
    state.sentSince = false;
  }

  /** As the part before it that was sent for the same reason. */
  #guessTime(seq: number, asked: ReRequest | undefined): number {
    for (let before = seq - 1; before >= Math.max(0, seq - MAX_LOOK_BACK); before -= 1) {
      const state = this.#states.get(before);
      const last = state?.last === undefined ? undefined : this.sendings[state.last];
      if (last === undefined || (asked !== undefined && last.time < asked.time)) continue;
      return last.time;
    }
    return asked?.time ?? this.sendings[0]?.time ?? 0;
  }

  #add(state: State, sending: Omit<Sending, 'nth'>): void {
    state.count += 1;
    state.last = this.sendings.length;
    if (!sending.lost) state.arrived = state.last;
    state.sentSince = true;
    state.told = this.#told;
    this.sendings.push({ ...sending, nth: state.count });
  }

  #stateOf(seq: number): State {
    const known = this.#states.get(seq);
    if (known !== undefined) return known;
    const none = { arrived: undefined, last: undefined, asked: undefined };
    const state: State = { count: 0, ...none, sentSince: false, told: 0 };
    this.#states.set(seq, state);
    return state;
  }
}

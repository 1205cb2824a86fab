import { after, type Millis, millis } from '../core/brands.ts';
import type { Flow, Requested } from './flow.ts';
import { Pacer } from './pacer.ts';
import { RoundRate } from './round-rate.ts';
import { DATAGRAM_BYTES } from './segment.ts';

/** Datagrams that may go at once: a receive buffer of 212,992 bytes holds a good 40 of them. */
const BURST = 24;
/** So few that they take no time to come, even on a slow path. */
const FIRST_TRAIN = 4;
/** The second train: as fast as bursts and timers go, and what part of the file it is at most. */
const TRAIN_RATE = 50_000_000;
const LONGEST_TRAIN = 512;
const TRAIN_PART = 64;
/** After this part of the file the rate is checked, again if it was too high, but not for ever. */
const CHECK_PART = 16;
const MOST_CHECKS = 3;
/** With fewer segments the silences cost more than a better rate saves. */
const LEAST_SEGMENTS = 4096;
/** Loss that falls to no less than this part is not the rate's doing. */
const OWN_LOSS = 0.7;
/** A little less than what was measured, so that nothing piles up. */
const MARGIN = 0.9;
/** How long to be silent at most when nothing is asked for: the document's timer begins at 100 ms. */
const PATIENCE = millis(700);
/** Between two messages of one list of numbers; a peer without line ends leaves 50 ms. */
const LIST_GAP = millis(100);
/** One that takes longer to say what is missing had better not be asked often. */
const LONGEST_LIST = millis(500);
/** The document's timer at first. */
const CLIENT_TIMER = millis(100);
/** An answer that comes sooner than this part of the usual time was on its way before the train. */
const TOO_SOON = 0.8;
/** How closely, and for how long, to remember what was sent when. */
const PROGRESS_STEP_MS = 20;
const PROGRESS_KEPT = 64;

/** What is sent between two silences. */
interface Train {
  readonly purpose: 'timing' | 'measuring' | 'checking';
  left: number;
  sent: number;
  /** Segments of it that were asked for again. */
  lost: number;
  firstAt: Millis | undefined;
  /** When the last one went: since then the server is silent. */
  lastAt: Millis | undefined;
  /** When something was asked for too soon to be an answer. */
  heardAt: Millis | undefined;
  /** When the client asked first and last; whether it has named all that is missing. */
  askedAt: Millis | undefined;
  askedLast: Millis | undefined;
  named: boolean;
}

/**
 * Under the document's rules: the client says nothing until it has heard nothing for a while, then
 * it names what is missing. So the server is silent twice near the beginning of a large file. The
 * answer to the first silence, after a few datagrams that any receive buffer holds, tells how long
 * the client takes to ask. The second comes after a fast train of datagrams: how many of them came,
 * and how much longer it took until the client missed more, is what the path and the client can take
 * (packet dispersion, as in Dovrolis et al. 2004). A third one checks that rate. From then on, the
 * rate goes by what is asked for again.
 */
export class DocumentFlow implements Flow {
  /** A client says what it misses, never what it has. */
  readonly base = 0;
  readonly horizon = Number.POSITIVE_INFINITY;
  readonly #segmentCount: number;
  readonly #rate = new RoundRate();
  readonly #pacer = new Pacer(this.#rate.bytesPerSecond, BURST * DATAGRAM_BYTES);
  #train: Train | undefined;
  /** From the last datagram to the first request, when nothing queues. */
  #answerTime = 0;
  /** When which segment was the newest one. */
  readonly #progress: { readonly at: Millis; readonly seq: number }[] = [];
  /** What was lost in the check before, and how many there were. */
  #lossBefore = 1;
  #checks = 0;

  /**
   * @param bareResponse for a client whose messages have no end but silence: how long its latest
   *   answer took. A long list may take it seconds, so it is asked for as seldom as can be.
   */
  constructor(segmentCount: number, bareResponse: Millis | undefined) {
    this.#segmentCount = segmentCount;
    if (segmentCount < LEAST_SEGMENTS) return;
    if (bareResponse === undefined) {
      this.#train = train('timing', FIRST_TRAIN);
    } else {
      this.#answerTime = after(CLIENT_TIMER, bareResponse);
      this.#train = this.#newMeasurement();
    }
  }

  get rate(): number {
    return this.#rate.bytesPerSecond;
  }

  has(): boolean {
    return false;
  }

  allowed(now: Millis): number {
    const running = this.#train;
    const until = running && silentUntil(running);
    if (running !== undefined && until !== undefined) {
      if (now < until) return 0;
      this.#judge(running);
    }
    const paced = Math.floor(this.#pacer.available(now) / DATAGRAM_BYTES);
    return Math.min(paced, this.#train?.left ?? paced);
  }

  onSent(seqs: Uint32Array, count: number, now: Millis): void {
    this.#rate.onSent(count);
    this.#noteProgress(seqs[count - 1] ?? 0, now);
    const measuring = this.#train?.purpose === 'measuring';
    this.#pacer.setRate(measuring ? TRAIN_RATE : this.#rate.bytesPerSecond);
    this.#pacer.spend(count * DATAGRAM_BYTES);
    if (this.#train === undefined) return;
    this.#train.firstAt ??= now;
    this.#train.sent += count;
    this.#train.left -= count;
    if (this.#train.left <= 0) this.#train.lastAt = now;
  }

  /** Under these rules there is none. */
  onFeedback(): readonly number[] {
    return [];
  }

  /** Not again what was asked for before it could come. */
  onRequested(request: Requested, now: Millis): boolean {
    const running = this.#train;
    if (running !== undefined && this.#isPremature(running, request, now)) {
      running.heardAt = now;
      return false;
    }
    this.#rate.onLost(request.lost);
    if (running?.lastAt === undefined) return true;
    running.lost += request.lost;
    running.askedAt ??= now;
    running.askedLast = now;
    running.named ||= request.last;
    return true;
  }

  tooNew(now: Millis): number {
    const before = now - TOO_SOON * this.#answerTime;
    const later = this.#progress.find(({ at }) => at > before);
    return later?.seq ?? Number.POSITIVE_INFINITY;
  }

  onProceed(): void {
    this.#rate.endRound();
    this.#train = undefined;
  }

  readyAt(now: Millis): Millis {
    return (this.#train && silentUntil(this.#train)) ?? this.#pacer.readyAt(DATAGRAM_BYTES, now);
  }

  copies(): number {
    return 1;
  }

  /** The client asks by itself. */
  nextTimeout(): undefined {
    return undefined;
  }

  onTimeout(): undefined {
    return undefined;
  }

  #isPremature(running: Train, { lost, next }: Requested, now: Millis): boolean {
    const { purpose, lastAt, sent, askedAt } = running;
    if (askedAt !== undefined) return false;
    if (lastAt === undefined) return purpose !== 'checking';
    // An answer begins with what is missing first; what does not is the rest of an earlier one.
    if (!next || now < lastAt + TOO_SOON * this.#answerTime) return true;
    return purpose === 'timing' && lost >= sent;
  }

  #noteProgress(seq: number, now: Millis): void {
    const latest = this.#progress.at(-1);
    if (latest !== undefined && (seq <= latest.seq || now - latest.at < PROGRESS_STEP_MS)) return;
    this.#progress.push({ at: now, seq });
    if (this.#progress.length > PROGRESS_KEPT) this.#progress.shift();
  }

  /** The silence after a train is over. */
  #judge(over: Train): void {
    this.#train = undefined;
    const { askedAt, firstAt, lastAt, askedLast } = over;
    // One that does not ask is not measured.
    if (askedAt === undefined || askedLast === undefined) return;
    if (firstAt === undefined || lastAt === undefined) return;
    if (over.purpose === 'timing') {
      this.#answerTime = askedAt - lastAt;
      if (askedLast - askedAt < LONGEST_LIST) this.#train = this.#newMeasurement();
    } else if (over.purpose === 'measuring') {
      const took = Math.max(lastAt - firstAt, askedAt - firstAt - this.#answerTime);
      const arrived = Math.max(1, over.sent - over.lost) * DATAGRAM_BYTES;
      this.#rate.measured((MARGIN * 1000 * arrived) / Math.max(1, took));
      if (askedLast - askedAt < LONGEST_LIST) this.#train = this.#newCheck();
    } else {
      this.#judgeCheck();
    }
  }

  /** What is lost as much when it goes slower, the path loses by itself. */
  #judgeCheck(): void {
    const loss = this.#rate.endRound();
    if (loss > OWN_LOSS * this.#lossBefore) this.#rate.tolerate(loss);
    else if (loss > this.#rate.toleratedLoss && this.#checks < MOST_CHECKS) {
      this.#train = this.#newCheck();
    }
    this.#lossBefore = loss;
  }

  #newMeasurement(): Train {
    const length = Math.floor(this.#segmentCount / TRAIN_PART);
    return train('measuring', Math.min(LONGEST_TRAIN, length));
  }

  #newCheck(): Train {
    this.#checks += 1;
    return train('checking', Math.floor(this.#segmentCount / CHECK_PART));
  }
}

function train(purpose: Train['purpose'], length: number): Train {
  return {
    purpose,
    left: length,
    sent: 0,
    lost: 0,
    firstAt: undefined,
    lastAt: undefined,
    heardAt: undefined,
    askedAt: undefined,
    askedLast: undefined,
    named: false,
  };
}

/** When the silence after a train ends at the latest; `undefined` before it has begun. */
function silentUntil({ lastAt, heardAt, askedLast, named }: Train): Millis | undefined {
  if (lastAt === undefined) return undefined;
  if (askedLast === undefined) return after(heardAt ?? lastAt, PATIENCE);
  return named ? askedLast : after(askedLast, LIST_GAP);
}

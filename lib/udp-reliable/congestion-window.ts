import type { Millis } from '../core/brands.ts';
import { Cubic } from './cubic.ts';
import { Drains } from './drains.ts';
import { OwnLoss, type RoundLoss, TCP_SEGMENT } from './own-loss.ts';

/** Bytes that may be under way before anything is known, 64 usual packets, evenly (RFC 6928 has 10, at once). */
const INITIAL_BYTES = 92_160;
/** And in the worst case: eight of them. */
const LEAST_BYTES = 11_520;
/** The queue that one flow keeps at the bottleneck: 10 ms at 12.5 MB/s, less at higher rates. */
const TARGET_MS = 10;
const TARGET_RATE = 12_500;
const LEAST_TARGET_MS = 4;
const LOCAL_TARGET_MS = 10;
const MOST_TARGET_MS = 60;
/** How much of the way to its goal the window goes in one round trip. */
const GAIN = 0.5;
/** Shorter rounds say too little: timers and schedulers are not finer. */
const SHORTEST_ROUND_MS = 4;
/** In a drain, the part of the path's capacity that is used. */
const DRAIN = 0.92;
/** Drains in a row that find a queue before it is taken for somebody else's, and the other way. */
const DRAINS_TO_COMPETE = 2;
const DRAINS_TO_YIELD = 4;
/** Of the window before somebody came who keeps the queue full: half, for two. */
const TAKEN_BACK = 0.5;
/** The smallest round trip is looked for anew after this long: the path may have changed. */
const BASE_KEPT_MS = 20_000;
/** What a round trip takes before one was measured. */
const FIRST_RTT_MS = 100;
/** A longer silence is a pause, not the time between two feedbacks. */
const LONGEST_INTERVAL_MS = 50;
/** How much less is under way when more is lost than by chance, and for how many rounds. */
const TRIAL_CUT = 0.8;
const TRIAL_ROUNDS = 2;
/** How long a path that lost what was too much is not asked for more. */
const CEILING_MS = 5000;
const CEILING_SLACK = 1.05;
/** After the startup, losses of so many rounds are its doing. */
const GRACE_ROUNDS = 3;

interface Trial {
  /** Before it began: the window, and how much came a millisecond. */
  readonly window: number;
  readonly carried: number;
  rounds: number;
}

/** What one feedback says to the window; times in milliseconds, sizes in bytes. */
export interface WindowInput {
  readonly rtt: number | undefined;
  /** Bytes under way when the datagram was sent that `rtt` is of. */
  readonly inFlightThen: number;
  /** Which transmission that was, and the next one to be sent: they tell rounds apart. */
  readonly transmission: number;
  readonly nextTransmission: number;
  readonly acked: number;
  readonly lost: number;
}

/**
 * How many bytes may be under way: enough to keep the bottleneck busy and a short queue in front of
 * it, whatever the path loses by chance.
 *
 * The round trip says how long the queue is. Each flow aims at a queueing delay that is the shorter
 * the faster it is, so that flows which see the same queue come to the same rate (as FAST TCP, Wei
 * et al. 2006, does with a fixed number of packets, and Copa, Arun and Balakrishnan 2018, with a
 * target rate). Once a second all flows let the queue run empty together, so that a new one learns
 * how short the round trip is without it. A queue that does not run empty then belongs to somebody
 * who fills it until it overflows, as TCP does: to him the window behaves as TCP CUBIC.
 */
export class CongestionWindow {
  readonly #leastTarget: number;
  #window = INITIAL_BYTES;
  #startup = true;
  #base = Number.POSITIVE_INFINITY;
  /** The smallest of the current ten seconds; with the ten before them they are the base. */
  #recentBase = Number.POSITIVE_INFINITY;
  #recentSince: number | undefined;
  /** The round that is being measured: it ends when a transmission from this one on is answered. */
  #roundEnd = 0;
  #roundStart = 0;
  #rtt = Number.POSITIVE_INFINITY;
  #inFlight = 0;
  #acked = 0;
  #lost = 0;
  readonly #ownLoss = new OwnLoss();
  /** While less is under way to see whether that changes the loss: what it was before. */
  #trial: Trial | undefined;
  /** Rounds in which what the startup sent too much is still being missed. */
  #grace = 0;
  /** What a short queue has shown to be too much. */
  #ceiling = { window: 0, until: 0 };
  readonly #drains = new Drains();
  /** Drains in a row that say the same. */
  #agreeing = 0;
  /** The window when the queue was last seen to run empty. */
  #undisturbed = 0;
  #rate = 0;
  #cubic: Cubic | undefined;
  /** Smoothed; a guess before the first sample. */
  #currentRtt = FIRST_RTT_MS;
  /** Between two feedbacks, on average: what comes is known of so much later. */
  #interval = 0;
  #heardAt: number | undefined;

  /**
   * @param local both sides are on this machine: the only queue is the receiver's buffer, and what a
   *   round trip takes is the schedulers' doing.
   */
  constructor(local = false) {
    this.#leastTarget = local ? LOCAL_TARGET_MS : LEAST_TARGET_MS;
  }

  /** Bytes that may be under way. */
  bytes(now: Millis): number {
    return this.#isDraining(now) ? this.#drainedWindow() : this.#window;
  }

  /** Bytes a second that went in the round before, about. */
  get rate(): number {
    return this.#rate;
  }

  /** Bytes a second at which to send, so that they do not go all at once. */
  get pace(): number {
    const rtt = Math.min(this.#base, this.#currentRtt) + this.#interval;
    return (1250 * this.#window * (this.#startup ? 1.6 : 1)) / rtt;
  }

  /** The share of datagrams that the path loses by itself, from 0 to 1. */
  get ownLoss(): number {
    return this.#ownLoss.share;
  }

  onFeedback(input: WindowInput, now: Millis): void {
    this.#acked += input.acked;
    this.#lost += input.lost;
    if (this.#heardAt !== undefined) {
      const interval = Math.min(now - this.#heardAt, LONGEST_INTERVAL_MS);
      this.#interval += (interval - this.#interval) / 16;
    }
    this.#heardAt = now;
    if (input.rtt === undefined) return;
    this.#noteRtt(input.rtt, now);
    this.#currentRtt +=
      (input.rtt - this.#currentRtt) / (this.#currentRtt === FIRST_RTT_MS ? 1 : 4);
    this.#rtt = Math.min(this.#rtt, input.rtt);
    this.#inFlight = Math.max(this.#inFlight, input.inFlightThen);
    if (this.#startup) this.#grow(input);
    const long = now - this.#roundStart >= SHORTEST_ROUND_MS;
    if (input.transmission < this.#roundEnd || !long) return;
    this.#endRound(now);
    this.#rate = (1000 * this.#acked) / (now - this.#roundStart);
    this.#roundEnd = input.nextTransmission;
    this.#roundStart = now;
    this.#rtt = Number.POSITIVE_INFINITY;
    this.#inFlight = 0;
    this.#acked = 0;
    this.#lost = 0;
  }

  #noteRtt(rtt: number, now: Millis): void {
    if (this.#recentSince === undefined) this.#recentSince = now;
    if (now - this.#recentSince > BASE_KEPT_MS / 2) {
      this.#base = this.#recentBase;
      this.#recentBase = Number.POSITIVE_INFINITY;
      this.#recentSince = now;
    }
    this.#recentBase = Math.min(this.#recentBase, rtt);
    this.#base = Math.min(this.#base, rtt);
    this.#drains.noteRtt(rtt, now, this.#base, this.#currentRtt);
  }

  /** Doubles in a round trip, until there is a queue. */
  #grow(input: WindowInput): void {
    const { rtt = 0, inFlightThen } = input;
    if (rtt - this.#base > this.#startupTarget(inFlightThen / (rtt + this.#interval))) {
      this.#endStartup(this.#goal(inFlightThen, rtt));
    } else if (inFlightThen > this.#window / 4) {
      // What was lost has left the path as well.
      this.#window += input.acked + input.lost;
    }
  }

  #startupTarget(rate: number): number {
    return Math.max(this.#target(rate), this.#base / 8);
  }

  #endRound(now: Millis): void {
    const round = { lost: this.#lost, all: this.#acked + this.#lost };
    const carried = this.#acked / (now - this.#roundStart);
    const exceeds = this.#ownLoss.isExceededBy(round);
    if (this.#startup) {
      if (exceeds) this.#endStartup(this.#filled(carried));
    } else if (this.#cubic !== undefined) this.#followCubic(this.#cubic, round, now);
    else if (this.#trial !== undefined) this.#judgeTrial(this.#trial, round, carried, now);
    else if (exceeds && this.#grace === 0) {
      this.#trial = { window: this.#window, carried, rounds: TRIAL_ROUNDS };
      this.#window *= TRIAL_CUT;
    } else if (!this.#isDraining(now)) {
      const goal = this.#goal(this.#inFlight, this.#rtt);
      this.#window += GAIN * (goal - this.#window);
    }
    if (now < this.#ceiling.until) this.#window = Math.min(this.#window, this.#ceiling.window);
    this.#window = Math.max(this.#window, LEAST_BYTES);
    // What a full queue has lost says nothing of the path itself.
    if (this.#grace === 0 && !exceeds) this.#ownLoss.add(round);
    this.#grace = Math.max(0, this.#grace - 1);
    if (!this.#startup) this.#watchDrains(now);
  }

  #endStartup(window: number): void {
    this.#startup = false;
    this.#grace = GRACE_ROUNDS;
    this.#window = Math.max(LEAST_BYTES, window);
    this.#undisturbed = this.#window;
  }

  #followCubic(cubic: Cubic, { lost, all }: RoundLoss, now: Millis): void {
    const expected = this.#ownLoss.share * all;
    const full = lost > expected + 4 * Math.sqrt(expected * TCP_SEGMENT);
    this.#window = full
      ? cubic.onLoss(this.#window, now)
      : Math.min(cubic.window(now, this.#rtt), 2 * this.#inFlight + LEAST_BYTES);
  }

  /**
   * More is lost than before. When less is under way and as much comes, there was too much; when
   * less comes as well, the path loses more by itself now.
   */
  #judgeTrial(trial: Trial, round: RoundLoss, carried: number, now: Millis): void {
    trial.rounds -= 1;
    if (trial.rounds > 0) return;
    this.#trial = undefined;
    if (carried < ((1 + TRIAL_CUT) / 2) * trial.carried) {
      this.#ownLoss.restart(round);
      this.#window = trial.window;
      return;
    }
    // For a while more is not tried.
    this.#ceiling = {
      window: this.#filled(Math.max(carried, trial.carried)),
      until: now + CEILING_MS,
    };
  }

  /** What is under way when so much comes (bytes a millisecond) and there is hardly a queue. */
  #filled(carried: number): number {
    const sent = carried / (1 - this.#ownLoss.share);
    return CEILING_SLACK * sent * (this.#base + this.#interval);
  }

  /** What fills the path, and the queue that is aimed at. */
  #goal(inFlight: number, rtt: number): number {
    const rate = inFlight / (rtt + this.#interval);
    return rate * (this.#base + this.#target(rate) + this.#interval);
  }

  /** The queueing delay that a flow of this rate (bytes a millisecond) aims at, in milliseconds. */
  #target(rate: number): number {
    const wanted = TARGET_MS * Math.sqrt(TARGET_RATE / rate);
    const most = Math.min(MOST_TARGET_MS, this.#base + 1);
    return Math.max(this.#leastTarget, Math.min(wanted, most));
  }

  /** Tells by the drains whether somebody else keeps the queue full. */
  #watchDrains(now: Millis): void {
    const kept = this.#drains.judge(this.#rtt, now, this.#base, this.#currentRtt);
    if (kept === undefined) return;
    if (!kept && this.#cubic === undefined) this.#undisturbed = this.#window;
    if (kept === (this.#cubic === undefined)) this.#agreeing += 1;
    else this.#agreeing = 0;
    if (this.#agreeing < (kept ? DRAINS_TO_COMPETE : DRAINS_TO_YIELD)) return;
    this.#agreeing = 0;
    if (this.#cubic !== undefined) {
      this.#cubic = undefined;
      return;
    }
    // Meanwhile it has made room, which nobody asked for.
    this.#window = Math.max(this.#window, TAKEN_BACK * this.#undisturbed);
    this.#cubic = new Cubic(this.#window, now);
  }

  #isDraining(now: Millis): boolean {
    return !this.#startup && this.#drains.isOn(now, this.#base, this.#currentRtt);
  }

  #drainedWindow(): number {
    const empty = (this.#base + this.#interval) / (this.#currentRtt + this.#interval);
    return Math.max(LEAST_BYTES, DRAIN * this.#window * empty);
  }
}

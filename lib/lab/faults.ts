import { type Millis, millis } from '../core/brands.ts';
import { randomFrom } from '../core/random.ts';

/** What a path does to datagrams; shares are from 0 to 1, and absent means never. */
export interface Faults {
  readonly loss?: number;
  /**
   * Losses in bursts, after the model of Gilbert and Elliott: the path turns bad before a segment
   * with probability `enter`, good again with `leave`, and loses `loss` of what it carries while
   * it is bad.
   */
  readonly burst?: { readonly enter: number; readonly leave: number; readonly loss: number };
  readonly duplicate?: number;
  readonly corrupt?: number;
  /** Share that is held back by `reorderBy`, so that others overtake it. */
  readonly reorder?: number;
  readonly reorderBy?: Millis;
  readonly delay?: Millis;
  /** Each datagram is late by up to this much more. */
  readonly jitter?: Millis;
}

export interface Copy {
  readonly delay: Millis;
  /** Which byte is flipped, as a share of the length; absent: none. */
  readonly corruptAt?: number;
}

/** What becomes of a datagram: the copies that arrive, none if it is lost. */
export type Fate = readonly Copy[];

// Each decision draws a number of its own, so that one fault does not shift another.
const DRAW = {
  loss: 1,
  burst: 2,
  turn: 3,
  duplicate: 4,
  corrupt: 5,
  where: 6,
  reorder: 7,
  jitter: 8,
};

/**
 * Decides about every datagram. What happens to the k-th sending of segment s is a function of the
 * seed, s and k alone, whatever the time.
 */
export class FaultPlan {
  readonly #faults: Faults;
  readonly #seed: number;
  /** For each sending: whether the path is bad at each segment, as far as it was asked for. */
  readonly #bad: boolean[][] = [];

  constructor(faults: Faults, seed: number) {
    this.#faults = faults;
    this.#seed = seed;
  }

  /** @param nth counts the sendings of this segment from 1. */
  fateOf(seq: number, nth: number): Fate {
    const { loss = 0, burst, duplicate = 0 } = this.#faults;
    const random = (draw: number): number => randomFrom(this.#seed, seq, nth, draw);
    if (random(DRAW.loss) < loss) return [];
    if (burst !== undefined && this.#isBad(seq, nth) && random(DRAW.burst) < burst.loss) return [];
    const first = this.#copy(random);
    return random(DRAW.duplicate) < duplicate ? [first, first] : [first];
  }

  #copy(random: (draw: number) => number): Copy {
    const { corrupt = 0, reorder = 0, reorderBy = millis(5), delay = 0, jitter = 0 } = this.#faults;
    let late = delay + random(DRAW.jitter) * jitter;
    if (random(DRAW.reorder) < reorder) late += reorderBy;
    return random(DRAW.corrupt) < corrupt
      ? { delay: millis(late), corruptAt: random(DRAW.where) }
      : { delay: millis(late) };
  }

  #isBad(seq: number, nth: number): boolean {
    const { burst } = this.#faults;
    if (burst === undefined) return false;
    this.#bad[nth] ??= [];
    const states = this.#bad[nth];
    for (let at = states.length; at <= seq; at += 1) {
      const was = states[at - 1] ?? false;
      const turns = randomFrom(this.#seed, at, nth, DRAW.turn) < (was ? burst.leave : burst.enter);
      states.push(turns ? !was : was);
    }
    return states[seq] ?? false;
  }
}

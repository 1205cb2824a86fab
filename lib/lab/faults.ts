import { type Millis, millis } from '../core/brands.ts';
import { randomFrom } from '../core/random.ts';
import { type FaultRule, ruleApplies } from './fault-rule.ts';

/** What a path does to datagrams; shares are from 0 to 1, and absent means never. */
export interface Faults {
  readonly loss?: number;
  /**
   * Losses in bursts, after the model of Gilbert and Elliott: the path turns bad before a segment
   * with probability `enter`, good again with `leave`, and loses `loss` of what it carries while
   * it is bad.
   */
  readonly burst?: Burst;
  readonly duplicate?: number;
  /** Share of which one byte is flipped. */
  readonly corrupt?: number;
  /** Share that is cut short. */
  readonly truncate?: number;
  /** Share that is held back by `reorderBy`, so that others overtake it. */
  readonly reorder?: number;
  readonly reorderBy?: Millis;
  readonly delay?: Millis;
  /** Each datagram is late by up to this much more. */
  readonly jitter?: Millis;
  /** Exact wishes; they come before what chance decides, and `drop` ends it. */
  readonly rules?: readonly FaultRule[];
}

export interface Burst {
  readonly enter: number;
  readonly leave: number;
  readonly loss: number;
}

/** A place in a datagram: that byte, or a share (below 1) of the length. */
export type Place = { readonly byte: number } | { readonly share: number };

export interface Copy {
  readonly delay: Millis;
  /** The byte that is flipped; absent: none. */
  readonly corruptAt?: Place;
  /** Where it ends; absent: where it ended before. */
  readonly cutAt?: Place;
}

/** What becomes of a datagram: the copies that arrive, none if it is lost. */
export type Fate = readonly Copy[];

/** Decides about the n-th sending (from 1) of a part. @param last the number of the file's last part */
export type FateOf = (seq: number, nth: number, last?: number) => Fate;

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
  truncate: 9,
  end: 10,
};

const REORDER_BY = millis(5);
/** Stands for the number of a datagram that is no part of a file, which no part has; nth counts all of these. */
export const NO_PART = 2 ** 32;
/** What is kept of the states of a path: beyond that, a file has them once more. */
const MOST_STATES = 2 ** 22;

type Draw = (draw: number) => number;

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

  /** @param nth counts the sendings of this segment from 1. @param last the number of the last segment */
  fateOf(seq: number, nth: number, last?: number): Fate {
    const { loss = 0, burst, duplicate = 0, rules = [] } = this.#faults;
    const wishes = rules
      .filter((rule) => ruleApplies(rule, seq, nth, last))
      .map((rule) => rule.action);
    if (wishes.some(({ type }) => type === 'drop')) return [];
    const random: Draw = (draw) => randomFrom(this.#seed, seq, nth, draw);
    if (random(DRAW.loss) < loss) return [];
    if (burst !== undefined && this.#isBad(seq, nth) && random(DRAW.burst) < burst.loss) return [];
    const first = this.#copy(random, wishes);
    const isTwo =
      random(DRAW.duplicate) < duplicate || wishes.some(({ type }) => type === 'duplicate');
    return isTwo ? [first, first] : [first];
  }

  #copy(random: Draw, wishes: readonly FaultRule['action'][]): Copy {
    const { corrupt = 0, truncate = 0, reorder = 0, delay = 0, jitter = 0 } = this.#faults;
    let late = delay + random(DRAW.jitter) * jitter;
    if (random(DRAW.reorder) < reorder) late += this.#faults.reorderBy ?? REORDER_BY;
    let corruptAt: Place | undefined;
    let cutAt: Place | undefined;
    if (random(DRAW.corrupt) < corrupt) corruptAt = { share: random(DRAW.where) };
    if (random(DRAW.truncate) < truncate) cutAt = { share: random(DRAW.end) };
    for (const wish of wishes) {
      if (wish.type === 'delay') late += wish.by;
      if (wish.type === 'corrupt') corruptAt = placeOf(wish.at, random(DRAW.where));
      if (wish.type === 'truncate') cutAt = placeOf(wish.to, random(DRAW.end));
    }
    return { delay: millis(late), ...(corruptAt && { corruptAt }), ...(cutAt && { cutAt }) };
  }

  #isBad(seq: number, nth: number): boolean {
    const { burst } = this.#faults;
    if (burst === undefined) return false;
    // One path for each sending of the parts, in their order; for what is no part, in the order of their coming.
    const [path, place] = seq === NO_PART ? [0, nth] : [nth, seq];
    const end = place % MOST_STATES;
    this.#bad[path] ??= [];
    const states = this.#bad[path];
    for (let at = states.length; at <= end; at += 1) {
      const was = states[at - 1] ?? false;
      const turns = randomFrom(this.#seed, at, path, DRAW.turn) < (was ? burst.leave : burst.enter);
      states.push(turns ? !was : was);
    }
    return states[end] ?? false;
  }
}

/** The datagram as this copy arrives; the same bytes where nothing has happened to it. */
export function damaged(datagram: Buffer, { corruptAt, cutAt }: Copy): Buffer {
  const length = cutAt === undefined ? datagram.length : indexOf(cutAt, datagram.length);
  const cut = datagram.subarray(0, length);
  const at = corruptAt === undefined ? -1 : indexOf(corruptAt, cut.length);
  const old = cut[at];
  if (old === undefined) return cut;
  const copy = Buffer.from(cut);
  copy[at] = old ^ 0xff;
  return copy;
}

/** What has been decided, in words; nothing where it simply passes. @param length bytes of the datagram */
export function explainFate(fate: Fate, length: number): string | undefined {
  const [first] = fate;
  if (first === undefined) return 'dropped';
  const { delay, corruptAt, cutAt } = first;
  const end = cutAt === undefined ? length : indexOf(cutAt, length);
  const words = [
    ...(fate.length > 1 ? ['duplicated'] : []),
    ...(delay > 0 ? [`delayed ${Number(delay.toFixed(1))} ms`] : []),
    ...(cutAt === undefined ? [] : [`cut after ${end} bytes`]),
    ...(corruptAt === undefined || end === 0 ? [] : [`byte ${indexOf(corruptAt, end)} flipped`]),
  ];
  return words.length === 0 ? undefined : words.join(', ');
}

function placeOf(byte: number | undefined, share: number): Place {
  return byte === undefined ? { share } : { byte };
}

function indexOf(place: Place, length: number): number {
  return 'byte' in place ? Math.min(place.byte, length) : Math.floor(place.share * length);
}

/** Bytes of a full TCP segment: what losses are counted in. */
export const TCP_SEGMENT = 1460;
/** Loss beyond the path's own, from which on it may be a full queue, and how certain that has to be. */
const EXCESS = 0.05;
const DEVIATIONS = 4;
/** Loss is looked at in blocks of so many bytes and rounds; the least of the latest ones counts. */
const BLOCK_BYTES = 300 * TCP_SEGMENT;
const BLOCK_ROUNDS = 4;
const BLOCKS = 50;

/** Bytes that were lost in one round, of all whose fate became known in it. */
export interface RoundLoss {
  readonly lost: number;
  readonly all: number;
}

/**
 * How much a path loses by itself, whatever goes over it: by noise, not by a full queue. It is the
 * least that it lost for a while, since at times there is too little under way to fill a queue.
 */
export class OwnLoss {
  readonly #blocks: RoundLoss[] = [];
  #current = { lost: 0, all: 0 };
  #rounds = 0;
  #least: RoundLoss = this.#current;

  /** From 0 to 1. */
  get share(): number {
    return shareOf(this.#least);
  }

  /** Whether so much was lost in this round that it is hardly chance (a test of two proportions). */
  isExceededBy(round: RoundLoss): boolean {
    const known = this.#least;
    if (round.all === 0 || known.all === 0) return false;
    const likely = (round.lost + known.lost) / (round.all + known.all);
    const variance = likely * (1 - likely) * TCP_SEGMENT * (1 / round.all + 1 / known.all);
    return shareOf(round) - shareOf(known) > EXCESS + DEVIATIONS * Math.sqrt(variance);
  }

  add({ lost, all }: RoundLoss): void {
    this.#current.lost += lost;
    this.#current.all += all;
    this.#rounds += 1;
    if (this.#current.all < BLOCK_BYTES || this.#rounds < BLOCK_ROUNDS) return;
    this.#rounds = 0;
    this.#blocks.push(this.#current);
    if (this.#blocks.length > BLOCKS) this.#blocks.shift();
    this.#current = { lost: 0, all: 0 };
    this.#least = this.#blocks.reduce((a, b) => (shareOf(a) <= shareOf(b) ? a : b));
  }

  /** The path has changed: what was before does not count. */
  restart(round: RoundLoss): void {
    this.#blocks.length = 0;
    this.#current = { ...round };
    this.#least = this.#current;
  }
}

function shareOf({ lost, all }: RoundLoss): number {
  return lost / Math.max(1, all);
}

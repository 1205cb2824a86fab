import { type Millis, millis } from '../../core/brands.ts';

/** How long a program may take for an answer: far more than any needs. */
const FULL = millis(3000);
const LEAST = millis(800);
/** Waited for in vain: a right program lets nobody wait at all. */
const MOST_SILENCES = 3;
/** A program that has often said nothing is waited for so many times as long as its slowest answer took. */
const TIMES_SLOWEST = 10;

/**
 * How long the answers of one program are waited for. Whoever lacks much would be graded for minutes, as each of its
 * answers that never come is waited for: so it gets less time for the next ones, but far more than it has ever needed.
 */
export class Patience {
  #silences = 0;
  #slowest = 0;

  /** In the time that the program has. */
  get span(): Millis {
    if (this.#silences < MOST_SILENCES) return FULL;
    return millis(Math.min(FULL, Math.max(LEAST, TIMES_SLOWEST * this.#slowest)));
  }

  /** As much of `full` milliseconds as {@link span} is of what it was in the beginning. */
  shareOf(full: number): Millis {
    return millis((full * this.span) / FULL);
  }

  /** @param after milliseconds */
  answered(after: number): void {
    this.#slowest = Math.max(this.#slowest, after);
  }

  /** It was waited for as long as {@link span}. */
  silent(): void {
    this.#silences += 1;
  }

  /** What was tried so far was only to find out what it can. */
  forgive(): void {
    this.#silences = 0;
  }
}

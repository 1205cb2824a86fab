import { type Millis, millis } from '../core/brands.ts';
import { Alarm, now } from './clock.ts';

/** Asking takes a tenth of a millisecond. */
const LOOK_EVERY = millis(10);
/** Even a program that is never let to work is waited for no more than five times as long. */
const MOST_LOST = 0.8;

/**
 * The time that a program under test has had: it goes slower while the program wants to work and the machine is
 * busy with others. Who waits by it gives up on a silent program, and not on a busy machine.
 */
export class FairClock {
  readonly #waited: () => number;
  #lost = 0;
  /** It never goes back. */
  #last = 0;
  #lookedAt = now();
  #waitedBefore: number;

  /** @param waited milliseconds for which the program has waited for a processor so far */
  constructor(waited: () => number) {
    this.#waited = waited;
    this.#waitedBefore = waited();
  }

  /** Milliseconds by which it has gone slower so far. */
  get lost(): number {
    this.#look(now());
    return this.#lost;
  }

  now(): Millis {
    const time = now();
    if (time - this.#lookedAt >= LOOK_EVERY) this.#look(time);
    this.#last = Math.max(this.#last, time - this.#lost);
    return millis(this.#last);
  }

  /** Resolves after `span`, when what has come by then was read, or as soon as `signal` is aborted. */
  wait(span: number, signal?: AbortSignal): Promise<void> {
    const end = this.now() + span;
    return new Promise((resolve) => {
      const done = (): void => {
        alarm.clear();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const alarm = new Alarm(() => {
        this.#look(now());
        const left = end - this.now();
        if (left > 0) alarm.set(millis(now() + left));
        else done();
      });
      if (signal?.aborted || span <= 0) {
        done();
        return;
      }
      signal?.addEventListener('abort', done);
      alarm.set(millis(now() + span));
    });
  }

  #look(time: Millis): void {
    const elapsed = time - this.#lookedAt;
    const waited = this.#waited();
    this.#lost += Math.min(MOST_LOST * elapsed, Math.max(0, waited - this.#waitedBefore));
    this.#lookedAt = time;
    this.#waitedBefore = waited;
  }
}

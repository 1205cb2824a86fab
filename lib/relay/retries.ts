import { type Millis, millis } from '../core/brands.ts';

const FIRST_PAUSE = 200;
const LONGEST_PAUSE = 5000;
/** Without a single byte for so long, a transfer is given up. */
export const PATIENCE = millis(600_000);

/** How a client tries again, after a connection was lost: soon, then less and less often. */
export class Retries {
  #pause = FIRST_PAUSE;
  #since: Millis | undefined;
  #tries = 0;

  /** Attempts that failed since one did not. */
  get tries(): number {
    return this.#tries;
  }

  /** Something has worked. */
  succeeded(): void {
    this.#pause = FIRST_PAUSE;
    this.#since = undefined;
    this.#tries = 0;
  }

  /** How long to wait before the next attempt; `undefined`: there is to be none. */
  failed(now: Millis): Millis | undefined {
    this.#since ??= now;
    if (now - this.#since >= PATIENCE) return undefined;
    this.#tries += 1;
    const pause = this.#pause;
    this.#pause = Math.min(LONGEST_PAUSE, pause * 2);
    return millis(pause);
  }
}

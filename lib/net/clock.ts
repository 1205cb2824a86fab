import { type Millis, millis } from '../core/brands.ts';

const START = performance.timeOrigin;
/** What timers of Node.js can be set to. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * The time, of a clock that never goes back. It is that of the wall when the process began, so that
 * what happens at whole seconds happens at the same moment in all processes.
 */
export function now(): Millis {
  return millis(START + performance.now());
}

/**
 * One timer that is set anew after everything that happens; setting it replaces what was set. It
 * rings only after what has arrived by then was read: a busy process must not take what waits in
 * its sockets for silence.
 */
export class Alarm {
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;
  #reading: NodeJS.Immediate | undefined;
  #at: Millis | undefined;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Rings at `at`, or not at all. */
  set(at: Millis | undefined): void {
    if (at === this.#at) return;
    clearTimeout(this.#timer);
    clearImmediate(this.#reading);
    this.#at = at;
    if (at === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#reading = setImmediate(() => {
          this.#at = undefined;
          this.#ring();
        });
      },
      // Timers of Node.js may ring up to a millisecond early.
      Math.min(LONGEST_TIMER_MS, Math.max(1, Math.ceil(at - now()))),
    );
  }

  clear(): void {
    this.set(undefined);
  }
}

/** Resolves when everything that waits in sockets and timers had its turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Resolves after `span`, or as soon as `signal` is aborted. */
export function delay(span: Millis, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, span);
    signal?.addEventListener('abort', done);
  });
}

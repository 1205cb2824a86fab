import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { millis } from '../core/brands.ts';
import { delay } from './clock.ts';

const EVERY_MS = 10;
/** A program that waited so long for a processor, in milliseconds and in all, may have been late for it. */
const MUCH_LOST = 100;
/** The same of this process that did nothing for so long, once. */
const LONG_STALL = 50;

/** Tells what a program did on a busy machine, where lateness may not be its own, from what it did on a quiet one. */
export class BusyWatch implements Disposable {
  readonly #delays: IntervalHistogram = monitorEventLoopDelay({ resolution: EVERY_MS });

  constructor() {
    this.#delays.enable();
  }

  /**
   * Whether program or grader could not work as they wanted to since this was made, up to now.
   * @param lost milliseconds for which the program has waited for a processor
   */
  async wasBusy(lost: number): Promise<boolean> {
    if (lost > MUCH_LOST) return true;
    // A stall that has ended just now counts.
    await delay(millis(0));
    return this.#delays.max / 1e6 - EVERY_MS > LONG_STALL;
  }

  [Symbol.dispose](): void {
    this.#delays.disable();
  }
}

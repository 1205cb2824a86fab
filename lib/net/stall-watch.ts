import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { millis } from '../core/brands.ts';
import { delay } from './clock.ts';

const EVERY_MS = 10;

/** Watches for how long this process cannot do anything, as it is at work or the machine is busy with others. */
export class StallWatch implements Disposable {
  readonly #delays: IntervalHistogram = monitorEventLoopDelay({ resolution: EVERY_MS });

  constructor() {
    this.#delays.enable();
  }

  /** The longest time so far, in milliseconds; one that has ended just now counts. */
  async longest(): Promise<number> {
    await delay(millis(0));
    return Math.max(0, this.#delays.max / 1e6 - EVERY_MS);
  }

  [Symbol.dispose](): void {
    this.#delays.disable();
  }
}

import { type Millis, millis } from '../core/brands.ts';

export interface RateQueueOptions {
  /** Bytes a second. */
  readonly rate: number;
  /** Bytes that wait at most; what is beyond is dropped. */
  readonly queue: number;
}

/** The queue in front of a link of given rate: first in, first out, what finds no place is dropped. */
export class RateQueue {
  readonly #options: RateQueueOptions;
  /** When the link has sent all that waits. */
  #freeAt = millis(0);

  constructor(options: RateQueueOptions) {
    this.#options = options;
  }

  /** Bytes that wait. */
  waitingAt(now: Millis): number {
    return (Math.max(0, this.#freeAt - now) * this.#options.rate) / 1000;
  }

  /** When a packet of so many bytes has gone, or `undefined` if there is no place for it. */
  admit(bytes: number, now: Millis): Millis | undefined {
    const { rate, queue } = this.#options;
    if (this.waitingAt(now) + bytes > queue) return undefined;
    this.#freeAt = millis(Math.max(now, this.#freeAt) + (bytes * 1000) / rate);
    return this.#freeAt;
  }
}

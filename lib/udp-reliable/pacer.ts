import { after, type Millis, millis } from '../core/brands.ts';

/** A token bucket in bytes: how much may be sent by now. */
export class Pacer {
  #rate: number;
  #burst: number;
  #credit: number;
  #updated: Millis | undefined;

  /** @param rate bytes a second. @param burst the most bytes that may go at once. */
  constructor(rate: number, burst: number) {
    this.#rate = rate;
    this.#burst = burst;
    this.#credit = burst;
  }

  get rate(): number {
    return this.#rate;
  }

  setRate(bytesPerSecond: number, burst = this.#burst): void {
    this.#rate = bytesPerSecond;
    this.#burst = burst;
  }

  /** Bytes that may go now. */
  available(now: Millis): number {
    const elapsed = this.#updated === undefined ? 0 : now - this.#updated;
    this.#updated = now;
    this.#credit = Math.min(this.#burst, this.#credit + (elapsed * this.#rate) / 1000);
    return this.#credit;
  }

  spend(bytes: number): void {
    this.#credit -= bytes;
  }

  /** When `bytes` may go. */
  readyAt(bytes: number, now: Millis): Millis {
    const lacking = bytes - this.available(now);
    return lacking <= 0 ? now : after(now, millis((lacking * 1000) / this.#rate));
  }
}

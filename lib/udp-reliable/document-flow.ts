import type { Millis } from '../core/brands.ts';
import type { Flow } from './flow.ts';
import { Pacer } from './pacer.ts';
import { RoundRate } from './round-rate.ts';
import { DATAGRAM_BYTES } from './segment.ts';

/** Datagrams that may go at once: a receive buffer of 212,992 bytes holds a good 40 of them. */
const BURST = 24;

/** Under the document's rules: a rate that goes by what is asked for again. */
export class DocumentFlow implements Flow {
  readonly horizon = Number.POSITIVE_INFINITY;
  readonly #rate = new RoundRate();
  readonly #pacer = new Pacer(this.#rate.bytesPerSecond, BURST * DATAGRAM_BYTES);

  get rate(): number {
    return this.#rate.bytesPerSecond;
  }

  allowed(now: Millis): number {
    return Math.floor(this.#pacer.available(now) / DATAGRAM_BYTES);
  }

  onSent(_seqs: Uint32Array, count: number): void {
    this.#rate.onSent(count);
    this.#pacer.rate = this.#rate.bytesPerSecond;
    this.#pacer.spend(count * DATAGRAM_BYTES);
  }

  onLost(count: number): void {
    this.#rate.onLost(count);
  }

  /** All that was sent has come. */
  onProceed(): void {
    this.#rate.endRound();
  }

  readyAt(now: Millis): Millis {
    return this.#pacer.readyAt(DATAGRAM_BYTES, now);
  }
}

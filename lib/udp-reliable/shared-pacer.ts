import type { Millis } from '../core/brands.ts';
import { Pacer } from './pacer.ts';

/** How far one may be ahead of the others while there is not enough for all, in datagrams. */
const QUANTUM = 4;

/**
 * A token bucket that several senders share: while there is not enough, each gets as much as the
 * others; what some leave is there for the rest. (After start-time fair queueing, Goyal et al.
 * 1996: a virtual time says how much everybody has had.)
 */
export class SharedPacer {
  readonly #pacer: Pacer;
  /** With more than this in the bucket, there is enough for all. */
  readonly #plenty: number;
  #sharers = 0;
  /** Bytes that each of the sharers has had, on average. */
  #virtual = 0;

  /** @param rate bytes a second. @param burst the most bytes that may go at once. */
  constructor(rate: number, burst: number) {
    this.#pacer = new Pacer(rate, burst);
    this.#plenty = burst / 2;
  }

  /** @param datagramBytes of a full datagram of the one who shares. */
  newShare(datagramBytes: number): Share {
    return new Share(this, datagramBytes);
  }

  /** For {@link Share}: one more has something to send; returns where it begins to count. */
  join(): number {
    this.#sharers += 1;
    return this.#virtual;
  }

  leave(): void {
    this.#sharers -= 1;
  }

  available(used: number, datagramBytes: number, now: Millis): number {
    const credit = this.#pacer.available(now);
    if (credit < datagramBytes) return 0;
    const plenty = Math.max(this.#plenty, datagramBytes);
    if (credit >= plenty) return Math.max(datagramBytes, credit / this.#sharers);
    const quantum = QUANTUM * datagramBytes;
    return used <= this.#virtual + quantum ? Math.min(credit, quantum) : 0;
  }

  spend(bytes: number): void {
    this.#pacer.spend(bytes);
    this.#virtual += bytes / Math.max(1, this.#sharers);
  }

  readyAt(used: number, datagramBytes: number, now: Millis): Millis {
    // Whoever is ahead waits until the others have had theirs, or leave it.
    const ahead = used > this.#virtual + QUANTUM * datagramBytes;
    const wanted = ahead ? Math.max(this.#plenty, datagramBytes) : datagramBytes;
    return this.#pacer.readyAt(wanted, now);
  }
}

/** One sender's part of a {@link SharedPacer}. */
export class Share {
  readonly #shared: SharedPacer;
  readonly #datagramBytes: number;
  #active = false;
  #used = 0;

  constructor(shared: SharedPacer, datagramBytes: number) {
    this.#shared = shared;
    this.#datagramBytes = datagramBytes;
  }

  /** Whether there is something to send; the others get the part of one that rests. */
  set active(active: boolean) {
    if (active === this.#active) return;
    this.#active = active;
    if (active) this.#used = Math.max(this.#used, this.#shared.join());
    else this.#shared.leave();
  }

  /** Bytes that may go now. */
  available(now: Millis): number {
    return this.#shared.available(this.#used, this.#datagramBytes, now);
  }

  spend(bytes: number): void {
    this.#used += bytes;
    this.#shared.spend(bytes);
  }

  /** When a datagram may go. */
  readyAt(now: Millis): Millis {
    return this.#shared.readyAt(this.#used, this.#datagramBytes, now);
  }
}

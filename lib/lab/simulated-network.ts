import { after, type Millis, millis } from '../core/brands.ts';
import { readSequenceNumber } from '../udp-reliable/segment.ts';
import { damaged, type FaultPlan } from './faults.ts';

interface Event {
  readonly at: Millis;
  readonly action: () => void;
}

/**
 * A network and a clock that exist only in memory: machines talk over it in virtual time, so that
 * an hour takes milliseconds and a seed repeats it.
 */
export class SimulatedNetwork {
  readonly #plan: FaultPlan;
  readonly #messageDelay: Millis;
  /** Soonest last. */
  readonly #events: Event[] = [];
  readonly #sendings = new Map<number, number>();
  #now = millis(0);

  /** @param messageDelay how long a TCP message takes; it arrives for sure, and in order. */
  constructor(plan: FaultPlan, messageDelay: Millis) {
    this.#plan = plan;
    this.#messageDelay = messageDelay;
  }

  get now(): Millis {
    return this.#now;
  }

  /** Does `action` at `at`; what is due at the same moment happens in the order it was asked for. */
  schedule(at: Millis, action: () => void): void {
    const event = { at: at > this.#now ? at : this.#now, action };
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.at ?? 0) > event.at) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, event);
  }

  sendMessage(deliver: () => void): void {
    this.schedule(after(this.#now, this.#messageDelay), deliver);
  }

  /**
   * Sends a datagram with a segment in it. A damaged copy is thrown away on arrival, as every UDP
   * does whose checksum is wrong.
   */
  sendDatagram(datagram: Buffer, deliver: (datagram: Buffer) => void): void {
    const seq = readSequenceNumber(datagram);
    const nth = (this.#sendings.get(seq) ?? 0) + 1;
    this.#sendings.set(seq, nth);
    for (const copy of this.#plan.fateOf(seq, nth)) {
      if (copy.corruptAt !== undefined) continue;
      this.schedule(after(this.#now, copy.delay), () => deliver(damaged(datagram, copy)));
    }
  }

  /** Lets time pass until nothing is left to happen, or until `limit`; says whether it ran out. */
  run(limit: Millis): boolean {
    for (;;) {
      const next = this.#events.at(-1);
      if (next === undefined) return true;
      if (next.at > limit) return false;
      this.#events.pop();
      this.#now = next.at;
      next.action();
    }
  }
}

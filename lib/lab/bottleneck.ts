import { after, type Millis } from '../core/brands.ts';
import { randomFrom } from '../core/random.ts';
import { RateQueue, type RateQueueOptions } from './rate-queue.ts';
import type { SimulatedNetwork } from './simulated-network.ts';

export interface BottleneckOptions extends RateQueueOptions {
  /** One way, without the queue. */
  readonly delay: Millis;
  /** The share that is lost by chance, behind the queue. */
  readonly loss: number;
  readonly seed: number;
}

/** One direction of a path: a queue in front of a link of given rate, then a delay, then chance. */
export class Bottleneck {
  readonly #network: SimulatedNetwork;
  readonly #options: BottleneckOptions;
  readonly #queue: RateQueue;
  #sent = 0;
  #queuedBytes = 0;
  #observed = 0;
  #dropped = 0;

  constructor(network: SimulatedNetwork, options: BottleneckOptions) {
    this.#network = network;
    this.#options = options;
    this.#queue = new RateQueue(options);
  }

  /** Packets that found no place in the queue. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Bytes that wait, on average over the packets that came. */
  get meanQueue(): number {
    return this.#queuedBytes / Math.max(1, this.#observed);
  }

  /** @param bytes of the packet, headers and all. */
  send(bytes: number, deliver: () => void): void {
    const { delay, loss, seed } = this.#options;
    const { now } = this.#network;
    this.#queuedBytes += this.#queue.waitingAt(now);
    this.#observed += 1;
    const gone = this.#queue.admit(bytes, now);
    if (gone === undefined) {
      this.#dropped += 1;
      return;
    }
    this.#sent += 1;
    if (randomFrom(seed, this.#sent, 1, 1) < loss) return;
    this.#network.schedule(after(gone, delay), deliver);
  }
}

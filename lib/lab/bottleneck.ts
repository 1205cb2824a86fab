import { after, type Millis, millis } from '../core/brands.ts';
import { randomFrom } from '../core/random.ts';
import type { SimulatedNetwork } from './simulated-network.ts';

export interface BottleneckOptions {
  /** Bytes a second. */
  readonly rate: number;
  /** One way, without the queue. */
  readonly delay: Millis;
  /** Bytes that wait at most; what is beyond is dropped. */
  readonly queue: number;
  /** The share that is lost by chance, behind the queue. */
  readonly loss: number;
  readonly seed: number;
}

/** One direction of a path: a queue in front of a link of given rate, then a delay, then chance. */
export class Bottleneck {
  readonly #network: SimulatedNetwork;
  readonly #options: BottleneckOptions;
  #sent = 0;
  /** When the link has sent all that waits. */
  #freeAt = millis(0);
  #queuedMillis = 0;
  #observed = 0;
  #dropped = 0;

  constructor(network: SimulatedNetwork, options: BottleneckOptions) {
    this.#network = network;
    this.#options = options;
  }

  /** Packets that found no place in the queue. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Bytes that wait, on average over the packets that came. */
  get meanQueue(): number {
    return ((this.#queuedMillis / Math.max(1, this.#observed)) * this.#options.rate) / 1000;
  }

  /** @param bytes of the packet, headers and all. */
  send(bytes: number, deliver: () => void): void {
    const { rate, delay, queue, loss, seed } = this.#options;
    const { now } = this.#network;
    const waiting = Math.max(0, this.#freeAt - now);
    this.#queuedMillis += waiting;
    this.#observed += 1;
    if ((waiting * rate) / 1000 + bytes > queue) {
      this.#dropped += 1;
      return;
    }
    this.#freeAt = millis(Math.max(now, this.#freeAt) + (bytes * 1000) / rate);
    this.#sent += 1;
    if (randomFrom(seed, this.#sent, 1, 1) < loss) return;
    this.#network.schedule(after(this.#freeAt, delay), deliver);
  }
}

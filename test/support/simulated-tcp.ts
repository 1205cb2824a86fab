import { after, millis } from '../../lib/core/brands.ts';
import type { SimulatedPath } from './simulated-path.ts';

const PACKET = 1500;
const PAYLOAD = 1448;

/** A TCP flow with CUBIC (RFC 9438) and selective acknowledgements, that never ends. */
export class SimulatedTcp {
  readonly #path: SimulatedPath;
  #window = 10;
  #threshold = Number.POSITIVE_INFINITY;
  #windowMax = 0;
  #epoch = 0;
  #friendly = 0;
  #next = 0;
  readonly #open = new Map<number, number>();
  #recoverUntil = 0;
  #srtt = 0;
  received = 0;

  constructor(path: SimulatedPath) {
    this.#path = path;
    this.#send();
    this.#watch();
  }

  #send(): void {
    const { network, forward, backward } = this.#path;
    while (this.#open.size < Math.floor(this.#window)) {
      const packet = this.#next++;
      this.#open.set(packet, network.now);
      forward.send(PACKET, () => {
        this.received += PAYLOAD;
        backward.send(60, () => this.#acked(packet));
      });
    }
  }

  #acked(packet: number): void {
    const sentAt = this.#open.get(packet);
    if (sentAt === undefined) return;
    const { now } = this.#path.network;
    this.#open.delete(packet);
    const rtt = now - sentAt;
    this.#srtt = this.#srtt === 0 ? rtt : this.#srtt + (rtt - this.#srtt) / 8;
    for (const older of this.#open.keys()) {
      if (older >= packet - 3) break;
      this.#open.delete(older);
      this.#lost(older);
    }
    this.#grow();
    this.#send();
  }

  #lost(packet: number): void {
    if (packet < this.#recoverUntil) return;
    this.#recoverUntil = this.#next;
    this.#windowMax = this.#window < this.#windowMax ? this.#window * 0.85 : this.#window;
    this.#window *= 0.7;
    this.#threshold = this.#window;
    this.#friendly = this.#window;
    this.#epoch = this.#path.network.now;
  }

  #grow(): void {
    if (this.#window < this.#threshold) {
      this.#window += 1;
      return;
    }
    const { now } = this.#path.network;
    const k = Math.cbrt((this.#windowMax * 0.3) / 0.4);
    const t = (now - this.#epoch + this.#srtt) / 1000;
    const target = Math.min(1.5 * this.#window, 0.4 * (t - k) ** 3 + this.#windowMax);
    this.#friendly += 0.9 / 1.7 / this.#window;
    if (target > this.#window) this.#window += (target - this.#window) / this.#window;
    this.#window = Math.max(this.#window, this.#friendly);
  }

  /** When nothing is heard at all: begin anew. */
  #watch(): void {
    const { network } = this.#path;
    network.schedule(after(network.now, millis(300)), () => {
      const oldest = this.#open.values().next().value;
      if (oldest !== undefined && network.now - oldest > 300 + 2 * this.#srtt) {
        this.#open.clear();
        this.#window = 2;
        this.#send();
      }
      this.#watch();
    });
  }
}

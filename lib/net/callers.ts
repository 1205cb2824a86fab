import type { Socket } from 'node:net';
import { RateLimit } from '../core/rate-limit.ts';
import { plainAddress } from './addresses.ts';
import { breakConnection } from './break-connection.ts';
import { now } from './clock.ts';

/** Connections from one address: at a time, at once, and a second in the long run. */
const MAX_FROM_ONE = 16;
const MOST_AT_ONCE = 64;
const MOST_PER_SECOND = 16;

/** Who may connect: no address more often than it has reason to. */
export class Callers {
  readonly #rate = new RateLimit(MOST_AT_ONCE, MOST_PER_SECOND);
  /** How many connections come from an address. */
  readonly #from = new Map<string, number>();
  readonly #onTooOften: (address: string) => void;

  /** @param onTooOften is told once, until the address has been quiet. */
  constructor(onTooOften: (address: string) => void) {
    this.#onTooOften = onTooOften;
  }

  /** The address of a connection that was let in; `undefined` for one that was cut. */
  admit(socket: Socket): string | undefined {
    const address = plainAddress(socket.remoteAddress ?? '');
    const others = this.#from.get(address) ?? 0;
    const admitted = this.#rate.admit(address, now());
    if (admitted === 'first-over') this.#onTooOften(address);
    if (admitted !== 'admitted' || others >= MAX_FROM_ONE) {
      socket.on('error', () => undefined);
      breakConnection(socket);
      return undefined;
    }
    this.#from.set(address, others + 1);
    socket.once('close', () => this.#left(address));
    return address;
  }

  #left(address: string): void {
    const left = (this.#from.get(address) ?? 1) - 1;
    if (left > 0) this.#from.set(address, left);
    else this.#from.delete(address);
  }
}

import { after, type Millis } from './brands.ts';

/** Addresses that are remembered; of more, those that were wrong longest ago are forgotten. */
const MAX_ADDRESSES = 10_000;

interface Attempts {
  /** When the last ones were. */
  readonly wrong: readonly Millis[];
  readonly shutUntil: Millis | undefined;
}

/** Who has guessed wrong too often lately: addresses that are not listened to for a while. */
export class WrongAttempts {
  readonly #most: number;
  readonly #span: Millis;
  readonly #attempts = new Map<string, Attempts>();

  /** @param most wrong ones within `span` shut an address out for another `span`. */
  constructor(most: number, span: Millis) {
    this.#most = most;
    this.#span = span;
  }

  isShutOut(address: string, now: Millis): boolean {
    const until = this.#attempts.get(address)?.shutUntil;
    return until !== undefined && now < until;
  }

  add(address: string, now: Millis): void {
    const before = this.#attempts.get(address)?.wrong ?? [];
    const wrong = [...before.filter((at) => now < after(at, this.#span)), now];
    this.#attempts.delete(address);
    this.#attempts.set(
      address,
      wrong.length < this.#most
        ? { wrong, shutUntil: undefined }
        : { wrong: [], shutUntil: after(now, this.#span) },
    );
    const [oldest] = this.#attempts.keys();
    if (this.#attempts.size > MAX_ADDRESSES && oldest !== undefined) this.#attempts.delete(oldest);
  }

  forget(address: string): void {
    this.#attempts.delete(address);
  }
}

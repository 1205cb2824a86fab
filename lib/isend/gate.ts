import { createHash, timingSafeEqual } from 'node:crypto';
import { after, type Millis, millis } from '../core/brands.ts';

const MAX_WRONG = 3;
const WITHIN = millis(60_000);
const REFUSE_FOR = millis(60_000);
/** Addresses that are remembered; of more, those that were wrong longest ago are forgotten. */
const MAX_ADDRESSES = 10_000;

interface Attempts {
  /** When the last wrong passwords came. */
  readonly wrong: readonly Millis[];
  readonly refusedUntil: Millis | undefined;
}

/** Who may send: whoever knows the password, and has not tried too many others. */
export class Gate {
  readonly #digest: Buffer | undefined;
  readonly #attempts = new Map<string, Attempts>();

  /** @param password none: everybody may. */
  constructor(password: Uint8Array | undefined) {
    this.#digest = password && digest(password);
  }

  /** Why the sender at `address` must not go on, or `undefined`. */
  refusal(address: string, password: Uint8Array | undefined, now: Millis): string | undefined {
    if (this.#digest === undefined) return undefined;
    const { wrong = [], refusedUntil } = this.#attempts.get(address) ?? {};
    if (refusedUntil !== undefined && now < refusedUntil) {
      return 'too many wrong passwords from this address; try again in a minute';
    }
    if (password === undefined) return 'a password is needed';
    // Of equal length whatever was sent: the comparison takes the same time for all.
    if (timingSafeEqual(digest(password), this.#digest)) {
      this.#attempts.delete(address);
      return undefined;
    }
    const lately = [...wrong.filter((at) => now < after(at, WITHIN)), now];
    this.#attempts.delete(address);
    this.#attempts.set(
      address,
      lately.length < MAX_WRONG
        ? { wrong: lately, refusedUntil: undefined }
        : { wrong: [], refusedUntil: after(now, REFUSE_FOR) },
    );
    const [oldest] = this.#attempts.keys();
    if (this.#attempts.size > MAX_ADDRESSES && oldest !== undefined) this.#attempts.delete(oldest);
    return 'wrong password';
  }
}

function digest(password: Uint8Array): Buffer {
  return createHash('sha256').update(password).digest();
}

import { createHash, timingSafeEqual } from 'node:crypto';
import { type Millis, millis } from '../core/brands.ts';
import { WrongAttempts } from '../core/wrong-attempts.ts';

const MAX_WRONG = 3;
const WITHIN = millis(60_000);

/** Who may send: whoever knows the password, and has not tried too many others. */
export class Gate {
  readonly #digest: Buffer | undefined;
  readonly #wrong = new WrongAttempts(MAX_WRONG, WITHIN);

  /** @param password none: everybody may. */
  constructor(password: Uint8Array | undefined) {
    this.#digest = password && digest(password);
  }

  /** Why the sender at `address` must not go on, or `undefined`. */
  refusal(address: string, password: Uint8Array | undefined, now: Millis): string | undefined {
    if (this.#digest === undefined) return undefined;
    if (this.#wrong.isShutOut(address, now)) {
      return 'too many wrong passwords from this address; try again in a minute';
    }
    if (password === undefined) return 'a password is needed';
    // Of equal length whatever was sent: the comparison takes the same time for all.
    if (timingSafeEqual(digest(password), this.#digest)) {
      this.#wrong.forget(address);
      return undefined;
    }
    this.#wrong.add(address, now);
    return 'wrong password';
  }
}

function digest(password: Uint8Array): Buffer {
  return createHash('sha256').update(password).digest();
}

import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** scrypt's N: how much work a guess is. What is kept in a file for long gets the larger one. */
export const COST_OF_PASSWORD = 16_384;
export const COST_OF_LOG_IN = 2048;
const BLOCK_SIZE = 8;
const LENGTH = 32;
/** More at once would keep the files waiting, which share the threads. */
const AT_ONCE = 2;

/** More that wait are refused: each would wait for too long. */
const MOST_WAITING = 1000;
/** What the key of somebody who is not known is compared with: it takes as long as any other. */
const NOBODY = `scrypt:${COST_OF_PASSWORD}:${'0'.repeat(32)}:${'0'.repeat(64)}`;

/** Keys that need not be hashed again. */
const MOST_REMEMBERED = 10_000;

const HASH = /^scrypt:(\d{1,7}):([0-9a-f]{32}):([0-9a-f]{64})$/;

/** Whether `text` is what {@link KeyHashes.hash} gives. */
export function isKeyHash(text: string): boolean {
  return HASH.test(text);
}

/** Makes and compares salted hashes of keys, a few at a time. */
export class KeyHashes {
  /** Keys that were right before, so that the work is done once: a hash of our own of both. */
  readonly #right = new Map<string, Buffer>();
  readonly #salt = randomBytes(16);
  readonly #turns: (() => void)[] = [];
  #running = 0;

  /** @param cost scrypt's N, a power of two. */
  async hash(key: string, cost: number): Promise<string> {
    const salt = randomBytes(16).toString('hex');
    const made = await this.#scrypt(key, salt, cost);
    const hash = `scrypt:${cost}:${salt}:${made.toString('hex')}`;
    this.#remember(hash, this.#quick(key, hash));
    return hash;
  }

  /**
   * @param hash of the right key; `undefined`: there is none.
   * @throws Error when too many are being compared.
   */
  async matches(key: string, hash: string = NOBODY): Promise<boolean> {
    const [, cost, salt, expected] = HASH.exec(hash) ?? [];
    if (cost === undefined || salt === undefined || expected === undefined) return false;
    const quick = this.#quick(key, hash);
    const known = this.#right.get(hash);
    if (known !== undefined && timingSafeEqual(known, quick)) return true;
    const found = await this.#scrypt(key, salt, Number(cost));
    const right = timingSafeEqual(found, Buffer.from(expected, 'hex'));
    if (right) this.#remember(hash, quick);
    return right;
  }

  #quick(key: string, hash: string): Buffer {
    return createHash('sha256').update(this.#salt).update(hash).update(key).digest();
  }

  #remember(hash: string, quick: Buffer): void {
    this.#right.delete(hash);
    this.#right.set(hash, quick);
    const [oldest] = this.#right.keys();
    if (oldest !== undefined && this.#right.size > MOST_REMEMBERED) this.#right.delete(oldest);
  }

  async #scrypt(key: string, salt: string, cost: number): Promise<Buffer> {
    if (this.#turns.length >= MOST_WAITING) throw new Error('too many keys are being checked');
    if (this.#running >= AT_ONCE) await new Promise<void>((resolve) => this.#turns.push(resolve));
    else this.#running += 1;
    try {
      return await new Promise((resolve, reject) => {
        scrypt(key, salt, LENGTH, { N: cost, r: BLOCK_SIZE, p: 1 }, (error, hash) =>
          error === null ? resolve(hash) : reject(error),
        );
      });
    } finally {
      const next = this.#turns.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}

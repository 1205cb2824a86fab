import type { Millis } from './brands.ts';

/** Addresses that are remembered; of more, those that were heard of longest ago are forgotten. */
const MAX_ADDRESSES = 10_000;

interface Bucket {
  tokens: number;
  at: Millis;
  /** Whether it was told that there is too much. */
  told: boolean;
}

/** How much an address may send: a token bucket for each. */
export class RateLimit {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #buckets = new Map<string, Bucket>();

  /** @param burst at once, and `perSecond` in the long run. */
  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
  }

  /** `first-over`: for the first time since there was room; a line in the log is worth it. */
  admit(address: string, now: Millis): 'admitted' | 'first-over' | 'over' {
    const bucket = this.#bucketOf(address, now);
    const gained = ((now - bucket.at) / 1000) * this.#perSecond;
    bucket.tokens = Math.min(this.#burst, bucket.tokens + gained);
    bucket.at = now;
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      if (bucket.tokens >= this.#burst / 2) bucket.told = false;
      return 'admitted';
    }
    if (bucket.told) return 'over';
    bucket.told = true;
    return 'first-over';
  }

  #bucketOf(address: string, now: Millis): Bucket {
    const bucket = this.#buckets.get(address) ?? { tokens: this.#burst, at: now, told: false };
    this.#buckets.delete(address);
    this.#buckets.set(address, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > MAX_ADDRESSES && oldest !== undefined) this.#buckets.delete(oldest);
    return bucket;
  }
}

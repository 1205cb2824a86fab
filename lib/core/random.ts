/**
 * A number in [0, 1) that depends on the given numbers alone: the same ones give the same result
 * on every machine. (Integer mixing after MurmurHash3's finaliser.)
 */
export function randomFrom(...parts: readonly number[]): number {
  let hash = 0x9e3779b9;
  for (const part of parts) {
    hash = mix(hash ^ (part >>> 0));
    hash = mix((hash + Math.floor(part / 2 ** 32)) >>> 0);
  }
  return hash / 2 ** 32;
}

/** A stream of numbers in [0, 1) that is repeated by giving the same seed. */
export function seededRandom(seed: number): () => number {
  let count = 0;
  return () => {
    count += 1;
    return randomFrom(seed, count);
  };
}

function mix(value: number): number {
  let hash = (value + 0x6d2b79f5) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Snapshot } from './link.ts';
import type { Path } from './path.ts';

const EVERY_MS = 100;
/** In seconds: whatever is waited for has happened by then, or something is wrong. */
const PATIENCE = 60;

/** Looks at a link again and again. */
export class Samples {
  readonly #path: Path;
  readonly #signal: AbortSignal;
  readonly #all: Snapshot[] = [];

  constructor(path: Path, signal: AbortSignal) {
    this.#path = path;
    this.#signal = signal;
  }

  /** The first look at which something is so. */
  async until(isSo: (sample: Snapshot) => boolean): Promise<Snapshot> {
    const deadline = performance.now() + PATIENCE * 1000;
    for (;;) {
      const sample = await this.#path.counters();
      this.#all.push(sample);
      if (isSo(sample)) return sample;
      if (performance.now() > deadline) throw new Error('the downloads do not go on');
      await sleep(EVERY_MS, undefined, { signal: this.#signal });
    }
  }

  /** The last look that was a second before another one, at least; the first one if there is none. */
  aSecondBefore({ seconds }: Snapshot): Snapshot {
    const before = this.#all.findLast((sample) => sample.seconds <= seconds - 1) ?? this.#all[0];
    if (before === undefined) throw new Error('nothing was looked at yet');
    return before;
  }
}

import { visible } from '../core/text.ts';
import type { BarPlace } from '../terminal/progress.ts';

/** How often the line is written anew. */
const UPDATE_SPAN_MS = 200;

interface Share {
  readonly label: string;
  readonly size: number;
  bytes: number;
}

/** How far several transfers are, in the one line that a terminal has for it. */
export class Shares {
  readonly #place: BarPlace | undefined;
  readonly #shares = new Set<Share>();
  #shownAt = 0;

  constructor(place: BarPlace | undefined) {
    this.#place = place;
  }

  /** @param size in bytes. */
  begin(label: string, size: number): { update: (bytes: number) => void; end: () => void } {
    const share = { label: visible(label), size, bytes: 0 };
    this.#shares.add(share);
    return {
      update: (bytes) => {
        share.bytes = bytes;
        this.#show(false);
      },
      end: () => {
        this.#shares.delete(share);
        this.#show(true);
      },
    };
  }

  #show(now: boolean): void {
    const place = this.#place;
    const time = performance.now();
    if (place === undefined || (!now && time - this.#shownAt < UPDATE_SPAN_MS)) return;
    this.#shownAt = time;
    const parts = [...this.#shares].map(({ label, size, bytes }) => {
      return `${label} ${Math.floor((100 * bytes) / Math.max(1, size))}%`;
    });
    place.setStatus(parts.length === 0 ? undefined : parts.join(' | ').slice(0, place.columns - 1));
  }
}

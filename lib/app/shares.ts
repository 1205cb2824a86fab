import { type BarPlace, showProgress } from '../terminal/progress.ts';
import { StatusBoard } from '../terminal/status-board.ts';

/** How far one transfer is, for whoever looks. */
export interface Share {
  update(bytes: number): void;
  end(): void;
}

const UNSEEN: Share = { update: () => undefined, end: () => undefined };

/** How far several transfers are: a bar for each, where there is a terminal. */
export class Shares {
  readonly #board: StatusBoard | undefined;

  constructor(place: BarPlace | undefined) {
    this.#board = place && new StatusBoard(place);
  }

  /** @param size in bytes. */
  begin(label: string, size: number): Share {
    if (this.#board === undefined) return UNSEEN;
    const bar = showProgress({
      place: this.#board.add(),
      file: label,
      segmentCount: size,
      segmentPayload: 1,
    });
    return { update: (bytes) => bar.update(bytes), end: () => bar.stop() };
  }
}

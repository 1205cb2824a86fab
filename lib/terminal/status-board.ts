import type { BarPlace } from './progress.ts';

/** More rows would leave no room for anything else. */
const MAX_ROWS = 8;

/** Several bars, one below the other, in the place that a terminal has for a status. */
export class StatusBoard {
  readonly #place: BarPlace;
  /** A row for each bar, in their order. */
  readonly #rows = new Map<object, string>();

  constructor(place: BarPlace) {
    this.#place = place;
  }

  /** A row of its own, as long as it has a status. */
  add(): BarPlace {
    const key = {};
    const place = this.#place;
    return {
      get columns() {
        return place.columns;
      },
      setStatus: (text) => {
        if (text === undefined) this.#rows.delete(key);
        else this.#rows.set(key, text);
        this.#show();
      },
    };
  }

  #show(): void {
    const rows = [...this.#rows.values()];
    const hidden = rows.length - MAX_ROWS;
    if (hidden > 0) rows.splice(MAX_ROWS, hidden, `… and ${hidden} more`);
    this.#place.setStatus(rows.length === 0 ? undefined : rows.join('\n'));
  }
}

/** From `start` up to `end`, which is no part of it. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** What is more scattered than this is not noted: it counts as not there. */
const MAX_RANGES = 1024;

/** Which bytes of a file are there. */
export class Ranges {
  #ranges: readonly Range[] = [];

  add(start: number, end: number): void {
    if (end <= start) return;
    const last = this.#ranges.at(-1);
    // Nearly always it is what follows.
    if (last !== undefined && start === last.end) {
      this.#ranges = [...this.#ranges.slice(0, -1), { start: last.start, end }];
      return;
    }
    const touches = (range: Range): boolean => range.start <= end && range.end >= start;
    const joined = this.#ranges.filter(touches);
    const whole = {
      start: Math.min(start, ...joined.map((range) => range.start)),
      end: Math.max(end, ...joined.map((range) => range.end)),
    };
    const others = this.#ranges.filter((range) => !touches(range));
    if (others.length >= MAX_RANGES) return;
    this.#ranges = [...others, whole].sort((a, b) => a.start - b.start);
  }

  /** Where the last of them ends. */
  get end(): number {
    return this.#ranges.at(-1)?.end ?? 0;
  }

  /** What is not there of the first `size` bytes. */
  missing(size: number): Range[] {
    const missing: Range[] = [];
    let at = 0;
    for (const { start, end } of [...this.#ranges, { start: size, end: size }]) {
      if (start > at) missing.push({ start: at, end: Math.min(start, size) });
      at = Math.max(at, end);
      if (at >= size) break;
    }
    return missing;
  }
}

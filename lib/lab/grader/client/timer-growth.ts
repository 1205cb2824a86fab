/** When a client asked again while nothing came, in milliseconds after the last part. */
export interface TimedRound {
  readonly after: number;
  /** The same by the time that the client has had: less, where the machine was busy. */
  readonly fairAfter: number;
}

/**
 * By so much each wait is longer than the one before it, in milliseconds: 100 by the document, and 56 at least where
 * the client looks at its clock now and then only.
 */
const GROWTH = 53;

/**
 * Whether a timer grows. A client that waits for a processor has had less time, but what waits need not be what has
 * the timer: it grows, too, if it does by the clock on the wall.
 */
export function isGrowing(rounds: readonly TimedRound[]): boolean {
  const isSo = (times: readonly number[]): boolean => growthOf(times) >= GROWTH;
  return isSo(rounds.map(({ after }) => after)) || isSo(rounds.map(({ fairAfter }) => fairAfter));
}

/** The slope of the waits between such times, by least squares: one wait that is late is not taken for growth. */
function growthOf(times: readonly number[]): number {
  const waits = times.map((time, at) => time - (times[at - 1] ?? 0));
  const middle = (waits.length - 1) / 2;
  const sum = (of: (at: number) => number): number => {
    return waits.reduce((total, _, at) => total + of(at), 0);
  };
  return sum((at) => (at - middle) * (waits[at] ?? 0)) / sum((at) => (at - middle) ** 2);
}

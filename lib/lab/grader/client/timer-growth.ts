/** When a client asked again while nothing came, in milliseconds after the last part. */
export interface TimedRound {
  readonly after: number;
  /** The same by the time that the client has had: less, where the machine was busy. */
  readonly fairAfter: number;
}

/**
 * By so much each wait is longer than the one before it, in milliseconds: 100 by the document, and 41 at least where
 * the client looks at its clock four times a second only.
 */
const GROWTH = 40;

/**
 * Whether a timer grows. A client that waits for a processor has had less time, but what waits need not be what has
 * the timer: it grows, too, if it does by the clock on the wall.
 */
export function isGrowing(rounds: readonly TimedRound[]): boolean {
  const isSo = (times: readonly number[]): boolean => growthOf(times) >= GROWTH;
  return isSo(rounds.map(({ after }) => after)) || isSo(rounds.map(({ fairAfter }) => fairAfter));
}

/**
 * The slope of the waits between such times: the median of the slopes between any two of them (Theil and Sen), which
 * one wait that is late does not change much. The first wait is left out: a timer that has another length from then on
 * does not grow.
 */
function growthOf(times: readonly number[]): number {
  const waits = times.map((time, at) => time - (times[at - 1] ?? 0)).slice(1);
  const slopes = waits.flatMap((wait, at) =>
    waits.slice(0, at).map((before, was) => (wait - before) / (at - was)),
  );
  const sorted = slopes.sort((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const [low = 0, high = low] = sorted.slice(sorted.length % 2 === 1 ? middle : middle - 1);
  return sorted.length % 2 === 1 ? low : (low + high) / 2;
}

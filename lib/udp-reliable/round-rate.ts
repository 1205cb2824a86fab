/** Bytes a second. */
const START = 16_000_000;
const LEAST = 256_000;
const MOST = 64_000_000;
/** Loss up to this share is taken for the path's own, not for a sign of going too fast. */
const TOLERATED_LOSS = 0.02;
/** A round of fewer segments says nothing about the rate. */
const SMALLEST_ROUND = 32;

/**
 * The sending rate under the document's rules. The only news a server gets is a re-request after a
 * silence, so the rate is set from round to round: a round is all that was sent between two of
 * them. What was not asked for again has arrived, so the share that arrived of the rate is what the
 * path and the receiver can take.
 */
export class RoundRate {
  #rate = START;
  #sent = 0;
  #lost = 0;

  get bytesPerSecond(): number {
    return this.#rate;
  }

  onSent(segments: number): void {
    // The first segment after a re-request opens a new round.
    if (this.#lost > 0) this.endRound();
    this.#sent += segments;
  }

  onLost(segments: number): void {
    this.#lost += segments;
  }

  /** Judges the round that is over, also when nothing was lost in it. */
  endRound(): void {
    const loss = Math.min(1, this.#lost / Math.max(1, this.#sent));
    if (this.#sent >= SMALLEST_ROUND) {
      const factor = loss <= TOLERATED_LOSS ? 1.25 : Math.max(0.5, 1 - loss);
      this.#rate = Math.min(MOST, Math.max(LEAST, this.#rate * factor));
    }
    this.#sent = 0;
    this.#lost = 0;
  }
}

/** Bytes a second. */
const START = 16_000_000;
const LEAST = 256_000;
const MOST = 64_000_000;
/** Loss up to this share is taken for the path's own, not for a sign of going too fast. */
const TOLERATED_LOSS = 0.01;
const MOST_TOLERATED = 0.3;
/** Below the share that has arrived, so that what has piled up goes away. */
const MARGIN = 0.95;
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
  #most = MOST;
  #tolerated = TOLERATED_LOSS;
  #sent = 0;
  #lost = 0;

  get bytesPerSecond(): number {
    return this.#rate;
  }

  /** Up to this share a loss says nothing of the rate. */
  get toleratedLoss(): number {
    return this.#tolerated;
  }

  /** What the path and the receiver can take, bytes a second; more is not tried any more. */
  measured(rate: number): void {
    this.#most = Math.min(MOST, Math.max(LEAST, rate));
    this.#rate = this.#most;
    this.#sent = 0;
    this.#lost = 0;
  }

  /** The path loses this share at any rate: from now on it says nothing, and less was no better. */
  tolerate(loss: number): void {
    this.#tolerated = Math.min(MOST_TOLERATED, 1.3 * loss + TOLERATED_LOSS);
    this.#rate = this.#most;
  }

  onSent(segments: number): void {
    // The first segment after a re-request opens a new round.
    if (this.#lost > 0) this.endRound();
    this.#sent += segments;
  }

  onLost(segments: number): void {
    this.#lost += segments;
  }

  /**
   * Judges the round that is over, also when nothing was lost in it.
   * @returns the share that was lost.
   */
  endRound(): number {
    const loss = Math.min(1, this.#lost / Math.max(1, this.#sent));
    const lossy = loss > this.#tolerated;
    if (this.#sent >= SMALLEST_ROUND) {
      const factor = lossy ? Math.max(0.5, MARGIN * (1 - loss)) : 1.25;
      this.#rate = Math.min(this.#most, Math.max(LEAST, this.#rate * factor));
    }
    this.#sent = 0;
    this.#lost = 0;
    return loss;
  }
}

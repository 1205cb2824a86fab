/** Bytes in one span: 10 MB a second, far more than people read. */
const MOST_BYTES = 1_000_000;
const SPAN_MS = 100;

/** Keeps what is read from a program to a pace: one that floods would take the processor from all that runs beside it. */
export class ReadingPace {
  readonly #source: { pause(): unknown; resume(): unknown };
  #begin = performance.now();
  #bytes = 0;

  /** @param source from which the bytes come; it is paused now and then */
  constructor(source: { pause(): unknown; resume(): unknown }) {
    this.#source = source;
  }

  /** So many bytes have been read. */
  read(bytes: number): void {
    const now = performance.now();
    if (now - this.#begin > SPAN_MS) {
      this.#begin = now;
      this.#bytes = 0;
    }
    this.#bytes += bytes;
    if (this.#bytes < MOST_BYTES) return;
    this.#bytes = 0;
    this.#source.pause();
    setTimeout(() => this.#source.resume(), SPAN_MS).unref();
  }
}

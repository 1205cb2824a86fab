/** Bytes in one span: 10 MB a second, far more than people read. */
const MOST_BYTES = 1_000_000;
const SPAN_MS = 100;

/** What can be kept from reading for a while. */
interface Pausable {
  pause(): unknown;
  resume(): unknown;
}

/** Limits the rate at which a program is read: one that floods would take the processor from all that runs beside it. */
export class ReadThrottle {
  readonly #sources: readonly Pausable[];
  #begin = performance.now();
  #bytes = 0;
  #isLifted = false;

  /** @param sources from which its bytes come; they are paused now and then, all of them */
  constructor(...sources: readonly Pausable[]) {
    this.#sources = sources;
  }

  /** So many bytes have been read. */
  read(bytes: number): void {
    const now = performance.now();
    if (now - this.#begin > SPAN_MS) {
      this.#begin = now;
      this.#bytes = 0;
    }
    this.#bytes += bytes;
    if (this.#bytes < MOST_BYTES || this.#isLifted) return;
    this.#bytes = 0;
    for (const source of this.#sources) source.pause();
    setTimeout(() => this.#resume(), SPAN_MS).unref();
  }

  /** From here on all is read at once: the program has ended, and its last words tell why. */
  lift(): void {
    this.#isLifted = true;
    this.#resume();
  }

  #resume(): void {
    for (const source of this.#sources) source.resume();
  }
}

/** A write that has come so long after the one before is another message, in wall time. */
const APART_MS = 50;

/** What came from a program and was not taken yet: the end of it, when it is too much. */
export class HeardText {
  readonly #most: number;
  #text = '';
  /** Where in it something came after a while, in order. */
  #starts: number[] = [];
  #lastTime = Number.NEGATIVE_INFINITY;

  /** @param most characters that are kept */
  constructor(most: number) {
    this.#most = most;
  }

  get text(): string {
    return this.#text;
  }

  /** What came up to the first pause, where there was one; `undefined`: none yet. */
  get beforePause(): string | undefined {
    const [end] = this.#starts;
    return end === undefined ? undefined : this.#text.slice(0, end);
  }

  /** @param time of the wall, in milliseconds: how long the program could run meanwhile makes no two messages one */
  push(chunk: string, time: number): void {
    const start = this.#text.length;
    if (start > 0 && time - this.#lastTime >= APART_MS) this.#starts.push(start);
    this.#lastTime = time;
    this.#text += chunk;
    this.take(Math.max(0, this.#text.length - this.#most));
  }

  /** The first so many characters are done with. */
  take(length: number): void {
    this.#text = this.#text.slice(length);
    this.#starts = this.#starts.map((at) => at - length).filter((at) => at > 0);
  }
}

/**
 * What a client says in a download, where nothing ends its messages: numbers, `proceed` and `stop` may have come as
 * one.
 */
export function wordsOf(message: string): readonly string[] {
  const text = message.trim();
  if (!/^(?:proceed|stop|[\d\s,;|[\]()])+$/.test(text)) return [text];
  return text.match(/proceed|stop|[\d\s,;|[\]()]+/g) ?? [];
}

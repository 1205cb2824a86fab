/** What is kept of what a program prints: the beginning and the end. */
const KEPT_OUTPUT = 16_384;

/** The first and the last of a text of any length. */
export class BoundedOutput {
  #head = '';
  #tail = '';
  #left = 0;

  push(text: string): void {
    const room = KEPT_OUTPUT - this.#head.length;
    this.#head += text.slice(0, room);
    const tail = this.#tail + text.slice(Math.max(0, room));
    this.#left += Math.max(0, tail.length - KEPT_OUTPUT);
    this.#tail = tail.slice(-KEPT_OUTPUT);
  }

  take(): string {
    const gap = this.#left > 0 ? `\n[${this.#left} characters left out]\n` : '';
    const text = this.#head + gap + this.#tail;
    this.#head = '';
    this.#tail = '';
    this.#left = 0;
    return text;
  }
}

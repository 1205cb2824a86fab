import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Dialogue } from './dialogue.ts';

type Waiting = (line: string | undefined) => void;

/** Lines that may wait to be asked for; more are left in the pipe. */
const MAX_WAITING = 256;

/**
 * A {@link Dialogue} with a script: every answer is the next line of a pipe. Questions and answers
 * are written out, so that the output reads like a session.
 */
export class LineReader implements Dialogue {
  readonly #output: Writable;
  readonly #readline: Interface;
  readonly #lines: string[] = [];
  readonly #waiting: Waiting[] = [];
  /** Questions that came up by themselves are answered before the next command is read. */
  readonly #asked: Waiting[] = [];
  #ended = false;

  constructor(input: Readable, output: Writable) {
    this.#output = output;
    this.#readline = createInterface({ input, terminal: false });
    this.#readline.on('line', (line) => {
      const waiting = this.#asked.shift() ?? this.#waiting.shift();
      if (waiting !== undefined) waiting(line);
      else if (this.#lines.push(line) >= MAX_WAITING) this.#readline.pause();
    });
    this.#readline.on('close', () => {
      this.#ended = true;
      for (const queue of [this.#asked, this.#waiting]) {
        for (const waiting of queue.splice(0)) waiting(undefined);
      }
    });
  }

  command(signal?: AbortSignal): Promise<string | undefined> {
    return this.#next('> ', signal);
  }

  ask(question: string, signal?: AbortSignal): Promise<string | undefined> {
    return this.#next(`${question} `, signal);
  }

  askBetween(question: string, signal?: AbortSignal): Promise<string | undefined> {
    if (this.#lines.length > 0 || this.#ended) return this.#next(`${question} `, signal);
    // Whoever drives the pipe has to see that there is a question.
    this.print(question);
    return this.#next('', signal, this.#asked);
  }

  print(text: string): void {
    this.#output.write(`${text}\n`);
  }

  setStatus(): void {}

  close(): void {
    this.#readline.close();
  }

  async #next(
    prompt: string,
    signal: AbortSignal | undefined,
    queue = this.#waiting,
  ): Promise<string | undefined> {
    const line = await this.#nextLine(signal, queue);
    if (line !== undefined) this.print(prompt + line);
    return line;
  }

  #nextLine(signal: AbortSignal | undefined, queue: Waiting[]): Promise<string | undefined> {
    if (signal?.aborted) return Promise.resolve(undefined);
    const line = this.#lines.shift();
    if (line !== undefined) {
      if (this.#lines.length === 0 && !this.#ended) this.#readline.resume();
      return Promise.resolve(line);
    }
    if (this.#ended) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      queue.push(resolve);
      const takeBack = (): void => {
        const place = queue.indexOf(resolve);
        if (place === -1) return;
        queue.splice(place, 1);
        resolve(undefined);
      };
      signal?.addEventListener('abort', takeBack, { once: true });
    });
  }
}

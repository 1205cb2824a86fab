import { type Millis, millis } from '../core/brands.ts';
import type { TerminalUnderTest } from '../lab/grader/client-bench.ts';
import { delay } from './clock.ts';
import type { FairClock } from './fair-clock.ts';

/** A program that has printed something and says no more waits for an answer. */
const PROMPT_QUIET = millis(50);
/** The same where the cursor stands behind what it has printed. */
const OPEN_PROMPT_QUIET = millis(20);
const MOST_QUIET = millis(3000);
const POLL = millis(5);
const WORD = /\p{L}{3}/u;

/** What a client under test shows in its terminal. */
export class ClientScreen {
  readonly #terminal: TerminalUnderTest;
  readonly #clock: FairClock;
  #from = 0;

  constructor(terminal: TerminalUnderTest, clock: FairClock) {
    this.#terminal = terminal;
    this.#clock = clock;
  }

  /** What is shown from the last {@link mark} on. */
  get text(): string {
    return this.since(this.#from);
  }

  /** How much was shown so far. */
  get length(): number {
    return this.#terminal.shown.length;
  }

  since(from: number): string {
    return this.#terminal.shown.slice(from);
  }

  mark(): void {
    this.#from = this.length;
  }

  /** @returns whether it has become so in time */
  async until(isSo: () => boolean, patience: Millis): Promise<boolean> {
    const end = this.#clock.now() + patience;
    while (!isSo() && this.#clock.now() < end && this.#terminal.isRunning) await delay(POLL);
    return isSo();
  }

  /** Until all of a question is there, and whatever waits for its answer. */
  async settle(): Promise<void> {
    await this.#clock.wait(PROMPT_QUIET);
  }

  /** Until something new was shown, and nothing follows. */
  async untilPrompt(patience: Millis): Promise<string> {
    const from = this.#from;
    let last = this.#clock.now();
    let isNew = this.length > from;
    const stop = this.#terminal.onShown(() => {
      last = this.#clock.now();
      isNew = true;
    });
    await this.until(() => {
      const isOpen = !'\r\n'.includes(this.#terminal.shown.at(-1) ?? '\n');
      const quiet = isOpen ? OPEN_PROMPT_QUIET : PROMPT_QUIET;
      return isNew && this.#clock.now() - last >= quiet;
    }, patience);
    stop();
    const shown = this.since(from);
    this.mark();
    return shown;
  }

  /** Until nothing was shown for so long, whether there was anything or not. */
  async untilQuiet(quiet: Millis): Promise<void> {
    let last = this.#clock.now();
    const stop = this.#terminal.onShown(() => {
      last = this.#clock.now();
    });
    await this.until(() => this.#clock.now() - last >= quiet, MOST_QUIET);
    stop();
  }

  /**
   * The last line that has a word: some show a sign behind it for whatever is to be typed.
   * @param file its name and all numbers are left out, so that it is the same for all files
   */
  lastWords(from: number, file: string): string {
    return this.#lines(from, file).findLast((line) => WORD.test(line)) ?? '';
  }

  /** Whether there is such a line from the last {@link mark} on. */
  hasLine(file: string, words: string): boolean {
    return this.#lines(this.#from, file).includes(words);
  }

  #lines(from: number, file: string): string[] {
    const lines = this.since(from).split('\n');
    return lines.map((line) => line.trim().replaceAll(file, '').replaceAll(/\d+/g, ''));
  }
}

/** The end of what was shown, for a report. */
export function lastOf(text: string): string {
  const shown = text.trim();
  return shown === '' ? 'nothing is shown' : shown.slice(-300);
}

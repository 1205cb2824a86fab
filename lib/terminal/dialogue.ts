/**
 * How a program and the person (or script) in front of it talk, line by line, while other things go
 * on. An answer of `undefined` means that there will be none: the input has ended.
 */
export interface Dialogue {
  /** The next line at the main prompt; none, and none is used up, when `signal` is aborted. */
  command(signal?: AbortSignal): Promise<string | undefined>;
  /** The answer to a question that a command has led to. */
  ask(question: string, signal?: AbortSignal): Promise<string | undefined>;
  /**
   * The answer to a question that came up by itself; a line that is being typed comes first. The
   * question is taken back when `signal` is aborted, and the answer is then `undefined` too.
   */
  askBetween(question: string, signal?: AbortSignal): Promise<string | undefined>;
  /** Shows a line (or several) without disturbing what is being typed. */
  print(text: string): void;
  /** Keeps a line (or several) in view, or removes it. Does nothing where there is no terminal. */
  setStatus(text: string | undefined): void;
  close(): void;
}

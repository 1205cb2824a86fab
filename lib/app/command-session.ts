import { visible } from '../core/text.ts';
import type { Dialogue } from '../terminal/dialogue.ts';
import { LineEditor } from '../terminal/line-editor.ts';
import { LineReader } from '../terminal/line-reader.ts';
import type { BarPlace } from '../terminal/progress.ts';
import { onStopSignal } from './stop-signals.ts';

export interface SessionCommand {
  /** What stands behind its name, like `FILE NAME…`. */
  readonly words: string;
  readonly help: string;
  /** @param line as it was typed. @throws UserError, which is told. */
  readonly run: (words: readonly string[], line: string) => Promise<void> | void;
}

export type SessionCommands = Readonly<Record<string, SessionCommand>>;

/** `quit` and `help`, which every session has, included. */
export function describeCommands(
  commands: Readonly<Record<string, Pick<SessionCommand, 'words' | 'help'>>>,
): string {
  const all = {
    ...commands,
    help: { words: '', help: 'this list' },
    quit: { words: '', help: 'leave' },
  };
  const lines = Object.entries(all).map(([name, { words, help }]) => {
    return `  ${`${name} ${words}`.padEnd(22)} ${help}`;
  });
  return ['Commands:', ...lines].join('\n');
}

/** A person, or a script, who gives commands line by line, and is asked things in between. */
export class CommandSession {
  readonly #stop = new AbortController();
  readonly dialogue: Dialogue;
  readonly isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  #failed = false;

  constructor() {
    const { stdin: input, stdout: output } = process;
    const onInterrupt = (): void => this.leave();
    this.dialogue = this.isTerminal
      ? new LineEditor({ input, output, onInterrupt })
      : new LineReader(input, output);
    onStopSignal(onInterrupt);
  }

  /** Aborted when it ends. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Whether anything went wrong that was told. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Where bars are drawn, if they can be. */
  get bar(): BarPlace | undefined {
    if (!this.isTerminal) return undefined;
    const { dialogue } = this;
    return {
      get columns() {
        return process.stdout.columns;
      },
      setStatus: (text) => dialogue.setStatus(text),
    };
  }

  print(text: string): void {
    this.dialogue.print(text);
  }

  /** Whether the answer is yes. */
  async isWanted(question: string, expired: AbortSignal): Promise<boolean> {
    const answer = await this.dialogue.askBetween(`${question} (yes/no)`, expired);
    return /^y(es)?$/i.test(answer?.trim() ?? '');
  }

  /** Carries out what is said, until there is no more, or `quit`. */
  async obey(commands: SessionCommands): Promise<void> {
    this.print("'help' lists the commands.");
    while (!this.signal.aborted) {
      const line = await this.dialogue.command(this.signal);
      if (line === undefined || line.trim() === 'quit') return;
      try {
        await this.#obeyLine(commands, line);
      } catch (error) {
        this.complain(error);
      }
    }
  }

  /** Tells what did not work. */
  complain(error: unknown): void {
    if (this.signal.aborted) return;
    this.#failed = true;
    const why = error instanceof Error ? error.message : String(error);
    this.print(`That did not work: ${visible(why)}.`);
  }

  leave(): void {
    this.#stop.abort();
    this.dialogue.close();
  }

  /** To be called at the end: lets the process go. */
  close(): void {
    this.leave();
    process.stdin.destroy();
  }

  async #obeyLine(commands: SessionCommands, line: string): Promise<void> {
    const [verb, ...words] = wordsOf(line);
    if (verb === undefined) return;
    if (verb === 'help') return this.print(describeCommands(commands));
    if (!Object.hasOwn(commands, verb)) {
      this.print(`There is no command ${visible(verb)}; 'help' lists them.`);
      return;
    }
    await commands[verb]?.run(words, line);
  }
}

/** Words at spaces; what is in double quotes is one word. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|\S+/g)].map((match) => match[1] ?? match[0]);
}

import { type Command, Option } from 'commander';
import { visible } from '../core/text.ts';
import type { Dialogue } from '../terminal/dialogue.ts';
import { LineEditor } from '../terminal/line-editor.ts';
import { LineReader } from '../terminal/line-reader.ts';
import type { BarPlace } from '../terminal/progress.ts';
import { type StatusPlace, statusLine } from '../terminal/status-line.ts';
import { parseFolderFlag } from './flags.ts';

export interface TakingFlags {
  readonly accept: 'all' | 'ask' | 'none';
  readonly to: string;
  readonly once?: true;
}

/** The flags of a program that is there and takes what is offered. */
export function withTakingFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--accept <what>', 'what to take').choices(['all', 'ask', 'none']).default('ask'),
    )
    .option('--to <dir>', 'folder for what comes', parseFolderFlag, '.')
    .option('--once', 'end after one file');
}

/** The person, or the script, in front of a program that takes what is offered. */
export class Taking {
  readonly #flags: TakingFlags;
  readonly #stop: AbortController;
  readonly #dialogue: LineEditor | LineReader | undefined;
  /** Where a bar can be drawn, if it can. */
  readonly bar: BarPlace | undefined;
  readonly #status: StatusPlace | undefined;

  /** @param stop is aborted by Ctrl-C and Ctrl-D, and with `--once` after one file. */
  constructor(flags: TakingFlags, stop: AbortController) {
    this.#flags = flags;
    this.#stop = stop;
    const isTerminal = process.stdin.isTTY && process.stderr.isTTY;
    const { stdin, stdout, stderr } = process;
    const onInterrupt = (): void => stop.abort();
    if (flags.accept !== 'ask') {
      this.#status = stderr.isTTY ? statusLine(stderr) : undefined;
      this.bar = this.#status;
    } else if (isTerminal) {
      const editor = new LineEditor({ input: stdin, output: stderr, onInterrupt });
      this.#dialogue = editor;
      this.bar = {
        get columns() {
          return stderr.columns;
        },
        setStatus: (text) => editor.setStatus(text),
      };
      void this.#readLines(editor);
    } else this.#dialogue = new LineReader(stdin, stdout);
  }

  /** Whether what is offered is wanted. */
  async decide(question: string, expired: AbortSignal): Promise<boolean> {
    if (this.#dialogue === undefined) return this.#flags.accept === 'all';
    const answer = await this.#dialogue.askBetween(`${question} (yes/no)`, expired);
    return /^y(es)?$/i.test(answer?.trim() ?? '');
  }

  print(text: string): void {
    if (this.#dialogue !== undefined) this.#dialogue.print(text);
    else if (this.#status !== undefined) this.#status.print(text);
    else process.stderr.write(`${text}\n`);
  }

  /** A file is there. */
  saved(path: string): void {
    if (this.#dialogue === undefined) process.stdout.write(`${visible(path)}\n`);
    else this.#dialogue.print(`Saved as ${visible(path)}.`);
    this.ended();
  }

  /** One file has come, or has not. */
  ended(): void {
    if (this.#flags.once) this.#stop.abort();
  }

  close(): void {
    this.#dialogue?.close();
    process.stdin.destroy();
  }

  /** The editor asks between commands; there are none here, and Ctrl-D ends it. */
  async #readLines(dialogue: Dialogue): Promise<void> {
    while ((await dialogue.command(this.#stop.signal)) !== undefined) {
      dialogue.print('Ctrl-C or Ctrl-D ends it.');
    }
    this.#stop.abort();
  }
}

import {
  clearScreenDown,
  createInterface,
  cursorTo,
  type Interface,
  moveCursor,
} from 'node:readline';
import type { ReadStream, WriteStream } from 'node:tty';
import stringWidth from 'string-width';
import type { Dialogue } from './dialogue.ts';

const PROMPT = '> ';

interface Ask {
  readonly prompt: string;
  readonly resolve: (answer: string | undefined) => void;
}

export interface LineEditorOptions {
  readonly input: ReadStream;
  readonly output: WriteStream;
  /** Ctrl-C. */
  readonly onInterrupt: () => void;
}

/** A {@link Dialogue} in a terminal: one line is edited while others are printed above it. */
export class LineEditor implements Dialogue {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #readline: Interface;
  /** Lines that were entered before anything asked for them. */
  readonly #ahead: string[] = [];
  #command: Ask | undefined;
  #question: Ask | undefined;
  readonly #between: Ask[] = [];
  #shown: Ask | undefined;
  #status: string | undefined;
  /** Whether the line that is being typed is on the screen. */
  #drawn = false;
  #closed = false;
  #columns: number;

  constructor(options: LineEditorOptions) {
    this.#input = options.input;
    this.#output = options.output;
    this.#columns = options.output.columns;
    this.#readline = createInterface({
      input: options.input,
      output: options.output,
      terminal: true,
      prompt: '',
    });
    this.#readline.on('line', (line) => this.#onLine(line));
    this.#readline.on('SIGINT', options.onInterrupt);
    options.input.on('keypress', this.#onKey);
    // Before the editor sees it: in a narrower window it would redraw from the wrong row.
    options.output.prependListener('resize', this.#onResize);
    this.#readline.on('close', () => this.#onClose());
  }

  command(): Promise<string | undefined> {
    return this.#wait(PROMPT, (ask) => {
      this.#command = ask;
    });
  }

  ask(question: string): Promise<string | undefined> {
    return this.#wait(`${question} `, (ask) => {
      this.#question = ask;
    });
  }

  askBetween(question: string, signal?: AbortSignal): Promise<string | undefined> {
    if (this.#closed || signal?.aborted) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const ask = { prompt: `${question} `, resolve };
      this.#between.push(ask);
      signal?.addEventListener('abort', () => this.#takeBack(ask), { once: true });
      if (this.#isTyping())
        this.print(`${question.replace(/:$/, '')} (finish the line that you are typing first)`);
      else this.#show();
    });
  }

  print(text: string): void {
    if (this.#shown === undefined || this.#closed) {
      this.#output.write(`${text}\n`);
      return;
    }
    this.#erase();
    this.#output.write(`${text}\n`);
    this.#draw(this.#shown);
  }

  setStatus(text: string | undefined): void {
    if (this.#closed || text === this.#status) return;
    this.#status = text;
    if (this.#shown !== undefined) this.#draw(this.#shown);
  }

  close(): void {
    if (!this.#closed) this.#readline.close();
  }

  #wait(prompt: string, place: (ask: Ask) => void): Promise<string | undefined> {
    const typed = this.#ahead.shift();
    if (typed !== undefined) {
      this.#output.write(`${prompt}${typed}\n`);
      return Promise.resolve(typed);
    }
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      place({ prompt, resolve });
      this.#show();
    });
  }

  #isTyping(): boolean {
    return this.#shown !== undefined && this.#shown === this.#command && this.#readline.line !== '';
  }

  /** Shows what is to be answered next: a question within a command is not interrupted. */
  #show(): void {
    if (this.#isTyping()) return;
    const next =
      this.#question ??
      (this.#command === undefined ? undefined : (this.#between[0] ?? this.#command));
    if (next === undefined || next === this.#shown) return;
    this.#shown = next;
    this.#draw(next);
  }

  #draw(ask: Ask): void {
    this.#erase();
    this.#readline.setPrompt(
      this.#statusLines()
        .map((line) => `${line}\n`)
        .join('') + ask.prompt,
    );
    this.#readline.prompt(true);
    this.#drawn = true;
  }

  /** Where the editor believes its cursor to be; it does not notice when a typed line wraps. */
  #tellRow(row: number): void {
    Object.assign(this.#readline, { prevRows: row });
  }

  readonly #onKey = (): void => {
    if (this.#drawn) this.#tellRow(this.#readline.getCursorPos().rows);
  };

  readonly #onResize = (): void => {
    const narrower = this.#output.columns < this.#columns;
    this.#columns = this.#output.columns;
    if (narrower && this.#shown !== undefined && this.#drawn) this.#draw(this.#shown);
  };

  #takeBack(ask: Ask): void {
    const place = this.#between.indexOf(ask);
    if (place === -1) return;
    this.#between.splice(place, 1);
    ask.resolve(undefined);
    if (this.#shown !== ask) return;
    this.#shown = undefined;
    // What was typed for it goes with it.
    this.#readline.write(null, { ctrl: true, name: 'e' });
    this.#readline.write(null, { ctrl: true, name: 'u' });
    this.#show();
  }

  /** Takes the line that is being typed, and the status above it, off the screen. */
  #erase(): void {
    if (!this.#drawn) return;
    this.#drawn = false;
    moveCursor(this.#output, 0, -this.#readline.getCursorPos().rows);
    cursorTo(this.#output, 0);
    clearScreenDown(this.#output);
    this.#tellRow(0);
  }

  #statusLines(): string[] {
    // In a window that has become narrower each still takes one row.
    const lines = this.#status?.split('\n') ?? [];
    return lines.map((line) => line.slice(0, this.#output.columns - 1));
  }

  #onLine(line: string): void {
    this.#drawn = false;
    const answered = this.#shown;
    if (answered === undefined) {
      this.#ahead.push(line);
      return;
    }
    this.#shown = undefined;
    if (this.#status !== undefined) this.#leaveOnlyTheLine(answered.prompt + line);
    if (answered === this.#command) this.#command = undefined;
    else if (answered === this.#question) this.#question = undefined;
    else this.#between.splice(this.#between.indexOf(answered), 1);
    answered.resolve(line);
    this.#show();
  }

  /** The status belongs to the line that is edited, not to those that scroll away. */
  #leaveOnlyTheLine(line: string): void {
    // A line that fills its last row has put the cursor on the next one.
    const rows = Math.floor(stringWidth(line) / this.#output.columns) + 1;
    moveCursor(this.#output, 0, -rows - this.#statusLines().length);
    clearScreenDown(this.#output);
    this.#output.write(`${line}\n`);
  }

  #onClose(): void {
    this.#closed = true;
    this.#input.off('keypress', this.#onKey);
    this.#output.off('resize', this.#onResize);
    if (this.#shown !== undefined) this.#output.write('\n');
    this.#shown = undefined;
    for (const ask of [this.#question, this.#command, ...this.#between]) ask?.resolve(undefined);
  }
}

/** A terminal without a window: runs a program in it, types, and reads what is on the screen. */
import { type IPty, spawn } from '@lydell/node-pty';
import headless from '@xterm/headless';

const KEYS = {
  enter: '\r',
  'ctrl-c': '\x03',
  'ctrl-d': '\x04',
  'ctrl-u': '\x15',
  backspace: '\x7f',
  up: '\x1b[A',
  left: '\x1b[D',
  home: '\x1b[H',
} as const;

export type Key = keyof typeof KEYS;

export interface TerminalOptions {
  readonly cols?: number;
  readonly rows?: number;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export interface TerminalExit {
  readonly exitCode: number;
  /** The number of the signal that ended the program; 0 for none. */
  readonly signal: number;
}

const DEFAULT_LIMIT_MS = 100_000;

export class Terminal implements AsyncDisposable {
  readonly #pty: IPty;
  readonly #display: headless.Terminal;
  /** Called whenever the screen may have changed. */
  readonly #watchers = new Set<() => void>();
  #ended = false;
  readonly exit: Promise<TerminalExit>;

  constructor(file: string, args: readonly string[], options: TerminalOptions = {}) {
    const { cols = 100, rows = 30, cwd = process.cwd(), env = process.env } = options;
    this.#display = new headless.Terminal({
      cols,
      rows,
      scrollback: 10_000,
      allowProposedApi: true,
    });
    this.#pty = spawn(file, [...args], { name: 'xterm-256color', cols, rows, cwd, env });
    this.#pty.onData((data) => this.#display.write(data, () => this.#changed()));
    // What a real terminal answers, for example where the cursor is.
    this.#display.onData((answer) => this.#pty.write(answer));
    this.exit = new Promise((resolve) => {
      this.#pty.onExit(({ exitCode, signal = 0 }) => {
        this.#ended = true;
        // Behind what is still to be displayed.
        this.#display.write('', () => {
          this.#changed();
          resolve({ exitCode, signal });
        });
      });
    });
  }

  /** Types text, as it is; `press('enter')` ends a line. */
  type(text: string): void {
    this.#pty.write(text);
  }

  press(key: Key): void {
    this.#pty.write(KEYS[key]);
  }

  /** Types a line and enters it. */
  enter(line: string): void {
    this.type(line);
    this.press('enter');
  }

  /** The rows, what has scrolled away included, without blanks at their ends. */
  screen(): string {
    const buffer = this.#display.buffer.active;
    const rows: string[] = [];
    for (let row = 0; row < buffer.length; row += 1) {
      rows.push(buffer.getLine(row)?.translateToString(true).trimEnd() ?? '');
    }
    return rows.join('\n').trimEnd();
  }

  /**
   * Waits until the text is on the screen, or the pattern fits it. A pattern that ends with `$`
   * says what stands last.
   * @throws Error with the screen when it does not come in time, or the program ends without it.
   */
  async waitFor(wanted: string | RegExp, timeoutMs = DEFAULT_LIMIT_MS): Promise<void> {
    const isThere = (): boolean => {
      const screen = this.screen();
      return typeof wanted === 'string' ? screen.includes(wanted) : wanted.test(screen);
    };
    const fail = (why: string): never => {
      throw new Error(`${why} before ${wanted} was on the screen:\n${this.screen()}`);
    };
    const limit = AbortSignal.timeout(timeoutMs);
    while (!isThere()) {
      if (limit.aborted) fail(`${timeoutMs} ms were over`);
      if (this.#ended) {
        await this.exit;
        if (!isThere()) fail('the program ended');
        return;
      }
      await this.#change(limit);
    }
  }

  /** A new size of the window, which the program is told of. */
  resize(cols: number, rows: number): void {
    this.#display.resize(cols, rows);
    this.#pty.resize(cols, rows);
  }

  kill(signal: 'SIGTERM' | 'SIGKILL' | 'SIGHUP'): void {
    if (!this.#ended) this.#pty.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('SIGKILL');
    await this.exit;
    this.#display.dispose();
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** Resolves at the next change, or when the time is over. */
  #change(limit: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#watchers.delete(done);
        limit.removeEventListener('abort', done);
        resolve();
      };
      this.#watchers.add(done);
      limit.addEventListener('abort', done);
    });
  }
}

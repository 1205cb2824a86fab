import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface ActorOptions {
  readonly name: string;
  /** Arguments of `wirelab`. */
  readonly args: readonly string[];
  /** Each line that it writes, on either output. */
  readonly onLine: (name: string, line: string) => void;
  /** Ends every wait. */
  readonly signal: AbortSignal;
}

/** A program of this package as a process of its own, driven by the lines that it reads and writes. */
export class Actor {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #signal: AbortSignal;
  readonly #lines: string[] = [];
  /** Up to where expectations have been met. */
  #read = 0;
  #wake: (() => void) | undefined;
  readonly ended: Promise<number>;

  constructor(options: ActorOptions) {
    this.name = options.name;
    this.#signal = options.signal;
    const self = [...process.execArgv, process.argv[1] ?? ''];
    this.#child = spawn(process.execPath, [...self, ...options.args], { stdio: 'pipe' });
    for (const output of [this.#child.stdout, this.#child.stderr]) {
      if (output === null) throw new Error('no output');
      createInterface({ input: output }).on('line', (line) => {
        this.#lines.push(line);
        options.onLine(this.name, line);
        this.#wake?.();
      });
    }
    this.#child.stdin?.on('error', () => undefined);
    this.#signal.addEventListener('abort', () => this.#wake?.());
    this.ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code) => {
        resolve(code ?? 1);
        this.#wake?.();
      });
    });
  }

  /** Types a line, or several one after the other. */
  type(...lines: readonly string[]): void {
    this.#child.stdin?.write(lines.map((line) => `${line}\n`).join(''));
  }

  /**
   * Waits for a line for each pattern, in any order, after those that were waited for before.
   * @returns what the last one to come has matched.
   * @throws Error when the process ends, or the time is over, without them.
   */
  async expect(...wanted: readonly RegExp[]): Promise<RegExpExecArray> {
    const missing = new Set(wanted);
    for (;;) {
      while (this.#read < this.#lines.length) {
        const line = this.#lines[this.#read++] ?? '';
        for (const pattern of missing) {
          const found = pattern.exec(line);
          if (found === null) continue;
          missing.delete(pattern);
          if (missing.size === 0) return found;
        }
      }
      if (this.#signal.aborted || this.#child.exitCode !== null) {
        throw new Error(`${this.name} did not say ${[...missing].join(', ')}`);
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Asks it to end, as Ctrl-C does, and waits until it has. */
  async stop(): Promise<number> {
    if (this.#child.exitCode === null) this.#child.kill('SIGINT');
    return this.ended;
  }

  /** Ends it at once. */
  kill(): void {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
  }
}

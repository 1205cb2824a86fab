import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** One event, as it stands on the wire: a front end needs no more than that. */
export type WireEvent = Readonly<Record<string, string>>;

/** An engine as a child process, by what it reads and writes. */
export class EngineProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  /** What it wrote to its log last. */
  #lastWords = '';
  /** Resolves with why it has ended; `undefined` when it was asked to. */
  readonly ended: Promise<string | undefined>;

  /** @param flags of `wirelab lanshare engine`. */
  constructor(flags: readonly string[], onEvent: (event: WireEvent) => void) {
    const self = [...process.execArgv, process.argv[1] ?? ''];
    this.#child = spawn(process.execPath, [...self, 'lanshare', 'engine', ...flags]);
    const { stdin, stdout, stderr } = this.#child;
    // It may have gone.
    stdin.on('error', () => undefined);
    createInterface({ input: stdout }).on('line', (line) => onEvent(JSON.parse(line)));
    createInterface({ input: stderr }).on('line', (line) => {
      this.#lastWords = line.replace(/^error: /, '');
    });
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(error.message));
      this.#child.once('close', (code, signal) => {
        resolve(code === 0 ? undefined : this.#lastWords || `it ended with ${code ?? signal}`);
      });
    });
  }

  say(command: object): void {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
  }

  /** Asks it to end, and waits until it has. */
  async close(): Promise<void> {
    this.#child.stdin.end();
    await this.ended;
  }
}

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { LineFramer } from '../core/line-framer.ts';
import { visible } from '../core/text.ts';

/** One event, as it stands on the wire: a front end needs no more than that. */
export type WireEvent = Readonly<Record<string, string>>;

/** Events are shorter. */
const MAX_EVENT_BYTES = 1_048_576;
/** An engine ends within 2 s when it is asked to. */
const END_WITHIN_MS = 3000;

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
    const lines = new LineFramer(MAX_EVENT_BYTES);
    stdout.on('data', (chunk: Buffer) => {
      for (const line of lines.push(chunk)) onEvent(JSON.parse(line) as WireEvent);
    });
    createInterface({ input: stderr }).on('line', (line) => {
      this.#lastWords = visible(line.replace(/^error: /, ''));
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
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), END_WITHIN_MS);
    await this.ended;
    clearTimeout(kill);
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { FairClock } from '../net/fair-clock.ts';
import { BoundedOutput } from './bounded-output.ts';
import { type Limits, ProcessGuard } from './process-guard.ts';
import { ReadThrottle } from './read-throttle.ts';
import { graded, type Sandbox } from './sandbox.ts';

/** Characters: the last line is what is looked for. */
const KEPT_ERRORS = 2000;
/** For what it has printed last to be read. */
const LAST_WORDS_MS = 200;

/** A server that is graded, with pipes. */
export class SubmissionProgram implements AsyncDisposable {
  readonly #output = new BoundedOutput();
  readonly #guard: ProcessGuard | undefined;
  readonly #exit: Promise<void>;
  #isRunning = true;
  #errors = '';
  /** How it has ended, in words. */
  #end: string | undefined;

  constructor(command: string, folder: string, sandbox: Sandbox, limits: Limits) {
    const { file, args } = sandbox.wrap(command, folder);
    const child: ChildProcess = spawn(file, args, {
      cwd: folder,
      // A group of its own, so that all of it can be ended.
      detached: process.platform !== 'win32',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: graded({ HOME: folder }),
      windowsVerbatimArguments: process.platform === 'win32',
    });
    const streams = [child.stdout, child.stderr].filter((one) => one !== null);
    const throttle = new ReadThrottle(...streams);
    for (const stream of streams) {
      stream.on('data', (chunk: Buffer) => {
        this.#output.push(chunk.toString('utf8'));
        throttle.read(chunk.length);
      });
    }
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString('utf8')).slice(-KEPT_ERRORS);
    });
    if (child.pid !== undefined) {
      const { holders, sweep } = sandbox;
      const guarded = { pid: child.pid, holders, sweep, folder };
      this.#guard = new ProcessGuard(guarded, limits, (why) => {
        this.#end ??= why;
      });
    }
    this.#exit = new Promise((resolve) => {
      const ended = (how: string): void => {
        if (!this.#isRunning) return;
        this.#isRunning = false;
        this.#end ??= how;
        this.#guard?.over();
        resolve();
      };
      child.once('error', (error) => ended(`it cannot be started: ${error.message}`));
      child.once('exit', (code, signal) => {
        const end = (): void => ended(signal ?? `exit status ${code}`);
        throttle.lift();
        child.once('close', end);
        // What it has started may hold its output open.
        setTimeout(end, LAST_WORDS_MS);
      });
    });
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** How it has ended: a status, a signal, or a limit. */
  get end(): string | undefined {
    return this.#end;
  }

  /** What it has said last of an error, on one line; `undefined`: nothing. */
  get lastError(): string | undefined {
    return this.#errors.trim().split('\n').at(-1) || undefined;
  }

  /** What it has printed since it was last asked. */
  takeOutput(): string {
    return this.#output.take();
  }

  waited(): number {
    return this.#guard?.waited() ?? 0;
  }

  openFiles(): number | undefined {
    return this.#guard?.openFiles();
  }

  async interrupt(patience: number): Promise<boolean> {
    this.#guard?.interrupt();
    const ended = new AbortController();
    void this.#exit.then(() => ended.abort());
    await new FairClock(() => this.waited()).wait(patience, ended.signal);
    return !this.#isRunning;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#guard?.close();
    await this.#exit;
  }
}

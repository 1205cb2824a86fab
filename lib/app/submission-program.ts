import { type ChildProcess, spawn } from 'node:child_process';
import { FairClock } from '../net/fair-clock.ts';
import { BoundedOutput } from './bounded-output.ts';
import { type Limits, ProcessGuard } from './process-guard.ts';
import { ReadingPace } from './reading-pace.ts';
import { graded, type Sandbox } from './sandbox.ts';

/** A server that is graded, with pipes. */
export class SubmissionProgram implements AsyncDisposable {
  readonly #output = new BoundedOutput();
  readonly #guard: ProcessGuard | undefined;
  readonly #exit: Promise<void>;
  #isRunning = true;
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
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      const pace = new ReadingPace(stream);
      stream.on('data', (chunk: Buffer) => {
        this.#output.push(chunk.toString('utf8'));
        pace.read(chunk.length);
      });
    }
    if (child.pid !== undefined) {
      const { holders, sweep } = sandbox;
      const guarded = { pid: child.pid, holders, sweep, folder };
      this.#guard = new ProcessGuard(guarded, limits, (why) => {
        this.#end ??= why;
      });
    }
    this.#exit = new Promise((resolve) => {
      const ended = (how: string): void => {
        this.#isRunning = false;
        this.#end ??= how;
        this.#guard?.over();
        resolve();
      };
      child.once('error', (error) => ended(`it cannot be started: ${error.message}`));
      child.once('exit', (code, signal) => ended(signal ?? `exit status ${code}`));
    });
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** How it has ended: a status, a signal, or a limit. */
  get end(): string | undefined {
    return this.#end;
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

import { stripVTControlCharacters } from 'node:util';
import { type IPty, spawn } from '@lydell/node-pty';
import type { TerminalUnderTest } from '../lab/grader/client-bench.ts';
import { type Limits, ProcessGuard } from './process-guard.ts';
import { ReadThrottle } from './read-throttle.ts';
import { graded, type Sandbox } from './sandbox.ts';

/** What is kept of what a client shows: the first of it. No client has more to say in one check. */
const KEPT = 1_048_576;
const COLUMNS = 200;
const ROWS = 50;

/** A client that is graded, in a terminal of its own. */
export class SubmissionTerminal implements TerminalUnderTest {
  readonly #pty: IPty;
  readonly #guard: ProcessGuard;
  readonly #watchers = new Set<() => void>();
  readonly #exit: Promise<void>;
  #shown = '';
  #isRunning = true;
  #end: string | undefined;

  constructor(command: string, folder: string, sandbox: Sandbox, limits: Limits) {
    const { file, args } = sandbox.wrap(command, folder);
    this.#pty = spawn(file, [...args], {
      ...{ name: 'dumb', cols: COLUMNS, rows: ROWS, cwd: folder },
      env: graded({ HOME: folder, TERM: 'dumb' }),
    });
    const { holders, sweep } = sandbox;
    const guarded = { pid: this.#pty.pid, holders, sweep, folder };
    this.#guard = new ProcessGuard(guarded, limits, (why) => {
      this.#end ??= why;
    });
    const throttle = new ReadThrottle(this.#pty);
    this.#pty.onData((data) => {
      throttle.read(Buffer.byteLength(data));
      if (this.#shown.length < KEPT) this.#shown += stripVTControlCharacters(data);
      for (const look of [...this.#watchers]) look();
    });
    this.#exit = new Promise((resolve) => {
      this.#pty.onExit(({ exitCode, signal }) => {
        this.#isRunning = false;
        this.#end ??= signal ? `signal ${signal}` : `exit status ${exitCode}`;
        this.#guard.over();
        for (const look of [...this.#watchers]) look();
        resolve();
      });
    });
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  get end(): string | undefined {
    return this.#end;
  }

  get shown(): string {
    return this.#shown;
  }

  type(line: string): void {
    if (this.#isRunning) this.#pty.write(`${line}\r`);
  }

  onShown(look: () => void): () => void {
    this.#watchers.add(look);
    return () => this.#watchers.delete(look);
  }

  waited(): number {
    return this.#guard.waited();
  }

  openFiles(): number | undefined {
    return this.#guard.openFiles();
  }

  async close(): Promise<void> {
    await this.#guard.close();
    await this.#exit;
  }
}

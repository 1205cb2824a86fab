/** Starts the project's programs for the tests, in terminals and with pipes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Terminal, type TerminalOptions } from '../support/terminal.ts';

export const REPOSITORY = join(import.meta.dirname, '../..');
export const SERVER = join(REPOSITORY, 'Server.ts');
export const CLIENT = join(REPOSITORY, 'Client.ts');
const COMPILED = process.env.WIRELAB_PROGRAMS;
/** Compiled by `compile-programs.ts`; outside of tests, from source. */
export const WIRELAB =
  COMPILED === undefined ? join(REPOSITORY, 'lib/cli.ts') : join(COMPILED, 'cli.js');

const LIMIT_MS = 100_000;
/** Node's arguments that let it run TypeScript. */
const TSX = ['--import', new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url).href];

export interface Finished {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Node's arguments for a program. */
export function nodeArguments(program: string): readonly string[] {
  return program.endsWith('.ts') ? [...TSX, program] : [program];
}

/** A program with pipes in place of a terminal. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #watchers = new Set<() => void>();
  #output = { stdout: '', stderr: '' };
  #finished = false;
  readonly exit: Promise<Finished>;

  constructor(file: string, args: readonly string[], options: ProgramOptions = {}) {
    const shell = process.platform === 'win32' && !file.endsWith('.exe');
    this.#child = spawn(file, [...args], { cwd: REPOSITORY, ...options, stdio: 'pipe', shell });
    for (const name of ['stdout', 'stderr'] as const) {
      this.#child[name]?.setEncoding('utf8').on('data', (text: string) => {
        this.#output[name] += text;
        this.#changed();
      });
    }
    // It may end before it has read what it was given.
    this.#child.stdin?.on('error', () => undefined);
    // A test that was cut off by its time limit cleans up nothing.
    const killAtExit = (): void => void this.#child.kill('SIGKILL');
    process.once('exit', killAtExit);
    this.exit = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (status, signal) => {
        process.off('exit', killAtExit);
        this.#finished = true;
        resolve({ status, signal, ...this.#output });
        this.#changed();
      });
    });
  }

  get stdout(): string {
    return this.#output.stdout;
  }

  get stderr(): string {
    return this.#output.stderr;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Writes lines to its input. */
  enter(...lines: readonly string[]): void {
    this.#child.stdin?.write(lines.map((line) => `${line}\n`).join(''));
  }

  /** Writes lines to its input, and ends it. */
  endInput(...lines: readonly string[]): void {
    this.enter(...lines);
    this.#child.stdin?.end();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits until the pattern fits what it wrote to one of its outputs. */
  async waitFor(pattern: RegExp, timeoutMs = LIMIT_MS): Promise<RegExpExecArray> {
    const limit = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const found = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
      if (found !== null) return found;
      if (this.#finished || limit.aborted) {
        const why = this.#finished ? 'the program ended' : `${timeoutMs} ms were over`;
        throw new Error(`${why} before ${pattern} came:\n${this.stdout}\n${this.stderr}`);
      }
      await new Promise<void>((resolve) => {
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

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#finished) this.#child.kill('SIGKILL');
    await this.exit;
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

/** One of the project's programs, with pipes. */
export function start(program: string, args: readonly string[], options?: ProgramOptions): Program {
  return new Program(process.execPath, [...nodeArguments(program), ...args], options);
}

/** Runs one of the programs to its end, with nothing to read. */
export async function run(
  program: string,
  args: readonly string[],
  options?: ProgramOptions,
): Promise<Finished> {
  await using running = start(program, args, options);
  running.endInput();
  return await running.exit;
}

/** One of the project's programs in a terminal, wide enough for the path of a temporary folder. */
export function openTerminal(
  program: string,
  args: readonly string[],
  options?: TerminalOptions,
): Terminal {
  return new Terminal(process.execPath, [...nodeArguments(program), ...args], {
    cwd: REPOSITORY,
    cols: 160,
    ...options,
  });
}

/** The commands of all processes in which these words stand. */
export async function commandsWith(words: string): Promise<string[]> {
  const numbers = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(
    numbers.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return commands
    .map((command) => command.replaceAll('\0', ' '))
    .filter((one) => one.includes(words));
}

/**
 * `npm run bench:grades`: grades every program of `test/submissions` again and again, several at a time, and tells
 * which did not come to the same each time. Status 1 when there is one.
 */
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import type { Report } from '../lib/app/check-reports.ts';
import { EXIT, UserError } from '../lib/app/exit-status.ts';
import { newCommand } from '../lib/app/flags.ts';
import { runProgram } from '../lib/app/run-program.ts';
import type { Side } from '../lib/lab/grader/check.ts';
import { TemporaryFolder } from '../test/app/folders.ts';
import { FAULTS } from '../test/submissions/faults.ts';
import { UNFINISHED } from '../test/submissions/unfinished.ts';
import { VARIATIONS } from '../test/submissions/variations.ts';
import compilePrograms from '../test/support/compile-programs.ts';
import {
  ALL_CHECKS,
  canGrade,
  commandFor,
  faulty,
  RIGHT,
  submission,
} from '../test/support/submissions.ts';
import { outputOf, startPlain } from './processes.ts';
import { median } from './table.ts';

const OUT = '.cache/grades.jsonl';
/** What is graded with; compiled when the bench begins. */
const CLI = (): string => join(process.env.WIRELAB_PROGRAMS ?? '', 'cli.js');

interface Flags {
  readonly runs: number;
  readonly jobs: number;
  readonly minutes: number;
  readonly programs: RegExp;
  readonly only: readonly string[];
  readonly out: string;
}

/** A program to be graded. */
interface Program {
  readonly id: string;
  readonly side: Side;
  readonly base: string;
  readonly text: string;
  /** The checks that cost it points; absent: those of its first grading. */
  readonly loses?: readonly string[];
}

interface Wanted extends Program {
  /** See `Grading`. */
  readonly what: string;
}

/** What came of a grading: a line of JSON. */
interface Grading {
  readonly id: string;
  readonly run: number;
  /** Of grader, program and checks: other gradings do not count. */
  readonly what: string;
  /** What is left of the points of each check that cost some. */
  readonly left: Readonly<Record<string, number>>;
  /** How many checks were done again, as the machine was busy. */
  readonly again: number;
  readonly seconds: number;
}

class Gradings {
  readonly #flags: Flags;
  readonly #running = new Set<ChildProcess>();
  readonly #gradings: Grading[];
  readonly #troubles: string[] = [];
  #isStopped = false;

  constructor(flags: Flags) {
    this.#flags = flags;
    this.#gradings = existsSync(flags.out) ? read(flags.out) : [];
  }

  async run(): Promise<void> {
    const { runs, jobs, minutes, programs, only } = this.#flags;
    if (!canGrade) throw new UserError('several at a time are graded on Linux with bubblewrap');
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => this.#stop());
    }
    const tidyUp = await compilePrograms();
    try {
      // The names of what it loads are made of their contents.
      const grader = await readFile(CLI());
      const all = (await allPrograms(only)).filter(({ id }) => programs.test(id));
      if (all.length === 0) throw new UserError('there is no program of such a name');
      const wanted = all.map((program) => ({ ...program, what: hashOf(grader, program, only) }));
      const left = this.#left(wanted, runs);
      const end = performance.now() + minutes * 60_000;
      const lane = async (): Promise<void> => {
        while (!this.#isStopped && performance.now() < end) {
          const next = left.shift();
          if (next === undefined) return;
          await this.#grade(next.program, next.run).catch((error: Error) => {
            this.#troubles.push(error.message);
          });
        }
      };
      await Promise.all(Array.from({ length: jobs }, lane));
      this.#tell(wanted);
    } finally {
      await tidyUp();
    }
  }

  /** One run of all, then the next: what the machine does meanwhile hits all. */
  #left(wanted: readonly Wanted[], runs: number): { program: Wanted; run: number }[] {
    const done = new Set(this.#gradings.map(({ what, run }) => `${what} ${run}`));
    const nth = Array.from({ length: runs }, (_, at) => at + 1);
    return nth
      .flatMap((run) => wanted.map((program) => ({ program, run })))
      .filter(({ program: { what }, run }) => !done.has(`${what} ${run}`));
  }

  #stop(): void {
    this.#isStopped = true;
    for (const child of this.#running) child.kill();
  }

  async #grade(program: Wanted, run: number): Promise<void> {
    const { id, what, loses } = program;
    await using folder = await TemporaryFolder.create();
    const report = await this.#reportOf(program, folder.path);
    if (report === undefined) return;
    const { results, seconds } = report;
    const costly = results.filter(({ status }) => status !== 'passed');
    const left = Object.fromEntries(costly.map(({ check, earned }) => [check, earned]));
    const again = results.filter(({ steps: [first] }) => first?.startsWith('tried ')).length;
    const earlier = this.#gradings.find((grading) => grading.what === what);
    const isLike =
      earlier === undefined
        ? loses === undefined || `${loses}` === `${Object.keys(left)}`
        : JSON.stringify(earlier.left) === JSON.stringify(left);
    if (!isLike) {
      const place = join(`${this.#flags.out}-unlike`, `${id.replaceAll(' ', '-')}-${run}`);
      await cp(join(folder.path, 'out'), place, { recursive: true });
    }
    const grading: Grading = { id, run, what, left, again, seconds };
    this.#gradings.push(grading);
    appendFileSync(this.#flags.out, `${JSON.stringify(grading)}\n`);
  }

  /** @returns `undefined` when it was broken off. @throws Error when there is no report */
  async #reportOf({ id, side, base, text }: Wanted, folder: string): Promise<Report | undefined> {
    const command = commandFor(side, base);
    const dir = join(folder, 'submission');
    const out = join(folder, 'out');
    const assignment = join(folder, 'assignment.yaml');
    await mkdir(dir);
    await writeFile(join(dir, command.split(' ').at(-1) ?? ''), text);
    await writeFile(assignment, side === 'client' ? ALL_CHECKS : '{}\n');
    const { only } = this.#flags;
    const args = [
      ...['check', `--${side}`, command, '--dir', dir, '--out', out, '--assignment', assignment],
      ...(only.length > 0 ? ['--only', ...only] : []),
    ];
    if (this.#isStopped) return undefined;
    // Compiled before: the project may be worked on meanwhile. A lost point is a status of its own.
    const child = startPlain(CLI(), args);
    this.#running.add(child);
    const why = await outputOf(child).catch(String);
    this.#running.delete(child);
    if (this.#isStopped) return undefined;
    const report = await readFile(join(out, 'report.json'), 'utf8').catch(() => undefined);
    if (report === undefined) throw new Error(`${id} was not graded: ${why}`);
    return JSON.parse(report) as Report;
  }

  #tell(wanted: readonly Wanted[]): void {
    const counted = wanted.map((program) => {
      return { program, own: this.#gradings.filter(({ what }) => what === program.what) };
    });
    const all = counted.flatMap(({ own }) => own);
    const fewest = Math.min(...counted.map(({ own }) => own.length));
    const unlike = counted.flatMap(({ program, own }) => unlikeOthers(program, own));
    const seconds = all.map((grading) => grading.seconds);
    const again = all.reduce((sum, grading) => sum + grading.again, 0);
    const facts = [
      `${all.length} gradings of ${wanted.length} programs, at least ${fewest} of each`,
      `${unlike.length} came to something else`,
      `${again} checks were done again`,
      ...(all.length === 0 ? [] : [`${median(seconds).toFixed(0)} s each (median)`]),
      ...(all.length === 0 ? [] : [`at most ${Math.max(...seconds).toFixed(0)} s`]),
    ];
    const others = this.#gradings.length - all.length;
    if (others > 0) facts.push(`${others} of other programs or graders do not count`);
    process.stdout.write(`${[facts.join('; '), ...unlike, ...this.#troubles].join('\n')}\n`);
    if (unlike.length + this.#troubles.length > 0) process.exitCode = EXIT.failed;
  }
}

/** @param only these checks are done; none: all */
async function allPrograms(only: readonly string[]): Promise<Program[]> {
  const isDone = (check: string): boolean => only.length === 0 || only.includes(check);
  const sides: readonly Side[] = ['server', 'client'];
  const right = sides.flatMap((side) =>
    RIGHT[side].map((base) => ({ id: `${side} ${base}`, side, base, loses: [] })),
  );
  const changed = [
    ...VARIATIONS.map((one) => ({ ...one, loses: [] })),
    ...FAULTS,
    ...UNFINISHED.map((one) => ({ ...one, loses: undefined })),
  ];
  return await Promise.all([
    ...right.map(async (one) => ({ ...one, text: await submission(one.side, one.base) })),
    ...changed.map(async (one) => {
      const { side, base, name, loses } = one;
      const id = `${side} ${base} ${name}`;
      return {
        id,
        side,
        base,
        text: await faulty(one),
        ...(loses && { loses: loses.filter(isDone) }),
      };
    }),
  ]);
}

/** A line for each grading of a program that came to something else than most. */
function unlikeOthers({ id, loses }: Program, own: readonly Grading[]): string[] {
  const count = (left: string): number => own.filter((one) => inJson(one) === left).length;
  const right = own.filter(
    ({ left }) => loses === undefined || `${loses}` === `${Object.keys(left)}`,
  );
  const [usual] = [...right].sort((one, other) => count(inJson(other)) - count(inJson(one)));
  const expected = loses ?? Object.keys(usual?.left ?? {});
  return own
    .filter((one) => usual === undefined || inJson(one) !== inJson(usual))
    .map(({ run, left }) => {
      const names = Object.keys(left);
      const more = names.filter((name) => !expected.includes(name)).map((name) => `+${name}`);
      const less = expected.filter((name) => !names.includes(name)).map((name) => `-${name}`);
      return `${id}, run ${run}: ${[...more, ...less].join(' ') || `other points: ${JSON.stringify(left)}`}`;
    });
}

function inJson({ left }: Grading): string {
  return JSON.stringify(left);
}

function hashOf(grader: Buffer, { side, base, text }: Program, only: readonly string[]): string {
  const about = JSON.stringify([side, base, text, only]);
  return createHash('sha256').update(grader).update(about).digest('hex').slice(0, 16);
}

function read(path: string): Grading[] {
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Grading);
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) {
    throw new InvalidArgumentError('Give a number from 1.');
  }
  return count;
}

await runProgram(
  newCommand('bench:grades')
    .description('Grades the programs of test/submissions again and again, on a busy machine.')
    .option('--runs <count>', 'of each program', parseCount, 20)
    .option('--jobs <count>', 'gradings at a time', parseCount, 8)
    .option('--minutes <count>', 'begin no more after that', parseCount, 1e6)
    .addOption(
      new Option('--programs <pattern>', 'only those whose name it fits')
        .argParser((text) => new RegExp(text))
        .default(/./, 'all'),
    )
    .option('--only <checks...>', 'do these checks only', [])
    .option('--out <file>', 'keep each as a line of JSON; what it has is not done again', OUT)
    .action((flags: Flags) => new Gradings(flags).run()),
);

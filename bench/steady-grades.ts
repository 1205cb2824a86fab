/**
 * `npm run bench:grades`: grades every program of `test/submissions` again and again, several at a time, and tells
 * which did not come to the same each time. Status 1 when there is one.
 */
import type { ChildProcess } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { Report } from '../lib/app/check-one.ts';
import { UserError } from '../lib/app/exit-status.ts';
import { newCommand } from '../lib/app/flags.ts';
import { runProgram } from '../lib/app/run-program.ts';
import type { Side } from '../lib/lab/grader/check.ts';
import { FAULTS } from '../test/submissions/faults.ts';
import { UNFINISHED } from '../test/submissions/unfinished.ts';
import { VARIATIONS } from '../test/submissions/variations.ts';
import compilePrograms from '../test/support/compile-programs.ts';
import { ALL_CHECKS, commandFor, faulty, RIGHT, submission } from '../test/support/submissions.ts';
import { outputOf, startPlain } from './processes.ts';
import { median } from './table.ts';

interface Flags {
  readonly runs: number;
  readonly jobs: number;
  readonly minutes: number;
  readonly programs: RegExp;
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

/** What came of a grading: a line of JSON. */
interface Grading {
  readonly id: string;
  readonly run: number;
  /** What is left of the points of each check that cost some. */
  readonly lost: Readonly<Record<string, number>>;
  /** How many checks were done again, as the machine was busy. */
  readonly again: number;
  readonly seconds: number;
}

/** Gradings under way. */
const running = new Set<ChildProcess>();

await runProgram(
  newCommand('bench:grades')
    .description('Grades the programs of test/submissions again and again, on a busy machine.')
    .option('--runs <count>', 'of each program', parseCount, 20)
    .option('--jobs <count>', 'gradings at a time', parseCount, 8)
    .option('--minutes <count>', 'begin no more after that', parseCount, 1e6)
    .option(
      '--programs <pattern>',
      'only those whose name it fits',
      (text) => new RegExp(text),
      /./,
    )
    .option('--out <file>', 'keep each as a line of JSON; what it has is not done again', 'grades')
    .action(gradeAll),
);

async function gradeAll({ runs, jobs, minutes, programs, out }: Flags): Promise<void> {
  const wanted = (await allPrograms()).filter(({ id }) => programs.test(id));
  const gradings = existsSync(out) ? read(out) : [];
  const done = new Set(gradings.map(({ id, run }) => `${id} ${run}`));
  const left: { readonly program: Program; readonly run: number }[] = [];
  // One run of all, then the next: what the machine does meanwhile hits all.
  for (let run = 1; run <= runs; run += 1) {
    for (const program of wanted)
      if (!done.has(`${program.id} ${run}`)) left.push({ program, run });
  }
  const end = performance.now() + minutes * 60_000;
  const tidyUp = await compilePrograms();
  const stop = (): void => {
    left.length = 0;
    for (const child of running) child.kill();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  const lane = async (): Promise<void> => {
    for (let next = left.shift(); next && performance.now() < end; next = left.shift()) {
      const grading = await grade(next.program, next.run, `${out}-unlike`);
      gradings.push(grading);
      appendFileSync(out, `${JSON.stringify(grading)}\n`);
    }
  };
  try {
    await Promise.all(Array.from({ length: jobs }, lane));
  } finally {
    await tidyUp();
  }
  const ids = new Set(wanted.map(({ id }) => id));
  process.stdout.write(`${summary(gradings.filter(({ id }) => ids.has(id)))}\n`);
  const unlike = wanted.flatMap((program) => unlikeOthers(program, gradings));
  for (const line of unlike) process.stdout.write(`${line}\n`);
  if (unlike.length > 0) process.exitCode = 1;
}

async function allPrograms(): Promise<Program[]> {
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
      return { id, side, base, text: await faulty(one), ...(loses && { loses }) };
    }),
  ]);
}

/** @param unlike where the report of a grading stays that costs points of other checks than it should */
async function grade(program: Program, run: number, unlike: string): Promise<Grading> {
  const { id, side, base, text, loses } = program;
  const folder = await mkdtemp(join(tmpdir(), 'wirelab-grades-'));
  try {
    const command = commandFor(side, base);
    const dir = join(folder, 'submission');
    const out = join(folder, 'out');
    const assignment = join(folder, 'assignment.yaml');
    await mkdir(dir);
    await writeFile(join(dir, command.split(' ').at(-1) ?? ''), text);
    await writeFile(assignment, side === 'client' ? ALL_CHECKS : '{}\n');
    const args = [`--${side}`, command, '--dir', dir, '--out', out, '--assignment', assignment];
    // Compiled before: the project may be worked on meanwhile. A lost point is a status of its own.
    const cli = join(process.env.WIRELAB_PROGRAMS ?? '', 'cli.js');
    const child = startPlain(cli, ['check', ...args]);
    running.add(child);
    const why = await outputOf(child).catch(String);
    running.delete(child);
    const report = await readFile(join(out, 'report.json'), 'utf8').catch(() => undefined);
    if (report === undefined) throw new UserError(`${id} was not graded: ${why}`);
    const { results, seconds } = JSON.parse(report) as Report;
    const costly = results.filter(({ status }) => status !== 'passed');
    const lost = Object.fromEntries(costly.map(({ check, earned }) => [check, earned]));
    if (loses !== undefined && `${loses}` !== `${Object.keys(lost)}`) {
      await cp(out, join(unlike, `${id.replaceAll(' ', '-')}-${run}`), { recursive: true });
    }
    const again = results.filter(({ steps: [first] }) => first?.startsWith('tried ')).length;
    return { id, run, lost, again, seconds };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A line for each grading of a program that came to something else. */
function unlikeOthers({ id, loses }: Program, gradings: readonly Grading[]): string[] {
  const own = gradings.filter((grading) => grading.id === id);
  const usual = own.find(
    ({ lost }) => loses === undefined || `${loses}` === `${Object.keys(lost)}`,
  );
  const expected = loses ?? Object.keys(usual?.lost ?? {});
  return own
    .filter(({ lost }) => JSON.stringify(lost) !== JSON.stringify(usual?.lost))
    .map(({ run, lost }) => {
      const names = Object.keys(lost);
      const more = names.filter((name) => !expected.includes(name));
      const less = expected.filter((name) => !names.includes(name));
      const differs = [...more.map((name) => `+${name}`), ...less.map((name) => `-${name}`)];
      return `${id}, run ${run}: ${differs.join(' ') || `other points: ${JSON.stringify(lost)}`}`;
    });
}

function summary(gradings: readonly Grading[]): string {
  const ids = [...new Set(gradings.map(({ id }) => id))];
  const fewest = Math.min(...ids.map((one) => gradings.filter(({ id }) => id === one).length));
  const seconds = gradings.map((grading) => grading.seconds);
  const again = gradings.reduce((sum, grading) => sum + grading.again, 0);
  return [
    `${gradings.length} gradings of ${ids.length} programs, at least ${fewest} of each`,
    `${again} checks done again`,
    `${median(seconds).toFixed(0)} s each (median), at most ${Math.max(...seconds).toFixed(0)} s`,
  ].join('; ');
}

function read(path: string): Grading[] {
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Grading);
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1)
    throw new InvalidArgumentError('Give a number from 1.');
  return count;
}

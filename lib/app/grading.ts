import { existsSync, rmSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Assignment, pointsOf } from '../lab/grader/assignment.ts';
import {
  type Check,
  CheckEnded,
  type CheckInfo,
  earned,
  type Result,
  type Side,
  type Status,
} from '../lab/grader/check.ts';
import type { CheckNotes } from '../lab/grader/check-notes.ts';
import { type Lack, lackOf, type Stage } from '../lab/grader/stages.ts';
import { readScenario } from '../lab/scenario.ts';
import { SCENARIOS } from '../lab/scenarios.ts';
import { BusyWatch } from '../net/busy-watch.ts';
import type { FairClock } from '../net/fair-clock.ts';
import type { ProbePath } from '../net/server-probe.ts';
import { recordChecks } from './check-capture.ts';
import type { Limits } from './process-guard.ts';
import type { Sandbox } from './sandbox.ts';

const MOST_TRIES = 3;

export interface GradingOptions {
  readonly assignment: Assignment;
  /** Those only; absent: all. */
  readonly only?: readonly string[];
  /** Where captures go. */
  readonly captures: string;
  /** Repeats the check of that name, or all of them. */
  readonly repeat: (check?: string) => string;
  readonly onResult?: (result: Result) => void;
  /** From here on results come that take the place of earlier ones. */
  readonly onAgain?: () => void;
}

export interface GradeOptions extends GradingOptions {
  /** What starts the program. */
  readonly command: string;
  /** Where it runs: a copy of the submission. */
  readonly folder: string;
  readonly files: Readonly<Record<string, Buffer>>;
  readonly sandbox: Sandbox;
  readonly limits: Limits;
}

/** A bench, as far as its time and what is written down are concerned. */
type TimedNotes = CheckNotes & { readonly clock: FairClock };

/** What is graded. */
export interface Subject {
  readonly side: Side;
  /** How far it gets. */
  readonly reached: Stage;
}

/**
 * Does the checks that the assignment wants, one after the other, until the time for all of them is over. What the
 * program does not get as far as is blamed at once.
 */
export async function gradeAll<One extends CheckInfo>(
  { side, reached }: Subject,
  checks: readonly One[],
  options: GradingOptions,
  grade: (run: CheckRun<One>) => Promise<Result>,
): Promise<Result[]> {
  const { assignment, only, onResult } = options;
  const end = performance.now() + assignment.wholeSeconds * 1000;
  const isLate = (): boolean => performance.now() > end;
  const results: Result[] = [];
  const spoilt: { readonly at: number; readonly run: CheckRun<One> }[] = [];
  for (const check of checks) {
    const points = pointsWith(assignment, only, check);
    if (points === 0 || only?.includes(check.name) === false) continue;
    const run = new CheckRun(check, points, options);
    const lack = lackOf(side, reached, check.needs ?? 'online');
    const result = lack ? run.untried(lack) : isLate() ? run.leftOut() : await grade(run);
    if (result.earned < points && run.wasDisturbed) spoilt.push({ at: results.length, run });
    results.push(result);
    onResult?.(result);
  }
  // What has cost points while the machine was busy may be its fault: that is done again, when all have had their turn.
  if (spoilt.length > 0 && !isLate()) options.onAgain?.();
  for (const { at, run } of spoilt) {
    const first = results[at];
    if (first === undefined || isLate()) break;
    const result = await gradeAgain(first, run, grade, isLate);
    results[at] = result;
    onResult?.(result);
  }
  return results;
}

/** The best of what has come, and comes in the next tries. */
async function gradeAgain<One extends CheckInfo>(
  first: Result,
  { again }: CheckRun<One>,
  grade: (run: CheckRun<One>) => Promise<Result>,
  isLate: () => boolean,
): Promise<Result> {
  let best = first;
  let tries = 1;
  for (let isOver = false; tries < MOST_TRIES && !isOver && !isLate(); ) {
    tries += 1;
    const run = again(tries);
    const result = await grade(run);
    // What is no better does not take the place of what came first.
    if (result.earned > best.earned) {
      best = { ...result, ...(await run.keepCapture()) };
    } else await run.dropCapture();
    isOver = best.earned === best.points || !run.wasDisturbed;
  }
  return { ...best, steps: [`tried ${tries} times, as the machine was busy`, ...best.steps] };
}

/** Whoever names a check that has no points of its own wants to see it done. */
function pointsWith(
  assignment: Assignment,
  only: readonly string[] | undefined,
  check: CheckInfo,
): number {
  const points = pointsOf(assignment, check);
  const isNamed = only?.includes(check.name) && !(check.name in assignment.points);
  return points === 0 && check.points === 0 && isNamed ? 1 : points;
}

/** Whether anything is left to be done. */
export function isAnyLeft(
  checks: readonly CheckInfo[],
  { assignment, only }: Pick<GradingOptions, 'assignment' | 'only'>,
): boolean {
  return checks.some((check) => {
    return only?.includes(check.name) !== false && pointsWith(assignment, only, check) > 0;
  });
}

/** What stands around each check: its path, its capture, its time, its result. */
export class CheckRun<One extends CheckInfo> {
  readonly check: One;
  readonly path: ProbePath;
  readonly #points: number;
  readonly #options: GradingOptions;
  readonly #capture: string;
  readonly #begin = performance.now();
  #recording: { readonly stop: () => void } | undefined;
  #wasDisturbed = false;

  constructor(check: One, points: number, options: GradingOptions, tries = 1) {
    const { scenario = 'clean', seed = 1, name } = check;
    this.check = check;
    this.path = { faults: readScenario(SCENARIOS[scenario]).toClient, seed };
    this.#points = points;
    this.#options = options;
    const nth = tries === 1 ? '' : `-try-${tries}`;
    this.#capture = join(options.captures, `${name}${nth}.pcapng`);
  }

  /** Whether program or grader could not work as they wanted to, as others did. */
  get wasDisturbed(): boolean {
    return this.#wasDisturbed;
  }

  /** Its capture takes the place of that of the first try. */
  async keepCapture(): Promise<{ readonly capture?: string }> {
    const capture = join(this.#options.captures, `${this.check.name}.pcapng`);
    await rm(capture, { force: true });
    if (!existsSync(this.#capture)) return {};
    await rename(this.#capture, capture);
    return { capture };
  }

  async dropCapture(): Promise<void> {
    await rm(this.#capture, { force: true });
  }

  /** What has come of it may not be the program's doing. */
  mayBeSpoilt(): void {
    this.#wasDisturbed = true;
  }

  /** The same once more. @param tries counts from 1 */
  readonly again = (tries: number): CheckRun<One> => {
    return new CheckRun(this.check, this.#points, this.#options, tries);
  };

  /** From now on what goes over the wire is recorded. */
  record(): void {
    // What an earlier run has left may be a link.
    rmSync(this.#capture, { force: true });
    this.#recording = recordChecks(this.#capture);
  }

  /** Does the check, within its time. */
  async do<Bench extends TimedNotes>(check: Check<Bench>, bench: Bench): Promise<void> {
    const limit = check.limit ?? this.#options.assignment.checkSeconds;
    const over = new AbortController();
    using watch = new BusyWatch();
    const run = check.run(bench).catch((error: unknown) => {
      if (error instanceof CheckEnded) return;
      // A mistake of the grader: it must not end the grading, and is not to be overlooked.
      bench.blame({ wrong: `the grader could not look: ${(error as Error).stack ?? error}` });
    });
    void run.then(() => over.abort());
    await bench.clock.wait(limit * 1000, over.signal);
    this.#wasDisturbed = await watch.wasBusy(bench.clock.lost);
    if (over.signal.aborted) return;
    bench.blame({
      wrong: 'this check took too long',
      ...{ expected: `at most ${limit} s`, got: 'it was not over' },
    });
  }

  /**
   * What came of it. A copy: a check that took too long may still write. The capture stays where points are lost.
   * @param output what the program has printed
   */
  async result({ findings, steps }: CheckNotes, output: string): Promise<Result> {
    this.#recording?.stop();
    const got = earned(this.#points, findings);
    const status = statusOf(got, this.#points);
    const isKept = status !== 'passed' && this.#recording !== undefined;
    if (!isKept) await rm(this.#capture, { force: true });
    return {
      ...this.#known(),
      ...{ status, earned: got, findings: [...findings], steps: [...steps], output },
      seconds: (performance.now() - this.#begin) / 1000,
      ...(isKept ? { capture: this.#capture } : {}),
    };
  }

  /** The program does not get that far. */
  untried(lack: Lack): Result {
    const { why, expected } = lack;
    const wrong = `this could not be tried, as ${why}`;
    const finding = { wrong, expected, got: 'nothing of it', share: 1 };
    return { ...this.#undone('failed'), findings: [finding], untried: lack };
  }

  /** There is no time for it. */
  leftOut(): Result {
    return {
      ...this.#undone('left-out'),
      why: 'the time for all checks was over',
    };
  }

  #undone(status: Status): Result {
    const nothing = { earned: 0, findings: [], steps: [], seconds: 0, output: '' };
    return { ...this.#known(), ...nothing, status };
  }

  #known() {
    const { name, family, line, hint, scenario = 'clean', seed = 1 } = this.check;
    const command = this.#options.repeat(name);
    return { check: name, family, points: this.#points, line, hint, scenario, seed, command };
  }
}

function statusOf(earned: number, points: number): Status {
  if (earned === points) return 'passed';
  return earned === 0 ? 'failed' : 'partly';
}

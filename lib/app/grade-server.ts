import { setTimeout as sleep } from 'node:timers/promises';
import type { Result } from '../lab/grader/check.ts';
import type { Grade } from '../lab/grader/grade.ts';
import { Patience } from '../lab/grader/patience.ts';
import { serverReadingsInWords } from '../lab/grader/readings-words.ts';
import type { ProgramUnderTest, ServerCheck, ServerReadings } from '../lab/grader/server-bench.ts';
import { SERVER_CHECKS } from '../lab/grader/server-checks.ts';
import { USUAL_READINGS } from '../lab/grader/server-readings.ts';
import { FairClock } from '../net/fair-clock.ts';
import { ServerProbe } from '../net/server-probe.ts';
import { UserError } from './exit-status.ts';
import { type CheckRun, type GradeOptions, gradeAll } from './grading.ts';
import { SubmissionProgram } from './submission-program.ts';

/** How long a server may take until it listens. */
const START_SECONDS = 10;
/** From one that has not listened in time the last time, if it has never taken longer. */
const AGAIN_SECONDS = 1;
/** So many times as long as it has ever taken. */
const TIMES_SLOWEST = 5;
const LAST_PORT_SECONDS = 2;
/** Until what listened before is gone. */
const FREE_SECONDS = 2;
/** Starts without its last port, in a row, after which another one counts as the last. */
const FEW_STARTS = 3;
const POLL_MS = 20;

/**
 * Grades a server: check after check, each with its own capture.
 * @throws UserError when another program listens on one of the ports: it would be graded instead
 */
export async function gradeServer(options: GradeOptions): Promise<Grade> {
  await using grading = new ServerGrading(options);
  return await grading.run();
}

class ServerGrading implements AsyncDisposable {
  readonly #options: GradeOptions;
  #program: SubmissionProgram | undefined;
  #readings: ServerReadings = USUAL_READINGS;
  /** That it opens last. */
  #lastPort: number;
  /** Starts in a row at which that was not there in time. */
  #withoutLastPort = 0;
  /** Starts in a row that did not come to anything. */
  #failedStarts = 0;
  /** How long it has taken to start, at most. */
  #slowestSeconds = 0;
  #neverBegins = false;
  /** On which somebody listened before the program was started. */
  #takenPort: number | undefined;
  readonly #patience = new Patience();

  constructor(options: GradeOptions) {
    this.#options = options;
    this.#lastPort = this.#port(-1);
  }

  async run(): Promise<Grade> {
    const { assignment, command, sandbox } = this.#options;
    const begin = performance.now();
    await this.#expectFreePorts();
    // Once more if it is slow; what has ended, or is slow again, need not be tried for each check.
    let begins = await this.#start();
    if (!begins && this.#program?.isRunning) begins = await this.#start();
    this.#neverBegins = !begins;
    if (begins) this.#readings = await ServerProbe.read(this.#probeOptions());
    this.#patience.forgive();
    const subject = {
      side: 'server',
      reached: begins ? this.#readings.reaches : 'nothing',
    } as const;
    const results = await gradeAll(subject, SERVER_CHECKS, this.#options, (run) =>
      this.#grade(run),
    );
    return {
      ...{ side: 'server', title: assignment.title, command, results, sandbox: sandbox.about },
      readings: begins ? serverReadingsInWords(this.#readings) : [],
      seconds: (performance.now() - begin) / 1000,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program?.[Symbol.asyncDispose]();
  }

  /** Starts the program anew, and waits until it listens. @returns whether it does */
  async #start(): Promise<boolean> {
    await this.#program?.[Symbol.asyncDispose]();
    this.#takenPort = await this.#portTakenFor(FREE_SECONDS);
    if (this.#takenPort !== undefined) return false;
    const { command, folder, sandbox, limits } = this.#options;
    const program = new SubmissionProgram(command, folder, sandbox, limits);
    this.#program = program;
    const begin = performance.now();
    if (!(await this.#waitForPort(this.#port(0), this.#startPatience))) {
      this.#failedStarts += 1;
      return false;
    }
    this.#failedStarts = 0;
    const took = (performance.now() - begin) / 1000;
    this.#slowestSeconds = Math.max(this.#slowestSeconds, took);
    // It opens one port after the other.
    if (await this.#waitForPort(this.#lastPort, LAST_PORT_SECONDS)) this.#withoutLastPort = 0;
    else this.#withoutLastPort += 1;
    // One that is never there is not waited for again, but for the last one that was there; until more are.
    const isLess = this.#lastPort !== this.#port(-1);
    if (isLess || this.#withoutLastPort >= FEW_STARTS) {
      const heard = (await this.#portsHeard()).at(-1);
      if (heard !== undefined && (heard > this.#lastPort || !isLess)) this.#lastPort = heard;
    }
    return true;
  }

  /** In seconds. */
  get #startPatience(): number {
    if (this.#failedStarts === 0) return START_SECONDS;
    const usual = Math.max(AGAIN_SECONDS, TIMES_SLOWEST * this.#slowestSeconds);
    return Math.min(START_SECONDS, usual);
  }

  async #waitForPort(port: number, seconds: number): Promise<boolean> {
    const clock = new FairClock(() => this.#program?.waited() ?? 0);
    const deadline = clock.now() + seconds * 1000;
    while (this.#program?.isRunning && clock.now() < deadline) {
      if (await this.#isListening(port)) return true;
      await sleep(POLL_MS);
    }
    return false;
  }

  /** Another server, perhaps of an earlier try in another terminal, must not be taken for the submission. */
  async #expectFreePorts(): Promise<void> {
    const port = await this.#portTakenFor(0);
    if (port === undefined) return;
    throw new UserError(
      `another program listens on port ${port}: end it first, or name other ports in an assignment`,
    );
  }

  /** One on which somebody listens for all of that time. */
  async #portTakenFor(seconds: number): Promise<number | undefined> {
    const deadline = performance.now() + seconds * 1000;
    for (;;) {
      const [port] = await this.#portsHeard();
      if (port === undefined || performance.now() >= deadline) return port;
      await sleep(POLL_MS);
    }
  }

  /** On which somebody listens. */
  async #portsHeard(): Promise<number[]> {
    const { ports } = this.#options.assignment;
    const heard = await Promise.all(ports.map((port) => this.#isListening(port)));
    return ports.filter((_, at) => heard[at]);
  }

  async #isListening(port: number): Promise<boolean> {
    const probe = new ServerProbe(this.#probeOptions());
    const talker = await probe.tryConnect(port, 1000);
    await probe.close();
    return talker !== undefined;
  }

  #port(at: number): number {
    return this.#options.assignment.ports.at(at) ?? 0;
  }

  #probeOptions() {
    const { files, assignment } = this.#options;
    const isRunning = (): boolean => this.#program?.isRunning ?? false;
    const program: ProgramUnderTest = {
      get isRunning() {
        return isRunning();
      },
      waited: () => this.#program?.waited() ?? 0,
      openFiles: () => this.#program?.openFiles(),
      restart: () => this.#start(),
      interrupt: async (patience) => (await this.#program?.interrupt(patience)) ?? true,
    };
    return { files, program, ports: assignment.ports, patience: this.#patience };
  }

  async #grade(run: CheckRun<ServerCheck>): Promise<Result> {
    // Each has a new one: what one check has broken is not the fault of the next.
    const begins = !this.#neverBegins && (await this.#start());
    const printed = this.#program?.takeOutput() ?? '';
    const probe = new ServerProbe(this.#probeOptions(), this.#readings, run.path);
    if (!begins) {
      // Whatever kept it: once, it may have been the machine.
      if (!this.#neverBegins && this.#failedStarts === 1) run.mayBeSpoilt();
      this.#blameStart(probe, printed);
      return await run.result(probe, printed);
    }
    run.record();
    await run.do(run.check, probe);
    if (!this.#program?.isRunning && run.check.name !== 'ends') {
      probe.blame({
        wrong: 'the server has ended during this check',
        ...{ expected: 'it runs on', got: this.#program?.end ?? 'it has ended' },
      });
    }
    // What closing has brought belongs to it.
    await probe.close();
    return await run.result(probe, this.#program?.takeOutput() ?? '');
  }

  #blameStart(probe: ServerProbe, printed: string): void {
    // Of two streams, neither is the last one.
    const last = this.#program?.lastError ?? printed.trim().split('\n').at(-1) ?? '';
    const end =
      this.#takenPort === undefined
        ? (this.#program?.end ?? 'it runs, and does not listen')
        : `something that was started before listens on port ${this.#takenPort} still`;
    probe.blame({
      wrong: 'the server does not start',
      expected: `it listens on port ${this.#port(0)}`,
      got: last === '' ? end : `${end}: ${last}`,
    });
  }
}

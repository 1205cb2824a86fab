import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { counted, visible } from '../core/text.ts';
import { classPage } from '../lab/grader/class-html.ts';
import { type ClassEntry, classCsv, failingMost, scoreInWords } from '../lab/grader/class-table.ts';
import { assignedBy } from './check-assignment.ts';
import { type CheckFlags, expectApart, REPORTS } from './check-options.ts';
import type { Report } from './check-reports.ts';
import { EXIT, UsageError } from './exit-status.ts';
import { handedIn, NOT_HANDED_IN } from './handed-in.ts';
import { expectReportFolder } from './report-folder.ts';
import { ownNetwork } from './sandbox.ts';
import { GRADING_SIGNALS } from './stop-signals.ts';

const MOST_SHOWN = 15;
/** What a run that was broken off has not left behind. */
const STAMP = 'graded.txt';
/** What is written beside the folders of the submissions. */
const [CSV, PAGE] = ['class.csv', 'class.html'] as const;
const TABLES: readonly string[] = [CSV, PAGE];

/** Grades each folder in a folder, several at a time, and writes a table of the class. */
export async function checkBatch(folder: string, flags: CheckFlags): Promise<void> {
  const { assignment, side, command } = assignedBy(flags);
  const alone = REPORTS.find((name) => flags[name] !== undefined);
  if (alone !== undefined)
    throw new UsageError(`--${alone} is for one submission, not for a batch`);
  if (flags.submitted !== undefined) {
    throw new UsageError(
      '--submitted is for one submission: of a batch, the newest file of each counts',
    );
  }
  expectApart(flags.out, folder, false);
  expectReportFolder(flags.out);
  const names = await foldersIn(folder);
  const table = names.find((name) => TABLES.includes(name));
  if (table !== undefined) throw new UsageError(`a submission must not be called ${table}`);
  if (names.length === 0) throw new UsageError(`there are no folders in ${folder}`);
  const batch = new Batch(
    folder,
    flags,
    assignment.title,
    JSON.stringify([assignment, { side, command }, flags.only], withPatterns),
  );
  await batch.run(names);
}

class Batch {
  readonly #folder: string;
  readonly #flags: CheckFlags;
  readonly #out: string;
  readonly #title: string;
  /** A grade of another assignment is none of this one. */
  readonly #about: string;
  readonly #children = new Set<ChildProcess>();
  readonly #entries = new Map<string, ClassEntry>();
  #isStopped = false;

  constructor(folder: string, flags: CheckFlags, title: string, about: string) {
    this.#title = title;
    this.#folder = folder;
    this.#flags = flags;
    this.#out = resolve(flags.out);
    this.#about = about;
  }

  async run(names: readonly string[]): Promise<void> {
    await mkdir(this.#out, { recursive: true });
    // A second one, as of the next line that nobody reads, does not hurry it.
    for (const signal of GRADING_SIGNALS) process.on(signal, () => this.#stop(signal));
    const jobs = this.#jobs();
    const every = `${counted(names.length, 'submission')}, ${jobs} at a time`;
    process.stdout.write(`${every}; after Ctrl-C the same command goes on\n`);
    const waiting = [...names];
    const work = async (): Promise<void> => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
        if (!this.#isStopped) await this.#grade(name, names.length);
      }
    };
    await Promise.all(Array.from({ length: jobs }, work));
    await this.#writeTables(names);
    const isAll = [...this.#entries.values()].every(({ report }) => report !== undefined);
    if (!isAll) process.exitCode = EXIT.failed;
    if (!this.#isStopped) return;
    process.stdout.write('broken off; the same command goes on with the rest\n');
    process.exitCode = EXIT.interrupted;
  }

  /** The ports are those of the document, so several at a time need a network each. */
  #jobs(): number {
    const { jobs = Math.max(1, availableParallelism()) } = this.#flags;
    if (jobs === 1 || ownNetwork('true', []) !== undefined) return jobs;
    process.stdout.write('one at a time: there is no network for each (bubblewrap is missing)\n');
    return 1;
  }

  async #grade(name: string, count: number): Promise<void> {
    const out = join(this.#out, name);
    const stamp = await this.#stampOf(name);
    const earlier = await this.#earlier(out, stamp);
    const entry = earlier ?? (await this.#gradeNow(name, out, stamp).catch(notGraded));
    if (entry === undefined) return;
    this.#entries.set(name, { ...entry, name });
    const { report, why } = entry;
    const told = report === undefined ? why : scoreInWords(report);
    const from = earlier === undefined ? '' : ' (from an earlier run)';
    const line = `${this.#entries.size}/${count} ${name}: ${told}${from}`;
    process.stdout.write(`${visible(line)}\n`);
  }

  /** Nor is a grade of what was handed in before one of what is there now. */
  async #stampOf(name: string): Promise<string> {
    const { fingerprint } = await handedIn(join(this.#folder, name));
    return createHash('sha256').update(this.#about).update(fingerprint).digest('hex');
  }

  async #earlier(out: string, stamp: string): Promise<ClassEntry | undefined> {
    if (this.#flags.again) return undefined;
    const known = await readFile(join(out, STAMP), 'utf8').catch(() => '');
    return known === stamp ? await entryOf(out) : undefined;
  }

  /** @returns `undefined` when it was broken off */
  async #gradeNow(name: string, out: string, stamp: string): Promise<ClassEntry | undefined> {
    await rm(join(out, 'report.json'), { force: true });
    await rm(join(out, STAMP), { force: true });
    await mkdir(out, { recursive: true });
    const dir = join(this.#folder, name);
    const output = await this.#runCheck(dir, out);
    await writeFile(join(out, 'output.txt'), output);
    if (this.#isStopped) return undefined;
    const entry = await entryOf(out);
    await writeFile(join(out, STAMP), stamp);
    if (entry !== undefined) return entry;
    return { name, why: `not graded: ${output.trim().split('\n').at(-1) ?? ''}` };
  }

  async #runCheck(dir: string, out: string): Promise<string> {
    const { server, client, assignment, only = [] } = this.#flags;
    const args = [
      ...[...process.execArgv, process.argv[1] ?? '', 'check', '--dir', dir, '--out', out],
      ...(server === undefined ? [] : ['--server', server]),
      ...(client === undefined ? [] : ['--client', client]),
      ...(assignment === undefined ? [] : ['--assignment', assignment]),
      ...(only.length === 0 ? [] : ['--only', ...only]),
    ];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.add(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    await new Promise<void>((done) => {
      child.once('close', () => done());
    });
    this.#children.delete(child);
    return output;
  }

  #stop(signal: NodeJS.Signals): void {
    this.#isStopped = true;
    for (const child of this.#children) child.kill(signal);
  }

  async #writeTables(names: readonly string[]): Promise<void> {
    const entries = names.flatMap((name) => this.#entries.get(name) ?? []);
    const table = join(this.#out, CSV);
    await writeFile(table, classCsv(entries));
    const page = join(this.#out, PAGE);
    await writeFile(page, classPage(this.#title, entries));
    const scores = entries.flatMap(({ report }) => report?.score ?? []).sort((a, b) => a - b);
    if (scores.length > 0) {
      const middle = scores[Math.floor((scores.length - 1) / 2)];
      process.stdout.write(`from ${scores[0]} to ${scores.at(-1)} points, median ${middle}\n`);
    }
    const worst = failingMost(entries).filter(({ failed, partly }) => failed + partly > 0);
    if (worst.length > 0) process.stdout.write('what went wrong most often\n');
    for (const { check, failed, partly, all } of worst.slice(0, MOST_SHOWN)) {
      const half = partly === 0 ? '' : `, ${partly} in part`;
      process.stdout.write(`  ${check.padEnd(28)} ${failed} of ${all}${half}\n`);
    }
    process.stdout.write(`table: ${table}\nreports: ${page}\n`);
  }
}

/** JSON has no patterns. */
function withPatterns(_: string, value: unknown): unknown {
  return value instanceof RegExp ? String(value) : value;
}

/** What one submission does must not keep the others from being graded. */
function notGraded(error: unknown): ClassEntry {
  return { name: '', why: `not graded: ${(error as Error).message}` };
}

async function entryOf(out: string): Promise<ClassEntry | undefined> {
  try {
    const report = JSON.parse(await readFile(join(out, 'report.json'), 'utf8')) as Report;
    return { name: '', report };
  } catch {
    return undefined;
  }
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => {
    throw new UsageError(`there is no folder ${folder}`);
  });
  const seen = entries.filter(({ name }) => !name.startsWith('.') && !NOT_HANDED_IN.has(name));
  const others = seen.filter((entry) => !entry.isDirectory()).map(({ name }) => visible(name));
  if (others.length > 0) {
    process.stdout.write(`left out, as they are no folders: ${others.join(', ')}\n`);
  }
  return seen
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort((one, other) => one.localeCompare(other));
}

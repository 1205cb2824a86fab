import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type Assignment, isHidden, lateShare } from '../lab/grader/assignment.ts';
import type { Result, Side } from '../lab/grader/check.ts';
import { type Grade, totals } from '../lab/grader/grade.ts';
import { githubResults } from '../lab/grader/report-github.ts';
import { gradescopeResults } from '../lab/grader/report-gradescope.ts';
import { htmlReport } from '../lab/grader/report-html.ts';
import { junitReport } from '../lab/grader/report-junit.ts';
import { tapReport } from '../lab/grader/report-tap.ts';
import { chartsOf } from './check-charts.ts';
import { type CheckFlags, quoted } from './check-options.ts';
import { makeFolder, removeFolder, replaceFile } from './report-folder.ts';

/** The family of the readings that an assignment requires. */
export const READINGS = 'readings';

/** A grade as it stands in `report.json`. */
export interface Report extends Grade {
  readonly earned: number;
  readonly points: number;
  /** After what is taken off for coming late. */
  readonly score: number;
}

/**
 * Writes what comes of a grading: the report into `out`, and what else `flags` ask for.
 * @throws UserError when something cannot be written
 */
export async function writeReports(
  grade: Grade,
  assignment: Assignment,
  out: string,
  flags: CheckFlags,
): Promise<Report> {
  const results = grade.results.map((result) => {
    const { capture } = result;
    return capture === undefined ? result : { ...result, capture: relative(out, capture) };
  });
  const { earned, points } = totals(results);
  const score = Math.max(0, earned - points * lateShare(assignment, flags.submitted));
  const report: Report = { ...grade, results, earned, points, score: Math.round(score * 2) / 2 };
  const charts = (result: Result): string[] =>
    result.capture === undefined ? [] : chartsOf(join(out, result.capture));
  const page = join(out, 'report.html');
  const late = earned - report.score;
  await replaceFile(page, htmlReport(report, { charts, late, where: process.cwd() }));
  // What a student sees has commands for his own folder, and, while the grades are not out, nothing that is hidden.
  const theirs = results.map((result) => {
    return { ...result, command: commandForStudent(report, result) };
  });
  const seen = theirs.filter((result) => !isHidden(assignment, result));
  const forStudents = { ...report, results: seen };
  const isPart = seen.length < results.length;
  const folder = join(out, 'for-students');
  // What an earlier grading has left is out of date.
  await removeFolder(folder);
  if (isPart || late > 0 || flags.dir !== '.') {
    await makeFolder(join(folder, 'captures'));
    for (const { capture } of seen) {
      if (capture === undefined) continue;
      await replaceFile(join(folder, capture), await readFile(join(out, capture)));
    }
    // What is taken off may be all that there is, the points of hidden checks included.
    const html = htmlReport(forStudents, { charts, late: isPart ? 0 : late, isPart });
    await replaceFile(join(folder, 'report.html'), html);
  }
  await replaceFile(join(out, 'report.json'), inJson(report));
  const { junit, tap, gradescope, github } = flags;
  // They are shown to students at once; Gradescope hides by itself what is hidden.
  if (junit !== undefined) await replaceFile(junit, junitReport(forStudents));
  if (tap !== undefined) await replaceFile(tap, tapReport(forStudents));
  if (github !== undefined) await replaceFile(github, inJson(githubResults(forStudents)));
  if (gradescope !== undefined) {
    const all = { ...report, results: theirs };
    await replaceFile(gradescope, inJson(gradescopeResults(all, assignment, report.score)));
  }
  process.stdout.write(`report: ${page}\n`);
  if (late > 0) process.stdout.write(`it came late: ${report.score} points are left\n`);
  return report;
}

/** In his own folder; what is assigned, and what is hidden of it, he need not have. */
function commandForStudent({ side, command }: Report, { check, family }: Result): string {
  const flags = { dir: '.', assignment: undefined };
  return repeatCommand(side, command, flags, family === READINGS ? undefined : check);
}

/** What repeats one check, or all of them. */
export function repeatCommand(
  side: Side,
  command: string,
  flags: Pick<CheckFlags, 'dir'> & { readonly assignment?: string | undefined },
  check?: string,
): string {
  const { dir, assignment } = flags;
  const where = dir === '.' ? '' : ` --dir ${quoted(dir)}`;
  const by = assignment === undefined ? '' : ` --assignment ${quoted(assignment)}`;
  const one = check === undefined ? '' : ` --only ${check} --out wirelab-check/repeat-${check}`;
  return `wirelab check --${side} ${quoted(command)}${where}${by}${one}`;
}

function inJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

import { resolve } from 'node:path';
import { visible } from '../core/text.ts';
import type { Assignment } from '../lab/grader/assignment.ts';
import type { Result } from '../lab/grader/check.ts';
import { gradedFiles, SECRET_FILE } from '../lab/grader/files.ts';
import type { Grade } from '../lab/grader/grade.ts';
import { isSameReading } from '../lab/grader/readings-words.ts';
import type { Lack } from '../lab/grader/stages.ts';
import { assignedBy } from './check-assignment.ts';
import { CHECKS, type CheckFlags, expectApart, REPORTS } from './check-options.ts';
import { READINGS, repeatCommand, writeReports } from './check-reports.ts';
import { readingsInWords, resultInWords, sumInWords } from './check-terminal.ts';
import { EXIT, UsageError } from './exit-status.ts';
import { folderSize } from './folder-size.ts';
import { gradeClient } from './grade-client.ts';
import { gradeServer } from './grade-server.ts';
import { type GradeOptions, isAnyLeft } from './grading.ts';
import { handedIn, whereIs } from './handed-in.ts';
import { USUAL_LIMITS } from './process-guard.ts';
import { expectReportFile, expectReportFolder, makeReportFolder } from './report-folder.ts';
import { sandbox } from './sandbox.ts';
import { GRADING_SIGNALS } from './stop-signals.ts';
import { Workspace } from './workspace.ts';

/** Grades one submission, and writes all that was asked for. */
export async function checkOne(flags: CheckFlags): Promise<void> {
  // What runs is ended, and what was copied removed, when the process ends. A second signal does not hurry it.
  for (const signal of GRADING_SIGNALS) process.on(signal, breakOff);
  const { assignment, side, command } = assignedBy(flags);
  if (!isAnyLeft(CHECKS[side], { assignment, ...(flags.only && { only: flags.only }) })) {
    throw new UsageError('no check is left to be done: see --list, --only and the assignment');
  }
  const out = resolve(flags.out);
  expectApart(out, flags.dir, true);
  expectReportFolder(flags.out);
  for (const name of REPORTS) {
    const path = flags[name];
    if (path !== undefined) expectReportFile(`--${name}`, path, out);
  }
  const submission = await handedIn(flags.dir, out);
  await using workspace = await Workspace.copyOf(flags.dir);
  const { captures } = makeReportFolder(out);
  const files = gradedFiles();
  if (side === 'server') {
    // The document does not say where a server has its files: here, or in a folder of that name.
    for (const [name, bytes] of Object.entries(files)) await workspace.write(name, bytes);
    await workspace.fill('files', files);
    // Beside what it offers, so that it shows when that can be had.
    await workspace.write(SECRET_FILE, Buffer.from('nobody may have this'));
  }
  const kept = sandbox();
  if (kept.owner !== undefined) await workspace.giveTo(kept.owner);
  process.stdout.write(`${assignment.title}: ${command}\n`);
  let family = '';
  // What was handed in has its place already.
  const disk = USUAL_LIMITS.disk + (await folderSize(workspace.path));
  const options: GradeOptions = {
    ...{ command, files, captures, folder: workspace.path, sandbox: kept, assignment },
    limits: { ...USUAL_LIMITS, disk },
    ...(flags.only && { only: flags.only }),
    repeat: (name) => repeatCommand(side, command, flags, name),
    onAgain: () => process.stdout.write('again, as the machine was busy with others\n'),
    onResult: (result) => {
      if (result.family !== family) process.stdout.write(`${result.family}\n`);
      family = result.family;
      process.stdout.write(resultInWords(result));
    },
  };
  const graded = await (side === 'server' ? gradeServer(options) : gradeClient(options));
  const found = withPlace(graded, whereIs(command, submission));
  const grade = withRequiredReadings(found, assignment, options);
  process.stdout.write(`how it reads the document\n${readingsInWords(grade)}`);
  const { submitted = submission.newest } = flags;
  const { earned, points } = await writeReports(grade, assignment, out, { ...flags, submitted });
  process.stdout.write(sumInWords(grade));
  process.exitCode = earned < points ? EXIT.failed : EXIT.done;
}

function breakOff(): void {
  process.stderr.write('broken off; there is no report\n');
  process.exit(EXIT.interrupted);
}

/** Says in the first check of a program that does not start that it is elsewhere. */
function withPlace(grade: Grade, place: string | undefined): Grade {
  const [first, ...others] = grade.results;
  if (first?.check !== 'starts' || first.status === 'passed' || place === undefined) return grade;
  process.stdout.write(`${visible(place)}\n`);
  return {
    ...grade,
    results: [{ ...first, findings: [{ wrong: place, share: 0 }, ...first.findings] }, ...others],
  };
}

/** A result more for each reading that the assignment requires. */
function withRequiredReadings(grade: Grade, assignment: Assignment, options: GradeOptions): Grade {
  const { readings, readingPoints } = assignment;
  if (options.only !== undefined) return grade;
  const found = new Map(grade.readings);
  const results = Object.entries(readings).map(([what, wanted]): Result => {
    const is = found.get(what);
    const isRight = isSameReading(is ?? '', wanted);
    // Where the program does not get so far, other checks show why.
    const lack: Lack = { why: 'it does not get so far', expected: wanted, see: [] };
    const wrong = is ?? `this could not be tried, as ${lack.why}`;
    return {
      ...{ check: what, family: READINGS, points: readingPoints, steps: [], output: '' },
      ...{ line: 'What the assignment requires where the document is vague.', seconds: 0 },
      ...{ hint: `It has to be: ${wanted}.`, scenario: 'clean', seed: 1 },
      ...{ status: isRight ? 'passed' : 'failed', earned: isRight ? readingPoints : 0 },
      findings: isRight ? [] : [{ wrong, expected: wanted, share: 1 }],
      ...(is === undefined && { untried: lack }),
      command: options.repeat(),
    };
  });
  for (const result of results) process.stdout.write(resultInWords(result));
  return { ...grade, results: [...grade.results, ...results] };
}

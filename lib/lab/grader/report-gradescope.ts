import { type Assignment, isHidden } from './assignment.ts';
import type { Result } from './check.ts';
import { type Grade, obstacleInWords, obstacleOf, totals } from './grade.ts';
import { resultAsText } from './report-text.ts';

/** What Gradescope reads from `/autograder/results/results.json` ("Autograder Specifications", "Output format"). */
export interface GradescopeResults {
  readonly score: number;
  readonly execution_time: number;
  readonly output: string;
  readonly output_format: 'text';
  readonly stdout_visibility: 'hidden';
  readonly tests: readonly GradescopeTest[];
  /** Where the assignment wants the class to see it. */
  readonly leaderboard?: readonly { readonly name: string; readonly value: number }[];
}

export interface GradescopeTest {
  readonly name: string;
  readonly number: string;
  readonly score: number;
  readonly max_score: number;
  readonly status: 'passed' | 'failed';
  readonly output: string;
  readonly output_format: 'text';
  readonly tags: readonly string[];
  readonly visibility: 'visible' | 'after_published';
}

/** @param score after what is taken off for coming late */
export function gradescopeResults(
  grade: Grade,
  assignment: Assignment,
  score: number,
): GradescopeResults {
  const { earned } = totals(grade.results);
  // Students read this at once: it must not tell what the hidden ones have cost.
  const seen = grade.results.filter((result) => !isHidden(assignment, result));
  const shown = totals(seen);
  const isAll = seen.length === grade.results.length;
  const readings = grade.readings.map(([what, how]) => `${what} ${how}`);
  const obstacle = obstacleOf(seen);
  const lines = [
    grade.title,
    `${shown.earned} of ${shown.points} points${isAll ? '' : ' in the checks that are shown'}`,
    ...(score < earned ? [`It came late: ${earned - score} points are taken off.`] : []),
    ...(obstacle === undefined ? [] : ['', `${obstacleInWords(obstacle)}.`]),
    ...['', 'How it reads the document:', ...readings],
  ];
  const text = { output_format: 'text', stdout_visibility: 'hidden' } as const;
  return {
    ...{ score, execution_time: Math.ceil(grade.seconds), output: lines.join('\n'), ...text },
    tests: grade.results.map((result, at) => testOf(result, `${at + 1}`, assignment)),
    ...(assignment.leaderboard && { leaderboard: [{ name: 'points', value: score }] }),
  };
}

function testOf(result: Result, number: string, assignment: Assignment): GradescopeTest {
  const { check, family, earned, points, status } = result;
  return {
    ...{ name: `${family}: ${check}`, number, score: earned, max_score: points },
    ...{ status: status === 'passed' ? 'passed' : 'failed', output: resultAsText(result) },
    ...{ output_format: 'text', tags: [family] },
    visibility: isHidden(assignment, result) ? 'after_published' : 'visible',
  };
}

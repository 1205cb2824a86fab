import { visible } from '../core/text.ts';
import type { Result } from '../lab/grader/check.ts';
import {
  framesOf,
  type Grade,
  obstacleInWords,
  obstacleOf,
  totals,
  whyOf,
} from '../lab/grader/grade.ts';

const MARKS: Readonly<Record<Result['status'], string>> = {
  ...{ passed: 'ok  ', partly: 'part', failed: 'FAIL', 'left-out': '-   ' },
};
const NAME_WIDTH = 28;

/** A line for a check, and what is wrong below it. */
export function resultInWords(result: Result): string {
  const { check, status, earned, points, findings, command, untried } = result;
  const mark = untried === undefined ? MARKS[status] : 'n/a ';
  const head = `  ${mark} ${check.padEnd(NAME_WIDTH)} ${earned} of ${points}\n`;
  if (untried !== undefined || status === 'left-out') {
    return `${head}         ${whyOf(result)}\n`;
  }
  const told = findings.map((finding) => {
    const { wrong, expected, got } = finding;
    const frames = framesOf(finding);
    const lines = [
      wrong,
      ...(expected === undefined ? [] : [`expected: ${expected}`]),
      ...(got === undefined ? [] : [`came:     ${got}`]),
      ...(frames === undefined ? [] : [`frames:   ${frames}`]),
    ];
    return lines.map((line) => `         ${oneLine(line)}\n`).join('');
  });
  const repeat = findings.length === 0 ? '' : `         repeat:   ${command}\n`;
  return head + told.join('') + repeat;
}

export function readingsInWords({ readings }: Grade): string {
  return readings.map(([what, how]) => `  ${what} ${how}\n`).join('');
}

export function sumInWords(grade: Grade): string {
  const { earned, points } = totals(grade.results);
  const obstacle = obstacleOf(grade.results);
  const first = obstacle === undefined ? '' : `${obstacleInWords(obstacle)}\n`;
  return `${first}${earned} of ${points} points, in ${grade.seconds.toFixed(0)} s\n`;
}

function oneLine(text: string): string {
  const shown = visible(text.trimEnd().replaceAll('\n', ' / '));
  return shown.length > 300 ? `${shown.slice(0, 300)}…` : shown;
}

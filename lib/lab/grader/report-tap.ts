import type { Result } from './check.ts';
import { type Grade, whyOf } from './grade.ts';
import { resultAsText } from './report-text.ts';

/** TAP version 14. */
export function tapReport(grade: Grade): string {
  const lines = grade.results.flatMap((result, at) => [pointOf(result, at + 1), ...about(result)]);
  return ['TAP version 14', `1..${grade.results.length}`, ...lines, ''].join('\n');
}

function pointOf({ status, check, family, earned, points }: Result, number: number): string {
  const isFine = status === 'passed' || status === 'left-out';
  const skip = status === 'left-out' ? ' # SKIP there was no time' : '';
  return `${isFine ? 'ok' : 'not ok'} ${number} - ${family}: ${check} (${earned} of ${points})${skip}`;
}

function about(result: Result): string[] {
  if (result.status === 'passed' || result.status === 'left-out') return [];
  const text = resultAsText(result).split('\n');
  return [
    '  ---',
    `  message: ${JSON.stringify(whyOf(result))}`,
    '  details: |',
    ...text.map((line) => `    ${line}`.trimEnd()),
    '  ...',
  ];
}

import { visible } from '../../core/text.ts';
import type { Result } from './check.ts';

/** All about a check that a student needs, without any marks. */
export function resultAsText(result: Result): string {
  const { line, findings, hint, command, status, why } = result;
  if (status === 'passed') return line;
  const lines = [
    line,
    ...(why === undefined ? [] : ['', `It was left out: ${why}.`]),
    ...findings.flatMap(({ wrong, expected, got }) => [
      '',
      `Wrong: ${wrong}`,
      ...(expected === undefined ? [] : [`Expected: ${expected}`]),
      ...(got === undefined ? [] : [`Came: ${got}`]),
    ]),
    ...['', `To find it: ${hint}`, `To repeat it: ${command}`],
  ];
  return lines.map((one) => visible(one.trimEnd().replaceAll('\n', ' / '))).join('\n');
}

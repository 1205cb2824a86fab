import type { Result } from './check.ts';
import { byFamily, type Grade, whyOf } from './grade.ts';
import { asMarkup } from './markup.ts';
import { resultAsText } from './report-text.ts';

/** JUnit's XML: a suite for each family. */
export function junitReport(grade: Grade): string {
  const suites = [...byFamily(grade.results)].map(([family, results]) => {
    const cases = results.map(caseOf).join('');
    return `  <testsuite name="${asMarkup(family)}"${counts(results)}>\n${cases}  </testsuite>\n`;
  });
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n` +
    `<testsuites name="${asMarkup(grade.title)}"${counts(grade.results)}>\n${suites.join('')}</testsuites>\n`
  );
}

function counts(results: readonly Result[]): string {
  const count = (is: (result: Result) => boolean): number => results.filter(is).length;
  const failures = count(({ status }) => status === 'failed' || status === 'partly');
  const skipped = count(({ status }) => status === 'left-out');
  const seconds = results.reduce((sum, one) => sum + one.seconds, 0);
  return ` tests="${results.length}" failures="${failures}" errors="0" skipped="${skipped}" time="${seconds.toFixed(3)}"`;
}

function caseOf(result: Result): string {
  const { check, family, seconds, status } = result;
  const head = `    <testcase classname="${asMarkup(family)}" name="${asMarkup(check)}" time="${seconds.toFixed(3)}"`;
  if (status === 'passed') return `${head}/>\n`;
  const message = asMarkup(whyOf(result));
  const inside =
    status === 'left-out'
      ? `<skipped message="${message}"/>`
      : `<failure message="${message}">${asMarkup(resultAsText(result), '\n')}</failure>`;
  return `${head}>\n      ${inside}\n    </testcase>\n`;
}

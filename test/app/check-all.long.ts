import { describe, expect, test } from 'vitest';
import type { Report } from '../../lib/app/check-reports.ts';
import type { Side } from '../../lib/lab/grader/check.ts';
import { CLIENT_CHECKS } from '../../lib/lab/grader/client-checks.ts';
import { obstacleOf } from '../../lib/lab/grader/grade.ts';
import { SERVER_CHECKS } from '../../lib/lab/grader/server-checks.ts';
import { reaches } from '../../lib/lab/grader/stages.ts';
import { FAULTS } from '../submissions/faults.ts';
import { UNFINISHED } from '../submissions/unfinished.ts';
import { VARIATIONS } from '../submissions/variations.ts';
import {
  canGrade,
  faulty,
  grade,
  gradeJava,
  gradeOwn,
  gradeStrictly,
  hasJava,
  lostBy,
  RIGHT,
  submission,
} from '../support/submissions.ts';

const RUNS = 20;
const SIDES: readonly Side[] = ['server', 'client'];
if (!hasJava) {
  console.warn(
    'Left out: submissions in Java. They need javac (apt-get install default-jdk-headless).',
  );
}

describe.skipIf(!canGrade)('all checks', () => {
  test.concurrent.each(SIDES.flatMap((side) => RIGHT[side].map((file) => [side, file] as const)))(
    'give all points to the right %s %s, in less than a minute',
    async (side, file) => {
      const report = await gradeStrictly(side, file, await submission(side, file));
      expect(report.results.flatMap(({ findings }) => findings)).toEqual([]);
      expect(report.earned).toBe(report.points);
      // On two cores with nothing else going on it is 20 to 57 s; this ends what hangs.
      expect(report.seconds).toBeLessThan(180);
    },
  );

  test.concurrent.each(SIDES)('give all points to the %s of this project', async (side) => {
    const report = await gradeOwn(side);
    expect(report.results.flatMap(({ findings }) => findings)).toEqual([]);
    expect(report.earned).toBe(report.points);
  });

  test.skipIf(!hasJava).concurrent.each(SIDES)(
    'give all points to a right %s in Java',
    async (side) => {
      const report = await gradeJava(side);
      expect(report.results.flatMap(({ findings }) => findings)).toEqual([]);
      expect(report.earned).toBe(report.points);
    },
  );

  // They wait more than they work, and have to come to the same on a busy machine.
  test.concurrent.each(FAULTS.map((fault) => [fault.side, fault.base, fault.name, fault] as const))(
    'of the %s %s find the fault %s, and nothing else',
    async (side, base, _, fault) => {
      expect(lostBy(await gradeStrictly(side, base, await faulty(fault)))).toEqual(fault.loses);
    },
  );

  test.concurrent.each(VARIATIONS.map((one) => [one.side, one.base, one.about, one] as const))(
    'give all points to the %s %s that %s',
    async (side, base, _, variation) => {
      const report = await grade(side, base, await faulty(variation));
      expect(report.results.flatMap(({ findings }) => findings)).toEqual([]);
    },
  );

  test.concurrent.each(UNFINISHED.map((one) => [one.side, one.about, one] as const))(
    'of a %s that %s are tried as far as it gets',
    async (side, _, unfinished) => {
      const { results } = await grade(side, unfinished.base, await faulty(unfinished));
      const checks = side === 'server' ? SERVER_CHECKS : CLIENT_CHECKS;
      const behind = checks.filter(({ needs = 'online' }) => !reaches(unfinished.reaches, needs));
      const untried = results.filter((result) => result.untried !== undefined);
      expect(untried.map(({ check }) => check)).toEqual(behind.map(({ name }) => name));
      expect(obstacleOf(results)?.see.length).toBeGreaterThan(0);
    },
  );

  test.concurrent.each([
    [
      'with one file or with many',
      `number = 0
while True:
    number += 1
    with open('big' if number % 2 else 'small%d' % number, 'ab') as file:
        file.write(b'x' * (number % 2) * 4_000_000)
`,
    ],
    [
      'with one that is deleted',
      `import os
with open('gone', 'wb') as file:
    os.unlink('gone')
    while True:
        file.write(b'x' * 4_000_000)
`,
    ],
  ])('ends a program that fills the disk, %s', async (_, text) => {
    const report = await grade('server', 's.py', text, ['starts', 'pause', 'junk']);
    expect(lostBy(report)).toEqual(['starts', 'pause', 'junk']);
    expect(report.results[0]?.findings[0]?.got).toMatch(/its folder took more than .* of the disk/);
  });

  test.each(SIDES.flatMap((side) => RIGHT[side].map((file) => [side, file] as const)))(
    'of the %s %s come to all points each time, on a busy machine',
    async (side, file) => {
      const text = await submission(side, file);
      const left = Array.from({ length: RUNS }, () => 0);
      const reports: Report[] = [];
      // Several at a time: none of them has a core for itself.
      const lane = async (): Promise<void> => {
        while (left.pop() !== undefined) reports.push(await grade(side, file, text));
      };
      await Promise.all(Array.from({ length: 4 }, lane));
      expect(reports).toHaveLength(RUNS);
      for (const { results, earned, points } of reports) {
        expect(results.flatMap(({ findings }) => findings)).toEqual([]);
        expect(earned).toBe(points);
      }
    },
  );
});

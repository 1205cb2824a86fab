import { describe, expect, test } from 'vitest';
import { STAGES } from '../../lib/lab/grader/stages.ts';
import { UNFINISHED } from '../submissions/unfinished.ts';
import { VARIATIONS } from '../submissions/variations.ts';
import { canGrade, faulty, grade } from '../support/submissions.ts';

/** One for each stage; all of them are done in `test:long`. */
const SOME_UNFINISHED = UNFINISHED.filter(
  ({ side, reaches }, at) =>
    UNFINISHED.findIndex((one) => one.side === side && one.reaches === reaches) === at,
);

/** For each stage, a check that needs a program to get that far, in the order in which they are done. */
const ONE_FOR_STAGE = {
  server: ['starts', 'users', 'datagram-format', 'pause'],
  client: ['starts', 'get-users', 'asks-at-half', 'duplicates'],
};

describe.skipIf(!canGrade)('wirelab check', () => {
  test.concurrent.each(VARIATIONS.map((one) => [one.side, one.base, one.about, one] as const))(
    'takes nothing from the %s %s that %s',
    async (side, base, _, variation) => {
      const report = await grade(side, base, await faulty(variation), variation.risks);
      expect(report.results.flatMap(({ findings }) => findings)).toEqual([]);
      expect(report.results).toHaveLength(variation.risks.length);
    },
  );

  test.concurrent.each(SOME_UNFINISHED.map((one) => [one.side, one.about, one] as const))(
    'tries with a %s that %s what it gets as far as, and says so of the rest',
    async (side, _, unfinished) => {
      const { reaches: reached } = unfinished;
      const tried = ONE_FOR_STAGE[side].slice(0, STAGES.indexOf(reached));
      const report = await grade(side, 'line.py', await faulty(unfinished), ONE_FOR_STAGE[side]);
      const untried = report.results.filter(({ findings: [first] }) =>
        first?.wrong.startsWith('this could not be tried, as '),
      );
      expect([...tried, ...untried.map(({ check }) => check)]).toEqual(ONE_FOR_STAGE[side]);
      expect(untried.map(({ earned }) => earned)).toEqual(untried.map(() => 0));
      expect(report.readings.map(([what]) => what)).toContain('it gets as far as');
      expect(report.readings.map(([what]) => what)).not.toContain('parts are numbered');
    },
  );
});

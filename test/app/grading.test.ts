import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { gradeAll } from '../../lib/app/grading.ts';
import { DEFAULT_ASSIGNMENT } from '../../lib/lab/grader/assignment.ts';
import type { Check, Notes, Result } from '../../lib/lab/grader/check.ts';
import { CheckNotes } from '../../lib/lab/grader/check-notes.ts';
import { FairClock } from '../../lib/net/fair-clock.ts';
import { TemporaryFolder } from './folders.ts';

/** A bench of a program that waits for a processor during a share of the time. */
class Bench extends CheckNotes {
  readonly #begin = performance.now();
  share = 0;
  readonly clock = new FairClock(() => this.share * (performance.now() - this.#begin));
}

/** Nothing else happens in this process meanwhile. */
function stall(span: number): void {
  const end = performance.now() + span;
  while (performance.now() < end);
}

/** What comes of a check that is done in this way; the number of the try is told. */
async function resultOf(
  run: (bench: Bench, nth: number) => void | Promise<void>,
): Promise<Result | undefined> {
  await using folder = await TemporaryFolder.create({});
  const disturbed: boolean[] = [];
  let tries = 0;
  const check: Check<Notes> = {
    ...{ name: 'size-empty', family: 'downloading', points: 2, line: '', hint: '' },
    run: async (bench) => {
      await sleep(20);
      tries += 1;
      await run(bench as Bench, tries);
    },
  };
  const options = {
    ...{ assignment: DEFAULT_ASSIGNMENT, captures: folder.path, repeat: () => '' },
  };
  const subject = { side: 'server', reached: 'download-whole' } as const;
  const [result] = await gradeAll(subject, [check], options, async (one) => {
    const bench = new Bench();
    await one.do(one.check, bench);
    disturbed.push(one.wasDisturbed);
    return await one.result(bench, '');
  });
  // Only these are done again.
  expect(disturbed.slice(0, -1)).not.toContain(false);
  return result;
}

const TRIES = /^tried (\d) times, as the machine was busy$/;

function triesOf(result: Result | undefined): number {
  return Number(TRIES.exec(result?.steps[0] ?? '')?.[1] ?? 1);
}

describe('a check that costs points', () => {
  test('is done again when the grader could not work meanwhile', async () => {
    const result = await resultOf((bench, nth) => {
      if (nth > 1) return;
      stall(80);
      bench.blame({ wrong: 'it came too late' });
    });
    expect(result).toMatchObject({ status: 'passed', earned: 2, findings: [] });
    expect(triesOf(result)).toBe(2);
  });

  test('is done again when the program could not work meanwhile', async () => {
    const result = await resultOf(async (bench, nth) => {
      if (nth > 1) return;
      bench.share = 0.6;
      await bench.clock.wait(80);
      bench.blame({ wrong: 'it came too late' });
    });
    expect(result).toMatchObject({ status: 'passed', earned: 2 });
  });

  test('keeps the best of what came', async () => {
    const result = await resultOf((bench, nth) => {
      stall(80);
      bench.blame({ wrong: `try ${nth}`, share: nth === 1 ? 0.5 : 1 });
    });
    expect(result).toMatchObject({ earned: 1, findings: [{ wrong: 'try 1' }] });
    expect(triesOf(result)).toBe(3);
  });

  test('counts at once when both could work', async () => {
    const result = await resultOf((bench) => bench.blame({ wrong: 'it never comes' }));
    expect(result).toMatchObject({ status: 'failed', earned: 0 });
  });

  test('counts after three times, whatever the machine does', async () => {
    const result = await resultOf((bench) => {
      stall(80);
      bench.blame({ wrong: 'it never comes', share: 0.5 });
    });
    expect(result).toMatchObject({ status: 'partly', earned: 1 });
    expect(result?.findings).toHaveLength(1);
    expect(triesOf(result)).toBe(3);
  });
});

describe('a check that costs nothing', () => {
  test('is not done again', async () => {
    const result = await resultOf(() => stall(80));
    expect(result?.earned).toBe(2);
    expect(triesOf(result)).toBe(1);
  });
});

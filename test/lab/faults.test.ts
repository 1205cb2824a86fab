import { describe, expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
import { FaultPlan, type Faults, NO_PART } from '../../lib/lab/faults.ts';

/** The first sendings of so many parts, or so many datagrams that are none. */
function lossOf(faults: Faults, what: 'parts' | 'others' = 'parts') {
  const count = 20_000;
  const plan = new FaultPlan(faults, 1);
  let lost = 0;
  let run = 0;
  let longestRun = 0;
  for (let seq = 0; seq < count; seq += 1) {
    const [number, nth] = what === 'parts' ? [seq, 1] : [NO_PART, seq + 1];
    const gone = plan.fateOf(number, nth).length === 0;
    lost += gone ? 1 : 0;
    run = gone ? run + 1 : 0;
    longestRun = Math.max(longestRun, run);
  }
  return { share: lost / count, longestRun };
}

describe('a plan of faults', () => {
  test('decides the same for the same seed, part and sending, in whatever order it is asked', () => {
    const faults = { loss: 0.2, burst: { enter: 0.1, leave: 0.3, loss: 1 }, jitter: millis(9) };
    const forwards = new FaultPlan(faults, 7);
    const backwards = new FaultPlan(faults, 7);
    const seqs = Array.from({ length: 200 }, (_, seq) => seq);
    const one = seqs.map((seq) => forwards.fateOf(seq, 2));
    const other = seqs.toReversed().map((seq) => backwards.fateOf(seq, 2));
    expect(other.toReversed()).toEqual(one);
    expect(seqs.map((seq) => new FaultPlan(faults, 8).fateOf(seq, 2))).not.toEqual(one);
  });

  test('loses the share that it was told', () => {
    expect(lossOf({ loss: 0.1 }).share).toBeCloseTo(0.1, 1);
    expect(lossOf({}).share).toBe(0);
    expect(lossOf({ loss: 1 }).share).toBe(1);
  });

  test.each(['parts', 'others'] as const)('loses %s in bursts when told so', (what) => {
    const burst = lossOf({ burst: { enter: 0.01, leave: 0.1, loss: 1 } }, what);
    expect(burst.share).toBeCloseTo(0.01 / 0.11, 1);
    expect(burst.longestRun).toBeGreaterThan(lossOf({ loss: burst.share }).longestRun * 3);
  });

  test('duplicates, damages and delays the shares that it was told', () => {
    const plan = new FaultPlan(
      { duplicate: 0.2, corrupt: 0.3, reorder: 0.4, reorderBy: millis(50), delay: millis(5) },
      3,
    );
    const fates = Array.from({ length: 10_000 }, (_, seq) => plan.fateOf(seq, 1));
    const share = (is: (fate: (typeof fates)[number]) => boolean): number =>
      fates.filter(is).length / fates.length;
    expect(share((fate) => fate.length === 2)).toBeCloseTo(0.2, 1);
    expect(share((fate) => fate[0]?.corruptAt !== undefined)).toBeCloseTo(0.3, 1);
    expect(share((fate) => fate[0]?.delay === 55)).toBeCloseTo(0.4, 1);
  });
});

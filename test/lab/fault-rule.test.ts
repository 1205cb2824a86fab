import { describe, expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
import { parseRule, ruleApplies } from '../../lib/lab/fault-rule.ts';
import { damaged, explainFate, FaultPlan } from '../../lib/lab/faults.ts';

const plan = (...rules: string[]) => new FaultPlan({ rules: rules.map(parseRule) }, 1);
const PASSES = [{ delay: 0 }];

describe('a rule', () => {
  test('drops the first sendings of one part, and nothing else', () => {
    const drops = plan('drop seq=7 times=2');
    expect([1, 2, 3].map((nth) => drops.fateOf(7, nth).length)).toEqual([0, 0, 1]);
    expect(drops.fateOf(6, 1)).toEqual(PASSES);
    expect(drops.fateOf(8, 1)).toEqual(PASSES);
  });

  test('names parts by number, in ranges, from the end, and every third', () => {
    const hits = (text: string, last?: number): number[] =>
      Array.from({ length: 10 }, (_, seq) => seq).filter((seq) =>
        ruleApplies(parseRule(text), seq, 1, last),
      );
    expect(hits('drop seq=2,5-7')).toEqual([2, 5, 6, 7]);
    expect(hits('drop seq=last', 9)).toEqual([9]);
    expect(hits('drop seq=8-last', 9)).toEqual([8, 9]);
    expect(hits('drop seq=last')).toEqual([]);
    expect(hits('drop every=3')).toEqual([2, 5, 8]);
    expect(hits('drop every=3 seq=4-9')).toEqual([5, 8]);
    expect(hits('drop')).toHaveLength(10);
  });

  test('duplicates, delays, damages and cuts', () => {
    expect(plan('duplicate seq=1').fateOf(1, 1)).toEqual([...PASSES, ...PASSES]);
    expect(plan('delay by=50').fateOf(3, 1)).toEqual([{ delay: 50 }]);
    expect(plan('corrupt at=4').fateOf(3, 1)).toEqual([{ delay: 0, corruptAt: { byte: 4 } }]);
    expect(plan('truncate to=3').fateOf(3, 1)).toEqual([{ delay: 0, cutAt: { byte: 3 } }]);
  });

  test('that drops comes before one that does something else', () => {
    expect(plan('duplicate seq=1', 'drop seq=1').fateOf(1, 1)).toEqual([]);
  });

  test.each([
    ['', "'' is no such thing"],
    ['lose seq=1', "'lose' is no such thing"],
    ['drop seq=x', "'x' is no part"],
    ['drop seq=9-3', "'9-3' is no range"],
    ['drop seq=1-2-3', 'no range'],
    ['drop times=0', 'times is a number from 1 on'],
    ['drop times=-1', 'times is a number'],
    ['drop seq', "'seq' is not understood"],
    ['drop seq=1 seq=2', "'seq=2' is not understood"],
    ['drop by=5', "'by' does not go with drop"],
    ['delay', 'by how many milliseconds'],
    ['corrupt at=x', 'at is a number'],
  ])('%j is refused in words', (text, words) => {
    expect(() => parseRule(text)).toThrow(words);
  });
});

describe('what a copy does to a datagram', () => {
  const datagram = Buffer.from('0123456789');

  test('flips one byte, and leaves the original alone', () => {
    const copy = damaged(datagram, { delay: millis(0), corruptAt: { byte: 4 } });
    expect([...copy]).toEqual([...datagram].map((byte, at) => (at === 4 ? byte ^ 0xff : byte)));
    expect(datagram.toString()).toBe('0123456789');
  });

  test('cuts it, by bytes or by share, and damages what is left', () => {
    const cut = (copy: object) =>
      damaged(datagram, { delay: millis(0), ...copy }).toString('latin1');
    expect(cut({ cutAt: { byte: 3 } })).toBe('012');
    expect(cut({ cutAt: { share: 0.5 } })).toBe('01234');
    expect(cut({ cutAt: { byte: 99 } })).toBe('0123456789');
    expect(cut({ cutAt: { byte: 0 }, corruptAt: { share: 0.9 } })).toBe('');
    expect(cut({ cutAt: { byte: 2 }, corruptAt: { share: 0.9 } })).toBe('0\u00ce');
  });

  test('is told in words', () => {
    expect(explainFate([], 10)).toBe('dropped');
    expect(explainFate([{ delay: millis(0) }], 10)).toBeUndefined();
    const late = { delay: millis(12.34), cutAt: { byte: 5 }, corruptAt: { share: 0.5 } };
    expect(explainFate([late, late], 10)).toBe(
      'duplicated, delayed 12.3 ms, cut after 5 bytes, byte 2 flipped',
    );
  });
});

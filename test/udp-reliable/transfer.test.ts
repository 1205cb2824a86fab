import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
import type { Faults } from '../../lib/lab/faults.ts';
import { firstHalfOf, SEGMENT_PAYLOAD, segment } from '../../lib/udp-reliable/segment.ts';
import {
  simulateTransfer,
  type TransferOptions,
  type TransferResult,
} from '../support/simulated-transfer.ts';

const PATHS: Readonly<Record<string, Faults>> = {
  clean: {},
  'light loss': { loss: 0.01, delay: millis(10) },
  'heavy loss': { loss: 0.4, delay: millis(10) },
  bursts: { burst: { enter: 0.03, leave: 0.2, loss: 0.9 }, delay: millis(20) },
  reorder: { reorder: 0.3, reorderBy: millis(8), jitter: millis(2), delay: millis(5) },
  duplicates: { duplicate: 0.5, jitter: millis(3) },
  damage: { corrupt: 0.1, delay: millis(1) },
  'long way': { delay: millis(400), jitter: millis(50), loss: 0.05 },
  everything: {
    loss: 0.1,
    burst: { enter: 0.01, leave: 0.3, loss: 0.8 },
    duplicate: 0.1,
    corrupt: 0.05,
    reorder: 0.2,
    reorderBy: millis(30),
    delay: millis(30),
    jitter: millis(20),
  },
};

function expectWhole(result: TransferResult): void {
  expect(result.ended).toBe('complete');
  expect(result.received.equals(result.sent)).toBe(true);
  expect(result.quiet).toBe(true);
  expect(result.shown.at(-1)).toBe(
    `User alice downloaded 100% out of file. Last byte is: ${result.sent.at(-1) ?? 'none'}`,
  );
}

function expectRules(result: TransferResult): void {
  const half = firstHalfOf(segment(result.sent.length).count);
  // Nothing is asked for that had come.
  expect(result.reRequests.flatMap(({ had }) => had)).toEqual([]);
  expect(result.reRequests.every(({ seqs }) => seqs.length <= 1000)).toBe(true);
  // The pause is kept.
  expect(result.sentBeforeProceed.every((seq) => seq < half)).toBe(true);
  // What is sent twice was asked for.
  const asked = new Set(result.reRequests.flatMap(({ seqs }) => seqs));
  const before = new Set<number>();
  const unasked = result.sendings.filter((seq) => {
    const again = before.has(seq);
    before.add(seq);
    return again && !asked.has(seq);
  });
  expect(unasked).toEqual([]);
}

describe('a download in virtual time', () => {
  for (const [name, faults] of Object.entries(PATHS)) {
    test(`arrives whole over a path with ${name}, with 250 seeds`, () => {
      for (let seed = 1; seed <= 250; seed += 1) {
        const size = (seed * 7919) % (120 * SEGMENT_PAYLOAD);
        const result = simulateTransfer({ seed, size, faults });
        expectWhole(result);
        expectRules(result);
      }
    });
  }

  test('arrives whole, whatever the seed, the size and the path', () => {
    const share = fc.double({ min: 0, max: 0.3, noNaN: true });
    const late = fc.double({ min: 0, max: 200, noNaN: true }).map(millis);
    const options = fc.record({
      seed: fc.nat(),
      size: fc.oneof(
        fc.constantFrom(0, 1, SEGMENT_PAYLOAD - 1, SEGMENT_PAYLOAD, SEGMENT_PAYLOAD + 1),
        fc.nat({ max: 60 * SEGMENT_PAYLOAD }),
      ),
      messageDelay: late,
      thinking: fc.nat({ max: 100_000 }).map(millis),
      faults: fc.record({
        loss: share,
        duplicate: share,
        corrupt: share,
        reorder: share,
        delay: late,
        jitter: late,
      }),
    });
    fc.assert(
      fc.property(options, (given: TransferOptions) => {
        const result = simulateTransfer(given);
        expectWhole(result);
        expectRules(result);
      }),
      { numRuns: 500 },
    );
  });

  test('is repeated exactly by its seed', () => {
    const given = { seed: 42, size: 100_000, faults: PATHS.everything ?? {} };
    expect(simulateTransfer(given).sendings).toEqual(simulateTransfer(given).sendings);
  });

  test('asks for nothing over a clean path', () => {
    const result = simulateTransfer({ seed: 1, size: 1_000_000, faults: { delay: millis(20) } });
    expect(result.reRequests).toEqual([]);
    expect(result.sendings).toHaveLength(segment(1_000_000).count);
  });

  test('splits a long re-request into messages of at most 1,000 numbers', () => {
    const size = 1300 * 2 * SEGMENT_PAYLOAD;
    const result = simulateTransfer({ seed: 3, size, faults: { loss: 0.8 } });
    expectWhole(result);
    expect(result.reRequests.some(({ seqs }) => seqs.length === 1000)).toBe(true);
  });

  test('lets the user think for an hour without a timer running', () => {
    const result = simulateTransfer({
      seed: 5,
      size: 50_000,
      faults: {},
      thinking: millis(3_500_000),
    });
    expectWhole(result);
    expect(result.reRequests).toEqual([]);
  });

  test.each(['no', 'stop', '7', 'get_users', ''])(
    'stops at 50 %% when the answer is "%s"',
    (answer) => {
      const result = simulateTransfer({ seed: 6, size: 50_000, faults: {}, answer });
      expect(result.ended).toBe('stopped');
      expect(result.shown.at(-1)).toBe('download stopped');
      expect(result.quiet).toBe(true);
    },
  );

  test('is given up after 30 s when nothing arrives any more', () => {
    const result = simulateTransfer({ seed: 7, size: 50_000, faults: { loss: 1 } });
    expect(result.ended).toBe('failed');
    expect(result.took).toBeGreaterThanOrEqual(30_000);
    expect(result.took).toBeLessThan(70_000);
    expect(result.quiet).toBe(true);
  });

  test('waits 100 ms longer each time nothing new has come', () => {
    const { reRequests } = simulateTransfer({ seed: 8, size: 50_000, faults: { loss: 1 } });
    const gaps = reRequests.slice(1).map(({ at }, index) => at - (reRequests[index]?.at ?? 0));
    expect(gaps.slice(0, 5).map(Math.round)).toEqual([200, 300, 400, 500, 600]);
  });

  test('keeps to the rate that was set', () => {
    const result = simulateTransfer({ seed: 9, size: 2_000_000, faults: {}, rate: 500_000 });
    expectWhole(result);
    expect(result.took).toBeGreaterThan(3_500);
  });
});

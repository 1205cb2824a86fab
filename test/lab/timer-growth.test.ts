import { describe, expect, test } from 'vitest';
import { isGrowing } from '../../lib/lab/grader/client/timer-growth.ts';

/** Rounds of a client that was never kept from work. */
function rounds(times: readonly number[], fairTimes = times) {
  return times.map((after, at) => ({ after, fairAfter: fairTimes[at] ?? 0 }));
}

/** The times of a client that looks whether its timer is over every `period` milliseconds. */
function looking(period: number, phase: number): number[] {
  const times: number[] = [];
  for (let wait = 100; wait <= 500; wait += 100) {
    const due = (times.at(-1) ?? 0) + wait;
    times.push(phase + Math.ceil((due - phase) / period) * period);
  }
  return times;
}

describe('a timer', () => {
  test.each([
    ['by 100 ms each time', [100, 300, 600, 1000, 1500], true],
    ['not at all', [100, 200, 300, 400, 500], false],
    ['not at all, longer from the beginning', [300, 600, 900, 1200, 1500], false],
    ['once, to 300 ms', [100, 400, 700, 1000, 1300], false],
    ['once, to 400 ms', [100, 500, 900, 1300, 1700], false],
    ['once, and is late in the end', [100, 400, 700, 1000, 1500], false],
    ['not at all, and is late in between', [300, 600, 900, 1500, 1800], false],
    ['by 100 ms each time, and is late in the beginning', [400, 900, 1200, 1600, 2100], true],
  ])('that grows %s', (_, times, grows) => {
    expect(isGrowing(rounds(times))).toBe(grows);
  });

  test('grows that is looked at now and then only', () => {
    for (let period = 5; period <= 290; period += 5) {
      for (let phase = 0; phase < period; phase += 5) {
        const times = looking(period, phase);
        // Later than that, it is too late anyway.
        if ((times.at(-1) ?? 0) > 2400) continue;
        expect(isGrowing(rounds(times)), `every ${period}, from ${phase}`).toBe(true);
      }
    }
  });

  test('grows where something else of the client waits for a processor', () => {
    expect(isGrowing(rounds([104, 304, 605, 1006, 1507], [90, 250, 430, 610, 800]))).toBe(true);
  });

  test('grows where the client has waited for a processor in the beginning', () => {
    expect(isGrowing(rounds([500, 900, 1200, 1600, 2100], [100, 300, 600, 1000, 1500]))).toBe(true);
  });
});

import { expect, test } from 'vitest';
import { Waiting } from '../../lib/app/waiting.ts';

/** What is known after spans of 100 ms, of a machine with two processors. */
function after(spans: readonly (readonly [worked: number, waited: number])[]): number {
  const waiting = new Waiting(2, 1000);
  let [time, worked, waited, known] = [1000, 0, 0, 0];
  for (const [work, wait] of spans) {
    time += 100;
    worked += work;
    waited += wait;
    // In between, too.
    known = waiting.at(time - 50, worked - work / 2, waited - wait / 2);
    expect(waiting.at(time, worked, waited)).toBeGreaterThanOrEqual(known);
    known = waiting.at(time, worked, waited);
  }
  return known;
}

test.each([
  [
    'of others',
    [
      [50, 80],
      [20, 90],
    ],
    170,
  ],
  [
    'of its own',
    [
      [190, 300],
      [200, 400],
    ],
    0,
  ],
  [
    'of both, one after the other',
    [
      [190, 300],
      [50, 80],
    ],
    80,
  ],
  [
    'of nobody',
    [
      [20, 0],
      [100, 0],
    ],
    0,
  ],
] as const)('a program has waited for the sake %s', (_, spans, milliseconds) => {
  expect(after(spans)).toBe(milliseconds);
});

import { expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
import { RateLimit } from '../../lib/core/rate-limit.ts';

test('a burst goes through, then so many a second; it is told once', () => {
  const limit = new RateLimit(3, 2);
  const admit = (at: number): string => limit.admit('a', millis(at));
  expect([0, 0, 0, 0, 0].map(admit)).toEqual([
    ...['admitted', 'admitted', 'admitted'],
    ...['first-over', 'over'],
  ]);
  expect(admit(499)).toBe('over');
  expect(admit(500)).toBe('admitted');
  expect(admit(501)).toBe('over');
  expect(limit.admit('b', millis(501))).toBe('admitted');
  // After a rest all is as it was, and too much is told again.
  expect([9000, 9000, 9000, 9000].map(admit)).toEqual([
    ...['admitted', 'admitted', 'admitted'],
    'first-over',
  ]);
});

test('the oldest are forgotten, so that any number of addresses takes no more room', () => {
  const limit = new RateLimit(1, 0);
  expect(limit.admit('a', millis(0))).toBe('admitted');
  expect(limit.admit('a', millis(0))).toBe('first-over');
  for (let at = 0; at < 10_000; at += 1) limit.admit(`b${at}`, millis(0));
  expect(limit.admit('a', millis(0))).toBe('admitted');
});

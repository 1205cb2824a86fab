import { expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
import { seededRandom } from '../../lib/core/random.ts';
import { Reports } from '../../lib/lanshare/reports.ts';

test('between one and five reports a second, however the bytes and the alarms come', () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const random = seededRandom(seed);
    const reports = new Reports(1000, millis(0));
    const told: number[] = [];
    let current = 1000;
    let now = 0;
    while (now < 20_000) {
      // Bytes come at any time, and the alarm may be late.
      now += Math.floor(random() * 60);
      current += Math.floor(random() * 100_000) + 1;
      reports.moved(current);
      if (now < reports.nextTimeout()) continue;
      if (reports.onTimeout(millis(now)) !== undefined) told.push(now);
    }
    for (let at = 0; at + 1000 <= 20_000; at += 50) {
      const within = told.filter((time) => time >= at && time < at + 1000).length;
      expect(within).toBeGreaterThanOrEqual(1);
      expect(within).toBeLessThanOrEqual(5);
    }
  }
});

test('nothing is told while nothing moves', () => {
  const reports = new Reports(0, millis(0));
  expect(reports.onTimeout(millis(250))).toBeUndefined();
  reports.moved(500_000);
  expect(reports.onTimeout(millis(499))).toBeUndefined();
  expect(reports.onTimeout(millis(500))).toEqual({ current: 500_000, speed: 1000 });
  expect(reports.onTimeout(millis(750))).toBeUndefined();
  reports.moved(500_001);
  expect(reports.last).toMatchObject({ current: 500_001 });
});

test('the speed is that of the last second', () => {
  const reports = new Reports(0, millis(0));
  let current = 0;
  let speed = 0;
  for (let now = 250; now <= 10_000; now += 250) {
    current += now <= 5000 ? 250_000 : 25_000;
    reports.moved(current);
    speed = reports.onTimeout(millis(now))?.speed ?? -1;
    if (now === 5000) expect(speed).toBe(1000);
  }
  expect(speed).toBe(100);
});

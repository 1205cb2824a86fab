import { describe, expect, test } from 'vitest';
import { FairClock } from '../../lib/net/fair-clock.ts';

/** A clock of a program that has waited for this share of the time since the test began. */
function clockOf(share: number): FairClock {
  const begin = performance.now();
  return new FairClock(() => share * (performance.now() - begin));
}

/** How long it took, in milliseconds. */
async function timeOf(work: () => Promise<void>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

describe('the clock of a program under test', () => {
  test('waits as long as it is told to while the program can work', async () => {
    const clock = clockOf(0);
    const begin = clock.now();
    expect(await timeOf(() => clock.wait(120))).toBeGreaterThan(118);
    expect(clock.now() - begin).toBeGreaterThan(118);
  });

  test('waits longer by what the program has waited for a processor', async () => {
    const clock = clockOf(0.5);
    const begin = clock.now();
    expect(await timeOf(() => clock.wait(120))).toBeGreaterThan(238);
    expect(clock.now() - begin).toBeGreaterThan(118);
  });

  test('goes on, however long many threads have waited', async () => {
    const clock = clockOf(20);
    const [begin, began] = [performance.now(), clock.now()];
    await clock.wait(60);
    const [elapsed, passed] = [performance.now() - begin, clock.now() - began];
    expect(elapsed).toBeGreaterThan(298);
    expect(passed).toBeGreaterThan(0.19 * elapsed);
  });

  test('ends at once when it is told to', async () => {
    const clock = clockOf(0);
    const stop = new AbortController();
    const waiting = clock.wait(3_600_000, stop.signal);
    stop.abort();
    await waiting;
    await clock.wait(3_600_000, stop.signal);
    await clock.wait(-1);
  });

  test('lets be read what has come by then', async () => {
    const clock = clockOf(0);
    const said: string[] = [];
    const waiting = clock.wait(1).then(() => said.push('over'));
    const end = performance.now() + 20;
    while (performance.now() < end);
    setImmediate(() => said.push('read'));
    await waiting;
    expect(said).toEqual(['read', 'over']);
  });
});

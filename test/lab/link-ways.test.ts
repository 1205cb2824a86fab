import { describe, expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
import { linkWays } from '../../lib/lab/link-ways.ts';
import { RateQueue } from '../../lib/lab/rate-queue.ts';
import { readScenario } from '../../lib/lab/scenario.ts';
import { SendingCounts } from '../../lib/lab/sending-counts.ts';

describe('the ways of a scenario', () => {
  const seqs = Array.from({ length: 200 }, (_, seq) => seq);

  test('have the faults of each direction, and chance of their own', () => {
    const half = { loss: '50%' };
    const ways = linkWays(readScenario({ 'to-client': half, 'to-server': half }), 7);
    const lost = (way: 'client' | 'server'): number[] =>
      seqs.filter((seq) => ways[way].fateOf?.(seq, 1).length === 0);
    expect(lost('client').length).toBeGreaterThan(60);
    expect(lost('server').length).toBeGreaterThan(60);
    expect(lost('client')).not.toEqual(lost('server'));
    const again = linkWays(readScenario({ 'to-client': half }), 7);
    expect(seqs.filter((seq) => again.client.fateOf?.(seq, 1).length === 0)).toEqual(
      lost('client'),
    );
    expect(seqs.filter((seq) => again.server.fateOf?.(seq, 1).length === 0)).toEqual([]);
  });

  test('have a queue where there is a rate', () => {
    const ways = linkWays(readScenario({ 'to-client': { rate: 1000 } }), 1);
    expect(ways.client.queue?.admit(500, millis(0))).toBe(500);
    expect(ways.server.queue).toBeUndefined();
  });
});

describe('the queue in front of a rate', () => {
  test('sends one packet after the other, and has no place for more than it holds', () => {
    const queue = new RateQueue({ rate: 1000, queue: 250 });
    expect([1, 2, 3].map(() => queue.admit(100, millis(0)))).toEqual([100, 200, undefined]);
    expect(queue.waitingAt(millis(50))).toBe(150);
    expect(queue.admit(100, millis(50))).toBe(300);
    expect(queue.admit(100, millis(1000))).toBe(1100);
  });
});

test('sendings are counted for each part, whatever its number', () => {
  const counts = new SendingCounts();
  expect([0, 5, 5, 4096, 5, 2 ** 32 - 1, 2 ** 32 - 1, 0].map((seq) => counts.next(seq))).toEqual([
    ...[1, 1, 2, 1, 3, 1, 2, 2],
  ]);
});

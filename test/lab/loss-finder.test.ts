import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { millis, type Port } from '../../lib/core/brands.ts';
import type { Download } from '../../lib/lab/classroom-reader.ts';
import { FaultPlan, type Faults } from '../../lib/lab/faults.ts';
import { LossFinder, type TransferEvent } from '../../lib/lab/loss-finder.ts';
import { simulateTransfer } from '../support/simulated-transfer.ts';

const PART = 2043;

function downloadOf(segmentCount: number): Download {
  const stream = { number: 0, client: 'a:1', server: 'b:55000', serverPort: 55_000 };
  return {
    ...{
      number: 1,
      client: 'ann',
      file: 'f',
      segmentCount,
      payload: PART,
      fast: undefined,
      stream,
    },
  };
}

/** What is found beside each side of a simulated download, and what its path has decided. */
function simulate(seed: number, parts: number, faults: Faults) {
  const seen = { client: [] as TransferEvent[], server: [] as TransferEvent[] };
  const plan = new FaultPlan(faults, seed);
  const sendings = new Map<number, number>();
  const arrived = new Set<number>();
  const dropped: string[] = [];
  const needless: number[] = [];
  let frame = 0;
  simulateTransfer({
    ...{ seed, size: PART * parts, faults, messageDelay: millis(2) },
    watch: (side, event) => {
      frame += 1;
      const time = event.at * 1e6;
      if (event.type === 'asked') seen[side].push({ type: 'asked', time, frame, seqs: event.seqs });
      else {
        const { seq } = event;
        const direction = side === 'client' ? 'in' : 'out';
        seen[side].push({ type: 'part', time, frame, seq, bytes: PART, direction });
        if (side === 'client') {
          if (arrived.has(seq)) needless.push(seq);
          arrived.add(seq);
          return;
        }
        const nth = (sendings.get(seq) ?? 0) + 1;
        sendings.set(seq, nth);
        if (plan.fateOf(seq, nth).length === 0 && !arrived.has(seq)) dropped.push(`${seq}.${nth}`);
      }
    },
  });
  const find = (events: readonly TransferEvent[]): LossFinder =>
    new LossFinder(downloadOf(parts), events);
  return { client: find(seen.client), server: find(seen.server), dropped, needless };
}

function lostOf({ sendings }: LossFinder): string[] {
  return sendings.filter(({ lost }) => lost).map(({ seq, nth }) => `${seq}.${nth}`);
}

describe('what the path has decided is found', () => {
  const seeds = fc.nat(1e6);
  const sizes = fc.integer({ min: 40, max: 300 });
  const losses = fc.double({ min: 0, max: 0.3, noNaN: true });

  test('beside the server and beside the client, every loss, and every part that came for nothing', () => {
    const property = fc.property(seeds, sizes, losses, (seed, parts, loss) => {
      const faults = { loss, duplicate: 0.05, delay: millis(3) };
      const { client, server, dropped, needless } = simulate(seed, parts, faults);
      expect(lostOf(server).sort()).toEqual([...dropped].sort());
      expect(lostOf(client).sort()).toEqual([...dropped].sort());
      const unneeded = client.sendings.filter(({ why }) => why === 'needless');
      expect(unneeded.map(({ seq }) => seq)).toEqual(needless);
    });
    fc.assert(property, { numRuns: 60 });
  });

  test('in an order that others have overtaken, too', () => {
    const property = fc.property(seeds, sizes, (seed, parts) => {
      const faults = { loss: 0.1, reorder: 0.2, reorderBy: millis(20), jitter: millis(3) };
      const { client, server, dropped } = simulate(seed, parts, faults);
      expect(lostOf(server).sort()).toEqual([...dropped].sort());
      expect(lostOf(client).sort()).toEqual([...dropped].sort());
    });
    fc.assert(property, { numRuns: 40 });
  });
});

/** Events in the order in which they stand, a millisecond apart unless they say otherwise. */
function found(
  parts: number,
  events: readonly (
    | { readonly part: number; readonly isDropped?: true }
    | { readonly asked: readonly number[] }
    | { readonly told: number; readonly bits?: readonly number[] }
    | { readonly wait: number }
  )[],
  {
    way = 'in',
    fast = false,
    areTold = false,
  }: { way?: 'in' | 'out'; fast?: boolean; areTold?: boolean } = {},
): LossFinder {
  let time = 0;
  const list: TransferEvent[] = [];
  for (const [frame, event] of events.entries()) {
    time += 'wait' in event ? event.wait * 1e6 : 1e6;
    if ('part' in event) {
      const { part: seq, isDropped = false } = event;
      list.push({ type: 'part', time, frame, seq, bytes: PART, direction: way, isDropped });
    } else if ('asked' in event) list.push({ type: 'asked', time, frame, seqs: event.asked });
    else if ('told' in event) {
      const bitmap = Uint8Array.from(event.bits ?? []);
      list.push({ type: 'told', time, base: event.told, bitmap });
    }
  }
  const fastOffer = { part: PART, size: PART * parts, id: 'x', port: 45_000 as Port, key: 1 };
  return new LossFinder(
    { ...downloadOf(parts), fast: fast ? fastOffer : undefined },
    list,
    areTold,
  );
}

function whyOf({ sendings }: LossFinder): string[] {
  return sendings.map(({ seq, nth, why, lost }) => `${seq}.${nth} ${why}${lost ? ' lost' : ''}`);
}

describe('what a capture tells', () => {
  const range = (from: number, to: number): number[] =>
    Array.from({ length: to - from }, (_, index) => from + index);

  test.each(['in', 'out'] as const)(
    'is all that was lost, where it says so (%s): what was asked for and not sent was not lost',
    (way) => {
      const sent = [{ part: 0 }, { part: 1, isDropped: true }, { part: 3 }] as const;
      const again = [{ asked: [1, 2, 3] }, { part: 1 }, { part: 3 }];
      const finder = found(4, [...sent, ...again], { way, areTold: true });
      expect(whyOf(finder)).toEqual([
        ...['0.1 first', '1.1 first lost', '3.1 first', '1.2 again', '3.2 needless'],
      ]);
      expect(finder.reRequests).toHaveLength(1);
    },
  );

  test('beside the client: what it asks for though it has it was not lost', () => {
    const finder = found(20, [{ part: 0 }, { part: 1 }, { asked: [0] }, { part: 0 }]);
    expect(whyOf(finder)).toEqual(['0.1 first', '1.1 first', '0.2 needless']);
  });

  test('beside the server: what was asked for before it was sent was not lost', () => {
    const finder = found(20, [{ part: 0 }, { asked: [1, 2] }, { part: 1 }, { part: 2 }], {
      way: 'out',
    });
    expect(whyOf(finder)).toEqual(['0.1 first', '1.1 first', '2.1 first']);
  });

  test('a list in several messages is one: all of it counts, and what comes later does not', () => {
    const first = range(0, 30).map((part) => ({ part }));
    const [one, two] = [range(30, 50), range(50, 70)];
    // 40 parts are more than the 30 that have come: they were not sent yet.
    const together = found(100, [...first, { wait: 100 }, { asked: one }, { asked: two }]);
    expect(lostOf(together)).toEqual([]);
    // 20 of them may be lost, and then 20 others.
    const apart = found(100, [
      ...first,
      { wait: 100 },
      { asked: one },
      { wait: 100 },
      { asked: two },
    ]);
    expect(lostOf(apart)).toHaveLength(40);
  });

  test('a list in several messages is one, though answers come in between', () => {
    const first = range(0, 30).map((part) => ({ part }));
    const events = [...first, { wait: 100 }, { asked: range(30, 65) }, { part: 30 }];
    expect(lostOf(found(100, [...events, { asked: range(65, 70) }]))).toEqual([]);
  });

  test('the fast profile: beside the server, what goes twice before anybody could say so was not lost', () => {
    const events = [{ part: 0 }, { part: 1 }, { told: 1 }, { part: 1 }, { part: 1 }, { told: 2 }];
    const finder = found(2, [...events, { part: 1 }], { way: 'out', fast: true });
    expect(whyOf(finder)).toEqual([
      ...['0.1 first', '1.1 first lost', '1.2 again', '1.3 needless', '1.4 needless'],
    ]);
  });

  test('the fast profile: what an earlier attempt has left need not be sent', () => {
    const finder = found(4, [{ told: 1, bits: [2] }, { part: 0 }, { part: 2 }, { part: 1 }], {
      fast: true,
    });
    expect(whyOf(finder)).toEqual(['0.1 needless', '2.1 needless', '1.1 first']);
  });
});

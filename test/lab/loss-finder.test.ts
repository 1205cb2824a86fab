import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
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

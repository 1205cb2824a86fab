import { expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
import { randomFrom } from '../../lib/core/random.ts';
import { SEGMENT_PAYLOAD } from '../../lib/udp-reliable/segment.ts';
import { simulateTransfer } from '../support/simulated-transfer.ts';

test('20,000 downloads over paths with all faults arrive whole', () => {
  for (let seed = 1; seed <= 20_000; seed += 1) {
    const share = (draw: number, most: number): number => randomFrom(seed, draw) * most;
    const result = simulateTransfer({
      seed,
      size: Math.floor(share(1, 200 * SEGMENT_PAYLOAD)),
      messageDelay: millis(share(2, 300)),
      thinking: millis(share(3, 60_000)),
      faults: {
        loss: share(4, 0.25),
        burst: { enter: share(5, 0.05), leave: 0.3 + share(6, 0.7), loss: share(7, 1) },
        duplicate: share(8, 0.5),
        corrupt: share(9, 0.1),
        reorder: share(10, 0.5),
        reorderBy: millis(share(11, 100)),
        delay: millis(share(12, 300)),
        jitter: millis(share(13, 100)),
      },
    });
    expect({ seed, ended: result.ended, quiet: result.quiet }).toEqual({
      seed,
      ended: 'complete',
      quiet: true,
    });
    if (!result.received.equals(result.sent)) throw new Error(`seed ${seed}: other bytes`);
  }
});

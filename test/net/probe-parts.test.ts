import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
import { FairClock } from '../../lib/net/fair-clock.ts';
import { ProbeParts } from '../../lib/net/probe-parts.ts';
import { SEGMENT_PAYLOAD } from '../../lib/udp-reliable/segment.ts';
import { until } from './waiting.ts';

const COUNT = 8;
const LOST = 2;
const SLOW = 4;

test('what was lost is told from what may be on its way, also when this program was not let to work', async () => {
  const client = createSocket('udp4');
  const heard: number[] = [];
  client.on('message', (datagram) => heard.push(datagram.readUInt32BE()));
  client.bind(0, '127.0.0.1');
  await once(client, 'listening');
  const parts = new ProbeParts({
    bytes: Buffer.alloc(COUNT * SEGMENT_PAYLOAD, 'x'),
    numbering: 'big-endian',
    plan: {
      fateOf: (seq, nth) => {
        const begin = performance.now();
        while (seq === SLOW && performance.now() - begin < 80) {
          // What a busy machine does to a program.
        }
        return seq === LOST && nth === 1 ? [] : [{ delay: millis(0) }];
      },
    },
    ...{ clock: new FairClock(() => 0), source: 'seed 1' },
    onStep: () => undefined,
    onDatagram: () => undefined,
  });
  try {
    await parts.open('127.0.0.1');
    parts.aimAt('127.0.0.1', client.address().port);
    const asides: { lost: number[]; missing: number[] }[] = [];
    await parts.send(0, COUNT, async () => {
      asides.push({ lost: parts.lost, missing: parts.missing });
      parts.resend([LOST, COUNT - 1]);
    });
    const first = asides.find(({ lost }) => lost.length > 0);
    // What is not sent yet was not lost, and whoever asks for it by now is not to blame.
    expect(first?.lost).toEqual([LOST]);
    expect(first?.missing).toEqual(expect.arrayContaining([LOST, SLOW + 1, SLOW + 2, SLOW + 3]));
    expect(parts.lost).toEqual([]);
    expect(parts.has(COUNT)).toBe(true);
    await until('all of them', () => new Set(heard).size === COUNT);
    // The last one was sent once, in its turn.
    expect(heard.filter((seq) => seq === COUNT - 1)).toHaveLength(1);
    await until('time for them to be read', () => parts.missing.length === 0);
  } finally {
    parts.close();
    client.close();
  }
});

import { describe, expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
import type { BottleneckOptions } from '../../lib/lab/bottleneck.ts';
import { DATAGRAM_BYTES, segment } from '../../lib/udp-reliable/segment.ts';
import { Sender } from '../../lib/udp-reliable/sender.ts';
import { simulateTransfer, type TransferResult } from '../support/simulated-transfer.ts';

const MIB = 2 ** 20;

/** A path of `mbit`, `delay` milliseconds each way, with a queue of one bandwidth-delay product. */
function link(mbit: number, delay: number, loss = 0): BottleneckOptions {
  const rate = (mbit * 1e6) / 8;
  return { rate, delay: millis(delay), queue: (rate * 2 * delay) / 1000, loss, seed: 1 };
}

/** A client on the same machine that reads `rate` bytes a second; its buffer holds 50 datagrams. */
function reader(rate: number): BottleneckOptions {
  const delay = millis(0.05);
  return { rate, delay, queue: 50 * DATAGRAM_BYTES, loss: 0, seed: 1 };
}

function download(size: number, bottleneck: BottleneckOptions): TransferResult {
  const messageDelay = millis(bottleneck.delay + 1);
  const result = simulateTransfer({ seed: 1, size, faults: {}, messageDelay, bottleneck });
  expect(result.received.equals(result.sent)).toBe(true);
  return result;
}

/** The share of the parts that went more than once. */
function sentAgain(size: number, { sendings }: TransferResult): number {
  return sendings.length / segment(size).count - 1;
}

describe('a large download under the rules of the document', () => {
  test.each([
    ['over 100 Mbit/s, 20 ms', link(100, 20)],
    ['over 100 Mbit/s, 5 ms', link(100, 5)],
    ['over 20 Mbit/s, 20 ms', link(20, 20)],
    ['to a slow reader', reader(8e6)],
    ['to a reader of the usual rate', reader(20e6)],
    ['to a fast reader', reader(40e6)],
  ])('finds the rate by itself %s', (_name, path) => {
    const size = 40 * MIB;
    const result = download(size, path);
    expect(sentAgain(size, result)).toBeLessThan(0.02);
    expect(result.took).toBeLessThan((1.5 * size * 1000) / path.rate);
  });

  test('is not slower and slower where the path loses by itself', () => {
    const size = 20 * MIB;
    const path = link(100, 20, 0.05);
    const result = download(size, path);
    expect(sentAgain(size, result)).toBeLessThan(0.08);
    expect(result.took).toBeLessThan((2 * size * 1000) / path.rate);
  });

  test('does not send what was asked for before it could come', () => {
    const size = 20 * MIB;
    expect(sentAgain(size, download(size, link(100, 120)))).toBeLessThan(0.02);
  });

  test('a small one is sent without a silence', () => {
    const result = download(4 * MIB, reader(40e6));
    expect(result.reRequests).toEqual([]);
  });
});

test.each([
  ['is timed by a silence, where line ends tell its answers apart', undefined, [4, 4]],
  ['is not asked for that, where its answers take long and their time is known', 60, [5, 520]],
] as const)('a client %s', (_what, response, [least, most]) => {
  const bareResponse = response && millis(response);
  const sender = new Sender({ segmentCount: 100_000, bareResponse, shares: [] });
  const out = new Uint32Array(64);
  let sent = 0;
  for (let now = 0; now < 90; now += 1) sent += sender.take(millis(now), out);
  expect(sent).toBeGreaterThanOrEqual(least);
  expect(sent).toBeLessThanOrEqual(most);
});

import { describe, expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
import { isLong } from '../support/long.ts';
import { SimulatedDownload, SimulatedPath, until } from '../support/simulated-path.ts';
import { SimulatedTcp } from '../support/simulated-tcp.ts';

const MIB = 2 ** 20;
/** More than any of these paths carries while it is looked at. */
const ENDLESS = 2000 * MIB;

interface Way {
  readonly mbit: number;
  /** Milliseconds there, and as many back. */
  readonly delay: number;
  readonly loss: number;
  /** Of the queue in front of the link, in bandwidth-delay products. */
  readonly queue?: number;
  readonly seed?: number;
}

function newPath({ mbit, delay, loss, queue = 1, seed = 1 }: Way): SimulatedPath {
  const rate = (mbit * 1e6) / 8;
  const bandwidthDelay = (rate * 2 * delay) / 1000;
  return new SimulatedPath({
    rate,
    delay: millis(delay),
    queue: bandwidthDelay * queue,
    loss,
    seed,
  });
}

/** The average queue, in bandwidth-delay products. */
function meanQueue(path: SimulatedPath, { mbit, delay }: Way): number {
  return path.forward.meanQueue / ((((mbit * 1e6) / 8) * 2 * delay) / 1000);
}

/** Runs one download to its end; its goodput as a share of what the path can give. */
function download(
  way: Way,
  size: number,
  payload: number,
): {
  share: number;
  wasted: number;
  queue: number;
} {
  const path = newPath(way);
  const one = new SimulatedDownload(path, size, payload);
  path.network.run(millis(600_000));
  const seconds = (one.finishedAt ?? Number.POSITIVE_INFINITY) / 1000;
  const limit = (((way.mbit * 1e6) / 8) * (1 - way.loss) * payload) / (payload + 33);
  expect(one.received).toBe(size);
  return {
    share: size / seconds / limit,
    wasted: one.receiver.counts.duplicates / one.cut.count,
    queue: meanQueue(path, way),
  };
}

function jain(rates: readonly number[]): number {
  const sum = rates.reduce((total, rate) => total + rate, 0);
  const squares = rates.reduce((total, rate) => total + rate * rate, 0);
  return sum ** 2 / (rates.length * squares);
}

/** Bytes that each gets from now until `at`. */
function gains(path: SimulatedPath, flows: readonly { received: number }[], at: number): number[] {
  const before = flows.map(({ received }) => received);
  until(path, at);
  return flows.map(({ received }, index) => received - (before[index] ?? 0));
}

describe('one download over a path that loses packets', () => {
  const ways = [0, 0.01, 0.05, 0.2].flatMap((loss) =>
    [1467, 2067].flatMap((payload) => [1, 2].map((seed) => ({ loss, payload, seed }))),
  );
  test.each(ways)('fills it: $loss lost, $payload bytes a part, seed $seed', (given) => {
    const { loss, payload, seed } = given;
    const way = { mbit: 100, delay: 20, loss, seed };
    const { share, wasted, queue } = download(way, 200 * MIB, payload);
    expect(share).toBeGreaterThan(0.95);
    expect(wasted).toBeLessThan(loss > 0.05 ? 0.03 : 0.01);
    expect(queue).toBeLessThan(1);
  });

  test.each([
    { mbit: 10, delay: 100, loss: 0.01, size: 40 * MIB },
    { mbit: 1000, delay: 5, loss: 0.01, size: 400 * MIB },
  ])('fills it: $mbit Mbit/s, $delay ms, $loss lost', ({ size, ...way }) => {
    const { share, wasted } = download(way, size, 1467);
    expect(share).toBeGreaterThan(0.94);
    expect(wasted).toBeLessThan(0.01);
  });

  test('does not wait long for the last parts of a file', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => {
      const path = newPath({ mbit: 100, delay: 20, loss: 0.2, seed });
      const one = new SimulatedDownload(path, 10 * MIB, 2067);
      for (let at = 100; one.received < 0.98 * 10 * MIB; at += 5) until(path, at);
      const nearEnd = path.network.now;
      path.network.run(millis(60_000));
      return (one.finishedAt ?? Number.POSITIVE_INFINITY) - nearEnd;
    });
    const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
    // What is left takes 21 ms, and a round trip 40.
    expect(mean).toBeLessThan(140);
  });

  test.each([
    [0.05, 11_300],
    [0.1, 9800],
    [0.2, 9800],
    [0.3, 9300],
  ])('does not overfill a short queue: %d', (queue, most) => {
    const path = newPath({ mbit: 100, delay: 20, loss: 0, queue });
    const one = new SimulatedDownload(path, 100 * MIB, 1467);
    path.network.run(millis(600_000));
    // 8,600 ms is the least.
    expect(one.finishedAt).toBeLessThan(most);
    expect(path.forward.dropped / one.cut.count).toBeLessThan(0.12);
  });
});

describe('several downloads over one path', () => {
  test.each(isLong ? [1, 2, 3] : [2])('share it, and let a third one in: seed %i', (seed) => {
    const way = { mbit: 100, delay: 20, loss: 0, seed };
    const path = newPath(way);
    const one = new SimulatedDownload(path, ENDLESS, 1467);
    until(path, 1000 + 123 * seed);
    const other = new SimulatedDownload(path, ENDLESS, 1467);
    until(path, 3000);
    expect(jain(gains(path, [one, other], 13_000))).toBeGreaterThan(0.95);

    const third = new SimulatedDownload(path, ENDLESS, 1467);
    until(path, 16_000);
    const shares = gains(path, [one, other, third], 17_000);
    const fair = shares.reduce((sum, share) => sum + share, 0) / 3;
    expect(shares[2]).toBeGreaterThan(0.8 * fair);
    expect(jain(shares)).toBeGreaterThan(0.95);
    expect(meanQueue(path, way)).toBeLessThan(1);
  });

  test('share it where packets are lost, too', () => {
    const path = newPath({ mbit: 100, delay: 20, loss: 0.05 });
    const one = new SimulatedDownload(path, ENDLESS, 1467);
    until(path, 1370);
    const other = new SimulatedDownload(path, ENDLESS, 1467);
    until(path, 3000);
    expect(jain(gains(path, [one, other], 13_000))).toBeGreaterThan(0.95);
  });
});

describe('a download beside TCP with CUBIC', () => {
  const some = [['second', 1.5]] as const;
  const more = [
    ['first', 1],
    ['second', 1],
    ['first', 1.5],
  ] as const;
  test.each(isLong ? [...some, ...more] : some)(
    'leaves it a quarter, and gets one: TCP is %s, the queue %d',
    (order, queue) => {
      const way = { mbit: 100, delay: 20, loss: 0, queue };
      const path = newPath(way);
      const early = order === 'first' ? new SimulatedTcp(path) : undefined;
      const before = early === undefined ? new SimulatedDownload(path, ENDLESS, 1467) : undefined;
      until(path, 3000);
      const tcp = early ?? new SimulatedTcp(path);
      const ours = before ?? new SimulatedDownload(path, ENDLESS, 1467);
      until(path, 6000);
      const [theirs = 0, own = 0] = gains(path, [tcp, ours], 46_000);
      expect(theirs / (theirs + own)).toBeGreaterThan(0.25);
      expect(own / (theirs + own)).toBeGreaterThan(0.25);
      expect(meanQueue(path, way)).toBeLessThan(queue);
    },
  );
});

describe('a download that TCP with CUBIC joins', () => {
  test.each(isLong ? [1, 2] : [1])(
    'is not squeezed for long before it finds out: seed %i',
    (seed) => {
      const path = newPath({ mbit: 100, delay: 20, loss: 0, queue: 1.5, seed });
      const ours = new SimulatedDownload(path, ENDLESS, 1467);
      until(path, 3000 + 137 * seed);
      const tcp = new SimulatedTcp(path);
      const [theirs = 0, own = 0] = gains(path, [tcp, ours], 23_000 + 137 * seed);
      expect(own / (theirs + own)).toBeGreaterThan(0.26);
    },
  );
});

describe('a receiver that cannot take more', () => {
  test('slows the sender, and nothing is lost', () => {
    const path = newPath({ mbit: 100, delay: 20, loss: 0 });
    let taken = 0;
    // Twelve datagrams fit; one leaves every two milliseconds.
    const one: SimulatedDownload = new SimulatedDownload(path, 4 * MIB, 1467, () =>
      Math.max(0, 12 - (one.receiver.counts.received - taken)),
    );
    const drain = (): void => {
      taken = Math.min(taken + 1, one.receiver.counts.received);
      if (one.finishedAt === undefined) {
        path.network.schedule(millis(path.network.now + 2), drain);
      }
    };
    drain();
    path.network.run(millis(600_000));
    expect(one.received).toBe(4 * MIB);
    expect(one.sent).toBeLessThan(1.01 * one.cut.count);
    expect(one.finishedAt).toBeGreaterThan(5000);
  });
});

test('a short file is there one round trip after the first feedback', () => {
  const path = newPath({ mbit: 100, delay: 20, loss: 0 });
  const one = new SimulatedDownload(path, 1024, 1467);
  path.network.run(millis(10_000));
  expect(one.finishedAt).toBeLessThan(25);
});

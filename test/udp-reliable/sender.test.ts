import { describe, expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
import { Pacer } from '../../lib/udp-reliable/pacer.ts';
import { RoundRate } from '../../lib/udp-reliable/round-rate.ts';
import { DATAGRAM_BYTES } from '../../lib/udp-reliable/segment.ts';
import { Sender } from '../../lib/udp-reliable/sender.ts';
import { SharedPacer } from '../../lib/udp-reliable/shared-pacer.ts';

const at = millis;

function newSender(segmentCount: number, shared = new SharedPacer(1e9, 1e9)): Sender {
  return new Sender({ segmentCount, shares: [shared.newShare(DATAGRAM_BYTES)] });
}

/** Everything that goes in the next `span` milliseconds. */
function drain(sender: Sender, from: number, span = 1000): number[] {
  const out = new Uint32Array(32);
  const sent: number[] = [];
  for (let now = from; now <= from + span; now += 1) {
    sent.push(...out.subarray(0, sender.take(at(now), out)));
  }
  return sent;
}

describe('a sender', () => {
  test('holds after the first half until it hears `proceed`', () => {
    const sender = newSender(7);
    expect(drain(sender, 0)).toEqual([0, 1, 2]);
    expect(sender.idle).toBe(true);
    expect(sender.allSent).toBe(false);
    expect(sender.nextTimeout(at(1000))).toBeUndefined();
    sender.proceed();
    expect(drain(sender, 1000)).toEqual([3, 4, 5, 6]);
    expect(sender.allSent).toBe(true);
  });

  test('does not hold when it heard `proceed` before, nor with fewer than two parts', () => {
    const sender = newSender(4);
    sender.proceed();
    expect(drain(sender, 0)).toEqual([0, 1, 2, 3]);
    expect(drain(newSender(1), 0)).toEqual([0]);
    expect(newSender(0).allSent).toBe(true);
  });

  test('sends again what is asked for, once, and in the pause only of the first half', () => {
    const sender = newSender(8);
    drain(sender, 0);
    expect(sender.requestAgain([2, 0, 2, 4, 8], at(1000))).toBe(2);
    expect(drain(sender, 1000)).toEqual([2, 0]);
  });

  test('does not send earlier what was asked for before its turn', () => {
    const sender = newSender(200);
    const out = new Uint32Array(8);
    sender.take(at(0), out);
    expect(sender.requestAgain([3, 50], at(0))).toBe(0);
    expect([...out.subarray(0, sender.take(at(0), out))].slice(0, 3)).toEqual([3, 8, 9]);
  });

  test('remembers a bounded number of re-requests', () => {
    const sender = newSender(100_000);
    sender.proceed();
    drain(sender, 0, 20_000);
    sender.requestAgain(
      Array.from({ length: 100_000 }, (_, seq) => seq),
      at(30_000),
    );
    expect(drain(sender, 30_000, 20_000)).toHaveLength(16_384);
  });

  test('shares a pacer with others, each as much as the other', () => {
    const shared = new SharedPacer(1_000 * DATAGRAM_BYTES, 20 * DATAGRAM_BYTES);
    const senders = [newSender(4000, shared), newSender(4000, shared)] as const;
    const out = new Uint32Array(32);
    const sent = [0, 0];
    for (let now = 0; now < 1000; now += 1) {
      senders.forEach((sender, index) => {
        sent[index] = (sent[index] ?? 0) + sender.take(at(now), out);
      });
    }
    const [one = 0, other = 0] = sent;
    expect(one + other).toBeGreaterThan(950);
    expect(one + other).toBeLessThanOrEqual(1020);
    expect(Math.abs(one - other)).toBeLessThan(50);
  });

  test('gets what the others leave', () => {
    const shared = new SharedPacer(1_000 * DATAGRAM_BYTES, 20 * DATAGRAM_BYTES);
    const other = newSender(4000, shared);
    const out = new Uint32Array(32);
    other.take(at(0), out.subarray(0, 1));
    // The other one has more to send, but for a reason of its own does not.
    expect(drain(newSender(4000, shared), 0).length).toBeGreaterThan(900);
  });

  test('leaves the others its share when it stops', () => {
    const shared = new SharedPacer(1_000 * DATAGRAM_BYTES, 20 * DATAGRAM_BYTES);
    const [one, other] = [newSender(4000, shared), newSender(4000, shared)];
    const out = new Uint32Array(32);
    expect(one.take(at(0), out)).toBe(20);
    other.take(at(0), out);
    one.stop();
    expect(other.take(at(20), out)).toBe(20);
  });
});

describe('a pacer', () => {
  test('gives what has gathered, up to the burst', () => {
    const pacer = new Pacer(1000, 100);
    expect(pacer.available(at(0))).toBe(100);
    pacer.spend(100);
    expect(pacer.available(at(50))).toBe(50);
    expect(pacer.readyAt(100, at(50))).toBe(100);
    expect(pacer.available(at(10_000))).toBe(100);
  });
});

describe('the rate under the rules of the document', () => {
  const round = (rate: RoundRate, sent: number, lost: number): number => {
    rate.onSent(sent);
    rate.onLost(lost);
    rate.endRound();
    return rate.bytesPerSecond;
  };

  test('falls to what has arrived', () => {
    const rate = new RoundRate();
    const before = rate.bytesPerSecond;
    expect(round(rate, 1000, 300)).toBeCloseTo(before * 0.95 * 0.7);
  });

  test('never falls by more than half at once, nor to nothing', () => {
    const rate = new RoundRate();
    const before = rate.bytesPerSecond;
    expect(round(rate, 1000, 1000)).toBeCloseTo(before / 2);
    for (let count = 0; count < 50; count += 1) round(rate, 1000, 1000);
    expect(rate.bytesPerSecond).toBeGreaterThan(100_000);
  });

  test('rises after a round without loss, but not for ever', () => {
    const rate = new RoundRate();
    const before = rate.bytesPerSecond;
    expect(round(rate, 1000, 0)).toBeGreaterThan(before);
    for (let count = 0; count < 50; count += 1) round(rate, 1000, 0);
    expect(rate.bytesPerSecond).toBeLessThan(100_000_000);
  });

  test('is not judged by a handful of parts', () => {
    const rate = new RoundRate();
    const before = rate.bytesPerSecond;
    expect(round(rate, 10, 10)).toBe(before);
  });
});

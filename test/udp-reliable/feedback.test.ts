import { describe, expect, test } from 'vitest';
import { millis, parsePort } from '../../lib/core/brands.ts';
import {
  decodeFeedback,
  encodeFeedback,
  FEEDBACK_WINDOW,
  MAX_FEEDBACK_BYTES,
} from '../../lib/udp-reliable/feedback.ts';
import { type FastReceiverOptions, Receiver } from '../../lib/udp-reliable/receiver.ts';
import { RemoteClock } from '../../lib/udp-reliable/remote-clock.ts';
import {
  HEADER_BYTES,
  payloadLength,
  segment,
  writeHeader,
} from '../../lib/udp-reliable/segment.ts';
import { Sender } from '../../lib/udp-reliable/sender.ts';
import { Transmissions } from '../../lib/udp-reliable/transmissions.ts';
import vectors from '../vectors/classroom.json' with { type: 'json' };

const at = millis;
const PAYLOAD = 100;

describe('a feedback', () => {
  test.each(vectors.feedback)('is written and read: $hex', ({ hex, message }) => {
    const { bitmap, ...rest } = message;
    const feedback = { ...rest, bitmap: Uint8Array.from(Buffer.from(bitmap, 'hex')) };
    const out = Buffer.alloc(MAX_FEEDBACK_BYTES);
    expect(out.subarray(0, encodeFeedback(feedback, out)).toString('hex')).toBe(hex);
    const read = decodeFeedback(Buffer.from(hex, 'hex'), message.key);
    expect(read && { ...read, bitmap: Uint8Array.from(read.bitmap) }).toEqual(feedback);
  });

  test.each(vectors.noFeedback)('is not what $why', ({ hex, key }) => {
    expect(decodeFeedback(Buffer.from(hex, 'hex'), key)).toBeUndefined();
  });
});

const FILE: Omit<FastReceiverOptions, 'size'> = {
  id: 'file',
  port: parsePort('50000') as NonNullable<ReturnType<typeof parsePort>>,
  key: 7,
  payload: PAYLOAD,
  have: [],
  proceed: true,
};

function newReceiver(size: number, options: Partial<FastReceiverOptions> = {}): Receiver {
  const { count } = segment(size, PAYLOAD);
  return new Receiver(count, at(0), { ...FILE, size, ...options });
}

function take(receiver: Receiver, size: number, seqs: readonly number[], now = 0): void {
  for (const seq of seqs) {
    const datagram = Buffer.alloc(HEADER_BYTES + payloadLength(segment(size, PAYLOAD), seq));
    writeHeader(datagram, HEADER_BYTES, seq, 'binary');
    if (receiver.inspect(datagram, at(now)) >= 0) receiver.accept(seq);
    receiver.feedbackDue(at(now));
  }
}

function feedbackOf(receiver: Receiver, now = 0): NonNullable<ReturnType<typeof decodeFeedback>> {
  const out = Buffer.alloc(MAX_FEEDBACK_BYTES);
  const read = decodeFeedback(out.subarray(0, receiver.writeFeedback(out, at(now))), 7);
  if (read === undefined) throw new Error('no feedback');
  return read;
}

describe('the receiver of the fast profile', () => {
  test('tells what is there, and for how long it has had the newest', () => {
    const receiver = newReceiver(2000);
    take(receiver, 2000, [0, 1, 3, 12], 10);
    receiver.credit = 55;
    expect(feedbackOf(receiver, 13)).toMatchObject({
      base: 2,
      bitmap: Buffer.from([0b10, 0b100]),
      newest: 12,
      heldFor: 3000,
      received: 4,
      credit: 55,
      proceed: true,
    });
  });

  test('says it soon after a datagram, and repeats it in silence, less and less often', () => {
    const receiver = newReceiver(2000);
    take(receiver, 2000, [0], 100);
    expect(receiver.nextTimeout()).toBe(104);
    expect(receiver.onTimeout(at(104))).toEqual([{ type: 'send-feedback' }]);
    feedbackOf(receiver, 104);
    const waits = [];
    for (let now = 104; waits.length < 18; ) {
      const next = receiver.nextTimeout() ?? Number.NaN;
      waits.push(next - now);
      now = next;
      feedbackOf(receiver, now);
    }
    expect(waits.slice(0, 12)).toEqual([...Array.from({ length: 11 }, () => 20), 30]);
    expect(waits.at(-1)).toBe(250);
  });

  test('says it at once after many datagrams', () => {
    const receiver = newReceiver(20_000);
    receiver.credit = 1000;
    const due = Array.from({ length: 64 }, () => receiver.feedbackDue(at(0)));
    expect(due.indexOf(true)).toBe(63);
  });

  test('gives up after 30 s without a datagram, though it goes on telling until then', () => {
    const receiver = newReceiver(2000);
    expect(receiver.onTimeout(at(29_999))).toEqual([{ type: 'send-feedback' }]);
    expect(receiver.onTimeout(at(30_000))).toEqual([{ type: 'give-up' }]);
  });

  test('takes only parts of the right length, the last one, too', () => {
    const receiver = newReceiver(250);
    const last = Buffer.alloc(HEADER_BYTES + 49);
    writeHeader(last, HEADER_BYTES, 2, 'binary');
    expect(receiver.inspect(last, at(0))).toBe(-1);
    take(receiver, 250, [0, 1, 2]);
    expect(receiver.phase).toBe('complete');
  });

  test('takes none that is further ahead than feedback can tell', () => {
    const receiver = newReceiver(1_000_000);
    const datagram = Buffer.alloc(HEADER_BYTES + PAYLOAD);
    writeHeader(datagram, HEADER_BYTES, FEEDBACK_WINDOW, 'binary');
    expect(receiver.inspect(datagram, at(0))).toBe(-1);
    writeHeader(datagram, HEADER_BYTES, FEEDBACK_WINDOW - 1, 'binary');
    expect(receiver.inspect(datagram, at(0))).toBe(FEEDBACK_WINDOW - 1);
  });

  test('asks in the pause, and no timer runs, unless a datagram has to be told of', () => {
    const receiver = newReceiver(400, { proceed: false });
    take(receiver, 400, [0, 1], 5);
    expect(receiver.phase).toBe('asking');
    feedbackOf(receiver, 6);
    expect(receiver.nextTimeout()).toBeUndefined();
    take(receiver, 400, [0], 50);
    expect(receiver.nextTimeout()).toBe(54);
    receiver.proceed(at(60));
    expect(feedbackOf(receiver, 60).proceed).toBe(true);
  });

  test('goes on with what is there, also with parts of another size', () => {
    const first = newReceiver(2000);
    take(first, 2000, [0, 1, 2, 5, 6, 19]);
    expect(first.ranges()).toEqual([
      [0, 300],
      [500, 700],
      [1900, 2000],
    ]);
    const same = newReceiver(2000, { have: first.ranges() });
    expect(same.counts).toMatchObject({ received: 6, kept: 6 });
    expect(same.ranges()).toEqual(first.ranges());
    // Of 70 bytes: those that lie wholly in what is there.
    const other = new Receiver(segment(2000, 70).count, at(0), {
      ...FILE,
      size: 2000,
      payload: 70,
      have: first.ranges(),
    });
    expect(other.ranges()).toEqual([
      [0, 280],
      [560, 700],
      [1960, 2000],
    ]);
  });

  test('is complete at once when all is there', () => {
    expect(newReceiver(2000, { have: [[0, 2000]] }).phase).toBe('complete');
  });
});

/** A feedback that says that the client has `seqs`, and everything below `base`. */
function has(
  base: number,
  seqs: readonly number[],
  newest = seqs.at(-1) ?? base - 1,
): ReturnType<typeof feedbackOf> {
  const bitmap = new Uint8Array(64);
  for (const seq of seqs) {
    const index = seq - base;
    bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (1 << (index & 7));
  }
  return {
    key: 7,
    proceed: true,
    credit: 1000,
    newest,
    heldFor: 0,
    clock: 0,
    received: 0,
    base,
    bitmap,
  };
}

/** Written 20 ms before it is heard. */
function hear(
  transmissions: Transmissions,
  feedback: ReturnType<typeof feedbackOf>,
  now: number,
): ReturnType<Transmissions['onFeedback']> {
  return transmissions.onFeedback({ ...feedback, clock: 1000 * (now - 20 + 1000) }, at(now));
}

describe('transmissions', () => {
  function sent(count: number, gap = 1): Transmissions {
    const transmissions = new Transmissions();
    for (let seq = 0; seq < count; seq += 1) transmissions.onSent(seq, at(seq * gap));
    return transmissions;
  }

  test('measure the round trip of what was sent once', () => {
    const transmissions = sent(3, 10);
    expect(hear(transmissions, { ...has(3, []), newest: 2, heldFor: 4000 }, 60)).toMatchObject({
      rtt: 36,
      acked: 3,
      lost: [],
    });
    expect(transmissions.inFlight).toBe(0);
  });

  test('take for lost what three later ones have overtaken by an eighth of a round trip', () => {
    const transmissions = sent(20);
    hear(transmissions, has(1, []), 40);
    expect(hear(transmissions, has(1, [2, 3]), 43).lost).toEqual([]);
    expect(hear(transmissions, has(1, [2, 3, 4, 5, 6, 7]), 47).lost).toEqual([1]);
    expect(transmissions.inFlight).toBe(12);
  });

  test('do not take for lost again what was sent again and had no time to come', () => {
    const transmissions = sent(20);
    hear(transmissions, has(1, []), 40);
    expect(hear(transmissions, has(1, [2, 3, 4, 5, 6, 7]), 47).lost).toEqual([1]);
    transmissions.onSent(1, at(48));
    const later = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19];
    expect(hear(transmissions, has(1, later), 59).lost).toEqual([]);
  });

  test('are not misled by the earlier copy of what was sent again', () => {
    const transmissions = sent(20);
    hear(transmissions, has(1, []), 40);
    expect(hear(transmissions, has(1, [2, 3, 4, 5, 6, 7]), 47).lost).toEqual([1]);
    transmissions.onSent(1, at(48));
    // It comes too soon to be the copy, so it says nothing of those that were sent before the copy.
    expect(hear(transmissions, has(8, []), 50).lost).toEqual([]);
    expect(transmissions.inFlight).toBe(12);
  });

  test('take for lost the last one, which nothing overtakes, after a while', () => {
    const transmissions = sent(2, 0);
    hear(transmissions, has(1, []), 40);
    expect(hear(transmissions, has(1, [], 0), 100).lost).toEqual([]);
    expect(hear(transmissions, has(1, [], 0), 200).lost).toEqual([1]);
  });

  test('become more patient when a lost one comes after all', () => {
    const transmissions = sent(60);
    hear(transmissions, has(1, []), 40);
    expect(hear(transmissions, has(1, [2, 3, 4, 5, 6, 7]), 47).lost).toEqual([1]);
    // It was only late.
    hear(transmissions, has(8, []), 50);
    const skip = [9, 10, 11, 12, 13, 14, 15, 16, 17];
    expect(hear(transmissions, has(8, skip), 57).lost).toEqual([]);
    const more = [...skip, 18, 19, 20];
    expect(hear(transmissions, has(8, more), 60).lost).toEqual([8]);
  });

  test('skip what the client had from an earlier attempt', () => {
    const transmissions = new Transmissions();
    hear(transmissions, has(100_000, [100_003]), 0);
    expect(transmissions.base).toBe(100_000);
    expect(transmissions.has(99_999)).toBe(true);
    expect(transmissions.has(100_000)).toBe(false);
    expect(transmissions.has(100_003)).toBe(true);
  });

  test('that were never made are no sign of a fast path', () => {
    expect(hear(sent(2), has(5000, []), 40).acked).toBe(2);
  });

  test('give up the oldest one when nothing is heard', () => {
    const transmissions = sent(3);
    expect(transmissions.giveUpOldest()).toBe(0);
    expect(transmissions.giveUpOldest()).toBe(1);
    expect(transmissions.inFlight).toBe(1);
  });
});

describe('the sender of the fast profile', () => {
  test('does not send again what has come after all', () => {
    const sender = new Sender({ segmentCount: 80, payload: PAYLOAD, fast: true, shares: [] });
    sender.proceed();
    const out = new Uint32Array(80);
    const take = (now: number): number[] => [...out.subarray(0, sender.take(at(now), out))];
    const first: number[] = [];
    for (let now = 0; now < 30; now += 1) first.push(...take(now));
    expect(first).toHaveLength(64);
    const clock = 1_000_000;
    sender.onFeedback({ ...has(1, []), credit: 32, clock }, at(40));
    const later = Array.from({ length: 61 }, (_, index) => index + 3);
    // 1 and 2 are lost; then 1 comes after all, before it could go again.
    sender.onFeedback({ ...has(1, later), credit: 0, clock: clock + 60_000 }, at(100));
    sender.onFeedback({ ...has(2, later), credit: 32, clock: clock + 61_000 }, at(101));
    expect(take(102).slice(0, 2)).toEqual([2, 64]);
  });
});

describe('the clock of the other side', () => {
  test('begins anew after a silence in which its numbers may have wrapped', () => {
    const clock = new RemoteClock();
    const readAfter = (minutes: number): number => {
      const now = minutes * 60_000;
      return now - clock.read((now * 1000) % 2 ** 32, at(now));
    };
    expect(readAfter(0)).toBe(0);
    for (const minutes of [10, 50, 130, 300]) expect(readAfter(minutes)).toBeCloseTo(0);
  });

  test('leaves out what waited to be read, over the wrap of its numbers, too', () => {
    const clock = new RemoteClock();
    const wrap = 2 ** 32;
    expect(clock.read(wrap - 1_000_000, at(5000))).toBe(5000);
    // Written 10 ms later, read 30 ms later.
    expect(clock.read(wrap - 990_000, at(5030))).toBeCloseTo(5010, 3);
    expect(clock.read(1_000_000, at(7000))).toBeCloseTo(7000, 3);
    expect(clock.read(1_005_000, at(7100))).toBeCloseTo(7005, 3);
  });

  test('is not confused by one that was overtaken at the wrap', () => {
    const clock = new RemoteClock();
    clock.read(2 ** 32 - 2000, at(1000));
    clock.read(3000, at(1005));
    expect(clock.read(2 ** 32 - 1000, at(1006))).toBeCloseTo(1001, 3);
    expect(clock.read(10_000, at(1012))).toBeCloseTo(1012, 3);
  });

  test('follows one that goes slower', () => {
    const clock = new RemoteClock();
    let last = 0;
    for (let now = 0; now <= 60_000; now += 100) last = clock.read(now * 999, at(now + 20));
    expect(60_020 - last).toBeLessThan(15);
  });
});

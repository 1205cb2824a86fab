import { describe, expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
import { DUPLICATE, INVALID, Receiver } from '../../lib/udp-reliable/receiver.ts';
import {
  HEADER_BYTES,
  type Numbering,
  payloadLength,
  readSequenceNumber,
  SEGMENT_PAYLOAD,
  segment,
  writeHeader,
} from '../../lib/udp-reliable/segment.ts';
import vectors from '../vectors/classroom.json' with { type: 'json' };

describe('a datagram', () => {
  test.each(vectors.datagrams)('is written: $hex', ({ hex, numbering, seq, payload }) => {
    const slot = Buffer.alloc(64);
    const length = Buffer.from(payload, 'hex').copy(slot, 16);
    const start = writeHeader(slot, 16, seq, numbering as Numbering);
    expect(slot.toString('hex', start, 16 + length)).toBe(hex);
  });

  test.each(vectors.datagrams.filter(({ numbering }) => numbering === 'binary'))(
    'is read: $hex',
    ({ hex, seq, payload }) => {
      const datagram = Buffer.from(hex, 'hex');
      expect(readSequenceNumber(datagram)).toBe(seq);
      expect(datagram.toString('hex', HEADER_BYTES)).toBe(payload);
    },
  );

  test.each(['', '00', '000000003a', '000000003b41', '3a00000041'])('is none: "%s"', (hex) => {
    expect(readSequenceNumber(Buffer.from(hex, 'hex'))).toBe(-1);
  });
});

test.each([
  [0, 0, 0],
  [1, 1, 1],
  [2043, 1, 2043],
  [2044, 2, 1],
  [4086, 2, 2043],
  [4087, 3, 1],
])('a file of %i bytes has %i parts, the last one of %i', (size, count, last) => {
  const cut = segment(size);
  expect(cut.count).toBe(count);
  if (count > 0) expect(payloadLength(cut, count - 1)).toBe(last);
});

describe('what a receiver lets count', () => {
  const datagram = (seq: number, length: number): Buffer => {
    const bytes = Buffer.alloc(HEADER_BYTES + length);
    writeHeader(bytes, HEADER_BYTES, seq, 'binary');
    return bytes;
  };

  test.each([
    ['a part of the right length', datagram(0, SEGMENT_PAYLOAD), 0],
    ['the last part, which may be short', datagram(2, 1), 2],
    ['the last part, which may be full', datagram(2, SEGMENT_PAYLOAD), 2],
    ['not a part that is too short', datagram(0, SEGMENT_PAYLOAD - 1), INVALID],
    ['not a part that is too long', datagram(2, SEGMENT_PAYLOAD + 1), INVALID],
    ['not an empty part', datagram(2, 0), INVALID],
    ['not a number that is too high', datagram(3, SEGMENT_PAYLOAD), INVALID],
    ['not what has no colon', Buffer.alloc(2048), INVALID],
    ['not an empty datagram', Buffer.alloc(0), INVALID],
  ])('%s', (_name, bytes, wanted) => {
    const receiver = new Receiver(3, millis(0));
    expect(receiver.inspect(bytes, millis(1))).toBe(wanted);
    expect(receiver.counts.invalid).toBe(wanted === INVALID ? 1 : 0);
  });

  test('no part twice', () => {
    const receiver = new Receiver(3, millis(0));
    expect(receiver.inspect(datagram(0, SEGMENT_PAYLOAD), millis(1))).toBe(0);
    receiver.accept(0);
    expect(receiver.inspect(datagram(0, SEGMENT_PAYLOAD), millis(2))).toBe(DUPLICATE);
    expect(receiver.counts).toMatchObject({ received: 1, duplicates: 1 });
  });

  test('nothing of what is no part keeps the timer from running out', () => {
    const receiver = new Receiver(3, millis(0));
    receiver.inspect(Buffer.alloc(2048), millis(99));
    expect(receiver.onTimeout(millis(100))).toEqual([{ type: 'request-again', seqs: [0] }]);
  });
});

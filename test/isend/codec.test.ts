import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeGoOn,
  decodeOffer,
  decodeReply,
  decodeRequest,
  decodeText,
  encodeGoOn,
  encodeOffer,
  encodeReply,
  encodeRequest,
  instruction,
  splitText,
} from '../../lib/isend/codec.ts';
import { IsendError, type Reply, type Request } from '../../lib/isend/messages.ts';

const vectors = JSON.parse(
  readFileSync(new URL('../vectors/isend.json', import.meta.url), 'utf8'),
) as {
  requests: { hex: string; request: Request }[];
  understood: { hex: string; request: Request }[];
  replies: { hex: string; reply: Reply }[];
  badRequests: { hex: string; code: string }[];
  badReplies: { hex: string; code: string }[];
};

function codeOf(step: () => unknown): string {
  try {
    step();
  } catch (error) {
    if (error instanceof IsendError) return error.code;
  }
  return 'none';
}

test.each(vectors.requests)('request $hex, both ways', ({ hex, request }) => {
  expect(encodeRequest(request).toString('hex')).toBe(hex);
  expect(decodeRequest(Buffer.from(hex, 'hex'))).toEqual(request);
});

test.each(vectors.understood)('request $hex is understood', ({ hex, request }) => {
  expect(decodeRequest(Buffer.from(hex, 'hex'))).toEqual(request);
});

test.each(vectors.replies)('reply $hex, both ways', ({ hex, reply }) => {
  const bytes = Buffer.from(hex, 'hex');
  expect(encodeReply(reply).toString('hex')).toBe(hex);
  const { length, ...head } = decodeReply(bytes);
  expect(length).toBe(bytes.length - instruction.size);
  expect({ ...head, text: bytes.subarray(instruction.size).toString() }).toEqual(reply);
});

test.each(vectors.badRequests)('$hex is no request: $code', ({ hex, code }) => {
  expect(codeOf(() => decodeRequest(Buffer.from(hex, 'hex')))).toBe(code);
});

test.each(vectors.badReplies)('$hex is no reply: $code', ({ hex, code }) => {
  expect(codeOf(() => decodeReply(Buffer.from(hex, 'hex')))).toBe(code);
});

test('any six bytes are a request that is written the same way, or an error with its number', () => {
  const property = fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
    const buffer = Buffer.from(bytes);
    try {
      const request = decodeRequest(buffer);
      // 100 and 255 are the same.
      if (request.type !== 'end') expect(encodeRequest(request).equals(buffer)).toBe(true);
    } catch (error) {
      expect(error).toBeInstanceOf(IsendError);
      expect((error as IsendError).requestId).toBe(buffer.readUInt16BE(0));
    }
  });
  fc.assert(property, { numRuns: 2000 });
});

describe('texts', () => {
  test('that are long come in pieces of 256 bytes at most, none within a character', () => {
    const property = fc.property(fc.string({ unit: 'grapheme', maxLength: 600 }), (text) => {
      const pieces = [...splitText(text)];
      for (const piece of pieces) {
        expect(piece.length).toBeGreaterThan(0);
        expect(piece.length).toBeLessThanOrEqual(256);
        expect(decodeText(piece)).toBeDefined();
      }
      expect(Buffer.concat(pieces).toString()).toBe(text);
    });
    fc.assert(property, { numRuns: 300 });
  });

  test('of a reply are cut to what it can carry', () => {
    const bytes = encodeReply({ type: 'failed', id: 1, text: '文'.repeat(200) });
    expect(decodeReply(bytes).length).toBe(255);
    expect(bytes.subarray(6).toString()).toBe('文'.repeat(85));
  });

  test('that are no UTF-8 are none', () => {
    expect(decodeText(Buffer.from([0xff, 0xfe]))).toBeUndefined();
    expect(decodeText(Buffer.from('\ufefféa'))).toBe('\ufefféa');
  });
});

test('an offer comes back, and no other text is one', () => {
  for (const whole of [true, false]) {
    const offer = { offset: 2 ** 40, sha256: 'ab'.repeat(32), whole };
    expect(decodeOffer(encodeOffer(offer))).toEqual(offer);
  }
  for (const text of ['', 'resume=1', `resume=-1 sha256=${'ab'.repeat(32)}`, 'saved as resume=1']) {
    expect(decodeOffer(text)).toBeUndefined();
  }
  expect(decodeOffer(`resume=9999999999999999 sha256=${'ab'.repeat(32)}`)).toBeUndefined();
  expect(decodeGoOn(encodeGoOn(2 ** 40))).toBe(2 ** 40);
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeMessage,
  decodePresence,
  encodeMessage,
  encodePresence,
  formatTime,
} from '../../lib/sent/codec.ts';
import type { Message, Presence } from '../../lib/sent/messages.ts';
import vectors from '../vectors/sent.json' with { type: 'json' };

const JOHN = { name: 'John Appleseed', ip: '75.34.652.12' };
const BOB = { name: 'Bob Dole', ip: '75.34.652.13' };
const FILE = {
  name: 'todo2017-05-05.txt',
  size: 75,
  type: 'text/plain',
  md5: 'ff893030ffa59fd0c328118df5f8b5c2',
};
const WIRE_FILE = {
  ...{ name: 'todo2017-05-05.txt', size: '75', type: 'text/plain' },
  hash: 'ff893030ffa59fd0c328118df5f8b5c2',
};
const TIME = new Date(2017, 4, 5, 14, 33, 2);
const about = { sender: JOHN, receiver: BOB, file: FILE };

describe('the messages of the document', () => {
  test.each([
    ['JOIN', 'join'],
    ['PING', 'ping'],
    ['LEAVE', 'leave'],
  ] as const)('%s', (type, ours) => {
    expect(JSON.parse(encodePresence({ type: ours, user: BOB }))).toEqual({ type, user: BOB });
    // As the document writes it.
    const text = `{"type": "${type}",\n "user": {\n    "name": "Bob Dole",\n    "ip": "75.34.652.13"\n  }\n}`;
    expect(decodePresence(text)).toEqual({ type: ours, user: BOB });
  });

  const MESSAGES: [Message, object][] = [
    [
      { type: 'ask', sender: JOHN, receivers: [BOB], file: FILE },
      { type: 'ASK', sender: JOHN, receivers: [BOB], file: WIRE_FILE },
    ],
    [
      { type: 'accept', ...about, offset: 7 },
      { type: 'ACCEPT', ...about, file: WIRE_FILE, offset: '7' },
    ],
    [
      { type: 'refuse', ...about },
      { type: 'REFUSE', ...about, file: WIRE_FILE },
    ],
    [
      { type: 'file', ...about, offset: 0 },
      { type: 'FILE', ...about, file: WIRE_FILE, offset: '0' },
    ],
    [
      { type: 'received', ...about },
      { type: 'RECEIVED', ...about, file: WIRE_FILE },
    ],
    [
      { type: 'failed', ...about, reason: 'full' },
      { type: 'FAILED', ...about, file: WIRE_FILE, reason: 'full' },
    ],
  ];
  test.each(MESSAGES)('$type', (message, wire) => {
    const text = encodeMessage(message, TIME);
    expect(text.endsWith('}\n')).toBe(true);
    expect(JSON.parse(text)).toEqual({ ...wire, time: '2017-05-05 14:33:02' });
    expect(decodeMessage(text)).toEqual(message);
  });

  test('DENY is what the heading calls REFUSE, and ACCEPT needs no offset', () => {
    const said = { ...about, file: WIRE_FILE, time: 'x', more: [1] };
    expect(decodeMessage(JSON.stringify({ type: 'DENY', ...said }))).toMatchObject({
      type: 'refuse',
    });
    const accept = decodeMessage(JSON.stringify({ type: 'ACCEPT', ...said }));
    expect(accept).toMatchObject({ type: 'accept', offset: 0 });
  });
});

test('hashes are compared in small letters, and SHA-256 goes along', () => {
  const file = { ...FILE, sha256: 'ab'.repeat(32) };
  const text = encodeMessage({ type: 'ask', sender: JOHN, receivers: [], file }, TIME);
  expect(decodeMessage(text.replaceAll('abab', 'ABAB'))).toMatchObject({ file });
});

describe('what makes no sense', () => {
  test.each([
    '',
    'x',
    '[]',
    'null',
    '{"type":"JOIN"}',
    '{"type":"JOINED","user":{"name":"a","ip":""}}',
    '{"type":"JOIN","user":{"name":"","ip":""}}',
    '{"type":"JOIN","user":{"name":1,"ip":""}}',
    '{"type":"JOIN","user":{"name":"\\u001b[2J","ip":""}}',
    `{"type":"JOIN","user":{"name":"${'x'.repeat(65)}","ip":""}}`,
  ])('as presence: %j', (text) => {
    expect(decodePresence(text)).toBeUndefined();
  });

  const ask = { type: 'ASK', sender: JOHN, receivers: [BOB], file: WIRE_FILE };
  test.each([
    {},
    { ...ask, type: 'toString' },
    { ...ask, sender: undefined },
    { ...ask, receivers: {} },
    { ...ask, file: { ...WIRE_FILE, size: 75 } },
    { ...ask, file: { ...WIRE_FILE, size: '-1' } },
    { ...ask, file: { ...WIRE_FILE, size: '12345678901234567' } },
    { ...ask, file: { ...WIRE_FILE, hash: 'zz' } },
    { ...ask, file: { ...WIRE_FILE, name: 'a\nb' } },
    { ...ask, file: { ...WIRE_FILE, sha256: 'no' } },
    { ...ask, type: 'FILE' },
  ])('as a message: %j', (value) => {
    expect(() => decodeMessage(JSON.stringify(value))).toThrow('NO_MESSAGE');
  });

  test('of any kind is never an error of ours', () => {
    const property = fc.property(
      fc.jsonValue(),
      fc.constantFrom(...'JOIN ASK FILE'.split(' ')),
      (value, type) => {
        const text = JSON.stringify({ type, ...(value as object), user: value, sender: value });
        decodePresence(text);
        try {
          decodeMessage(text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'NO_MESSAGE' });
        }
      },
    );
    fc.assert(property, { numRuns: 500 });
  });
});

test('the time is that of this place', () => {
  expect(formatTime(new Date(2017, 0, 2, 3, 4, 5))).toBe('2017-01-02 03:04:05');
});

describe('the vectors', () => {
  const bytes = (hex: string): string => Buffer.from(hex, 'hex').toString();
  const hexOf = (text: string): string => Buffer.from(text).toString('hex');

  test.each(vectors.presence)('$message.type $hex', ({ hex, message }) => {
    expect(decodePresence(bytes(hex))).toEqual(message);
    expect(hexOf(encodePresence(message as Presence))).toBe(hex);
  });

  test.each(vectors.messages)('$message.type $hex', ({ hex, message }) => {
    expect(decodeMessage(bytes(hex))).toEqual(message);
    expect(hexOf(encodeMessage(message as Message, new Date(vectors.time)))).toBe(hex);
  });

  test.each(vectors.understood)('$message.type is understood: $hex', ({ hex, message }) => {
    expect(decodeMessage(bytes(hex))).toEqual(message);
  });

  test.each(vectors.wrong)('$error: $hex', ({ hex, error }) => {
    expect(() => decodeMessage(bytes(hex))).toThrow(error);
  });
});

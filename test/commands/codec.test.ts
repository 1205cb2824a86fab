import { describe, expect, test } from 'vitest';
import {
  type Dialect,
  decodeClientMessage,
  decodeServerMessage,
  type Expecting,
  encodeClientMessage,
  encodeError,
  encodeServerMessage,
  splitGlued,
  splitGluedAddress,
} from '../../lib/commands/codec.ts';
import type { ClientMessage, ErrorCode, ServerMessage } from '../../lib/commands/messages.ts';
import { ProtocolError } from '../../lib/core/errors.ts';
import vectors from '../vectors/classroom.json' with { type: 'json' };

interface ClientVector {
  readonly text: string;
  readonly message: object;
  readonly expecting?: string;
  readonly dialect?: string;
}

function decode(vector: ClientVector): ClientMessage {
  const expecting = (vector.expecting ?? 'command') as Expecting;
  return decodeClientMessage(vector.text, expecting, (vector.dialect ?? 'document') as Dialect);
}

describe('what a client says', () => {
  test.each<ClientVector>([...vectors.client, ...vectors.clientOnlyDecoded])(
    'is read: $text',
    (vector) => {
      expect(decode(vector)).toEqual(vector.message);
    },
  );

  test.each<ClientVector>(vectors.client.filter((vector) => !('dialect' in vector)))(
    'is written: $text',
    (vector) => {
      const message = vector.message as Exclude<ClientMessage, { type: 'unknown' }>;
      expect(encodeClientMessage(message)).toBe(vector.text);
    },
  );

  test.each([0, 1, 999])('as a rate of %d is slow, but not nothing', (rate) => {
    const text = `download|f|fast=1|mtu=1500|rate=${rate}`;
    expect(decodeClientMessage(text, 'command', 'document')).toMatchObject({
      fast: { rate: 1000 },
    });
  });

  test('is read in a time that grows with its length only, whatever the options', () => {
    const milliseconds = (count: number): number => {
      const text = `download|f${'|fast=1|x'.repeat(count)}`;
      const times = Array.from({ length: 9 }, () => {
        const begin = performance.now();
        decodeClientMessage(text, 'command', 'document');
        return performance.now() - begin;
      });
      return Math.min(...times);
    };
    // 16 times as long; a time that grew with the square would be 256 times as long.
    expect(milliseconds(6400)).toBeLessThan(80 * milliseconds(400));
  });

  test('is taken apart where a bare client glued a word to re-requests', () => {
    expect(splitGlued('1 2 3stop')).toEqual(['1 2 3', 'stop']);
    expect(splitGlued('1 2 3 proceed')).toEqual(['1 2 3', 'proceed']);
    expect(splitGlued('proceed7 8')).toEqual(['proceed', '7 8']);
    expect(splitGlued('1 2 3proceed7 8')).toEqual(['1 2 3', 'proceed', '7 8']);
    for (const text of [
      '1 2 3',
      'stop',
      'proceed',
      'stop7 8',
      'proceed 7',
      'proceeds7',
      '',
      ' proceed',
    ]) {
      expect(splitGlued(text)).toEqual([text]);
    }
    expect(splitGlued('connect|1stop')).toEqual(['connect|1stop']);
  });
});

describe('an address of a bare client', () => {
  test.each([
    ['432100 1 2 3', ['43210', '0 1 2 3']],
    ['127.0.0.1|432100 1 2 3', ['127.0.0.1|43210', '0 1 2 3']],
    // Of a file of which one part is sent before the pause.
    ['432100', ['43210', '0']],
    ['43210stop', ['43210', 'stop']],
    ['127.0.0.1|43210 stop', ['127.0.0.1|43210', 'stop']],
    // Twice.
    ['432100 1 20 1 2', ['43210', '0 1 20 1 2']],
  ])('is told from what is glued to it: %s', (text, parts) => {
    expect(splitGluedAddress(text)).toEqual(parts);
  });

  test.each([
    '43210',
    '127.0.0.1|43210',
    '40000',
    '5000',
    '700000',
    '0',
    '432101 2',
    '70000stop',
    '43210proceed',
    'stop',
    'x',
    '',
    '0 1',
  ])('is left as it is where nothing is glued to it: %s', (text) => {
    expect(splitGluedAddress(text)).toEqual([text]);
  });
});

describe('what a server says', () => {
  test.each(vectors.server)('is written: $text', ({ message, text }) => {
    expect(encodeServerMessage(message as ServerMessage)).toBe(text);
  });

  test.each(vectors.errors)('refuses in the words of the document: $text', (vector) => {
    const error = new ProtocolError(vector.code as ErrorCode, vector.detail ?? '');
    expect(encodeError(error)).toBe(vector.text);
  });

  test('is cut where a list would not fit into one message', () => {
    const names = Array.from({ length: 5000 }, (_, index) => `a rather long file name ${index}`);
    const text = encodeServerMessage({ type: 'files', names });
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(65_536);
    expect(text).toMatch(/^files: \[a rather long file name 0, .*, …\]$/);
  });

  test.each([
    ['connected', 'connected'],
    ['|49', 'segment-count'],
    ["can't connect. Name is taken. Try another", 'connect-refused'],
    ["Can't download. File not found", 'download-refused'],
    ["Can't download. File changed", 'download-ended'],
    ['download stopped', 'stopped'],
    ['User a b downloaded 100% out of file. Last byte is: 7', 'finished'],
    ['bob: connected', 'text'],
    ['bob: |49', 'text'],
    ["Can't download. Try later", 'download-refused'],
    ["can't download: no such thing", 'download-refused'],
    ["Can't download. File changed (to all): hello", 'text'],
    ["Can't download. x is connected", 'text'],
    ['connected is connected', 'text'],
    ['|', 'text'],
    ['|-1', 'text'],
    ['|99999999999', 'text'],
  ])('is understood: %s', (text, type) => {
    expect(decodeServerMessage(text).type).toBe(type);
  });
});

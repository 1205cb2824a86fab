import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_MESSAGE_BYTES, Outbox, PeerFramer } from '../../lib/commands/framing.ts';
import { millis } from '../../lib/core/brands.ts';
import { LineFramer } from '../../lib/core/line-framer.ts';

const at = millis;

function pushAll(framer: PeerFramer, chunks: readonly Buffer[]): string[] {
  return chunks.flatMap((chunk) => [...framer.push(chunk, at(0))]);
}

describe('a line framer', () => {
  const messages = ['connect|älice 🎈', '', 'msg_all|x', 'get_users'];
  const stream = Buffer.from(messages.map((message) => `${message}\n`).join(''));

  test('finds the messages wherever the stream is cut', () => {
    for (let cut = 0; cut <= stream.length; cut += 1) {
      const framer = new LineFramer(100);
      const found = [stream.subarray(0, cut), stream.subarray(cut)].flatMap((chunk) => [
        ...framer.push(chunk),
      ]);
      expect(found).toEqual(messages);
    }
  });

  test('finds the messages byte by byte, and whatever the pieces are', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: stream.length })), (cuts) => {
        const framer = new LineFramer(100);
        const places = [0, ...cuts.sort((a, b) => a - b), stream.length];
        const found = places
          .slice(1)
          .flatMap((end, index) => [...framer.push(stream.subarray(places[index], end))]);
        expect(found).toEqual(messages);
      }),
    );
  });

  test('accepts CRLF', () => {
    expect([...new LineFramer(100).push(Buffer.from('a\r\nb\n'))]).toEqual(['a', 'b']);
  });

  test('takes a message of exactly the bound, and none above, even without its end', () => {
    const framer = new LineFramer(10);
    expect([...framer.push(Buffer.from(`${'x'.repeat(10)}\r\n`))]).toEqual(['x'.repeat(10)]);
    expect(() => [...framer.push(Buffer.from(`${'x'.repeat(11)}\n`))]).toThrow('MESSAGE_TOO_LONG');
    expect(() => [...new LineFramer(10).push(Buffer.alloc(12, 'x'))]).toThrow('MESSAGE_TOO_LONG');
  });

  test('hands out what came before the message that is too long', () => {
    const found: string[] = [];
    expect(() => {
      for (const line of new LineFramer(10).push(Buffer.from(`a\nb\n${'x'.repeat(20)}`))) {
        found.push(line);
      }
    }).toThrow('MESSAGE_TOO_LONG');
    expect(found).toEqual(['a', 'b']);
  });

  test('gives the rest at the end of the stream', () => {
    const framer = new LineFramer(100);
    expect([...framer.push(Buffer.from('a\nb'))]).toEqual(['a']);
    expect(framer.end()).toBe('b');
    expect(framer.end()).toBeUndefined();
  });
});

describe('a list of numbers that is longer than a message', () => {
  const numbers = Array.from({ length: 30_000 }, (_, index) => String(index));
  const list = Buffer.from(numbers.join(' '));
  const chunks = (bytes: Buffer, length: number): Buffer[] =>
    Array.from({ length: Math.ceil(bytes.length / length) }, (_, index) =>
      bytes.subarray(index * length, (index + 1) * length),
    );

  test.each([1000, 65_536, 200_000])('comes in pieces, in chunks of %d', (length) => {
    const line = new PeerFramer({ framing: 'line' });
    const whole = Buffer.concat([list, Buffer.from('\r\nstop\n')]);
    const found = pushAll(line, chunks(whole, length));
    expect(found.at(-1)).toBe('stop');
    expect(found.slice(0, -1).flatMap((text) => text.trim().split(' '))).toEqual(numbers);
    const bare = new PeerFramer({ framing: 'bare' });
    const pieces = [...pushAll(bare, chunks(list, length)), ...bare.onTimeout(at(1000))];
    expect(pieces.flatMap((text) => text.trim().split(' '))).toEqual(numbers);
  });

  test('is too long all the same with a word in it, or as one number', () => {
    const line = new PeerFramer({ framing: 'line' });
    expect(() => pushAll(line, [Buffer.from(`x ${list}`)])).toThrow('MESSAGE_TOO_LONG');
    const bare = new PeerFramer({ framing: 'bare' });
    expect(() => pushAll(bare, [Buffer.alloc(70_000, '7')])).toThrow('MESSAGE_TOO_LONG');
  });
});

describe('a peer framer', () => {
  test('takes a first message with a line end for that of a line peer', () => {
    const framer = new PeerFramer();
    expect(pushAll(framer, [Buffer.from('get_'), Buffer.from('users\nget')])).toEqual([
      'get_users',
    ]);
    expect(framer.framing).toBe('line');
    expect(framer.nextTimeout()).toBeUndefined();
    expect(pushAll(framer, [Buffer.from('_users\n')])).toEqual(['get_users']);
  });

  test('takes 50 ms of silence without a line end for a bare peer', () => {
    const framer = new PeerFramer();
    expect([...framer.push(Buffer.from('get_'), at(0))]).toEqual([]);
    expect([...framer.push(Buffer.from('users'), at(40))]).toEqual([]);
    expect([...framer.onTimeout(at(89))]).toEqual([]);
    expect(framer.framing).toBeUndefined();
    expect(framer.nextTimeout()).toBe(90);
    expect([...framer.onTimeout(at(90))]).toEqual(['get_users']);
    expect(framer.framing).toBe('bare');
  });

  test('leaves a line end inside a message of a bare peer alone', () => {
    const framer = new PeerFramer({ framing: 'bare' });
    expect(pushAll(framer, [Buffer.from('msg_all|a\nb')])).toEqual([]);
    expect([...framer.onTimeout(at(50))]).toEqual(['msg_all|a\nb']);
  });

  test('still understands a line peer whose first line came in two pieces', () => {
    const framer = new PeerFramer();
    expect(pushAll(framer, [Buffer.from('get_')])).toEqual([]);
    expect([...framer.onTimeout(at(50))]).toEqual(['get_']);
    expect([...framer.push(Buffer.from('users\r\nget_users\n'), at(60))]).toEqual([]);
    expect([...framer.onTimeout(at(110))]).toEqual(['users', 'get_users']);
  });

  test('takes a short read of a bare server for a message, and waits for the rest of a long one', () => {
    const framer = new PeerFramer({ framing: 'bare', wholeBelow: 512 });
    expect(pushAll(framer, [Buffer.from('a is connected'), Buffer.from('connected')])).toEqual([
      'a is connected',
      'connected',
    ]);
    expect(pushAll(framer, [Buffer.alloc(600, 'x'), Buffer.from('y')])).toEqual([]);
    expect([...framer.onTimeout(at(50))]).toEqual([`${'x'.repeat(600)}y`]);
  });

  test.each(['line', 'bare', undefined] as const)('bounds a message of a %s peer', (framing) => {
    const framer = new PeerFramer(framing === undefined ? {} : { framing });
    const chunk = Buffer.alloc(MAX_MESSAGE_BYTES / 2, 'x');
    pushAll(framer, [chunk, chunk]);
    expect(() => pushAll(framer, [Buffer.from('xx')])).toThrow('MESSAGE_TOO_LONG');
  });

  test('gives what came last when the stream ends', () => {
    const unknown = new PeerFramer();
    pushAll(unknown, [Buffer.from('get_users')]);
    expect([...unknown.end()]).toEqual(['get_users']);
    const line = new PeerFramer();
    pushAll(line, [Buffer.from('a\nb')]);
    expect([...line.end()]).toEqual(['b']);
    expect([...new PeerFramer().end()]).toEqual([]);
  });
});

describe('an outbox', () => {
  test('writes lines at once', () => {
    const outbox = new Outbox('line');
    outbox.push('a');
    outbox.push('b');
    expect([...outbox.take(at(0))]).toEqual(['a\n', 'b\n']);
    expect(outbox.nextTimeout()).toBeUndefined();
  });

  test('keeps more than 50 ms between two messages to a bare peer', () => {
    const outbox = new Outbox('bare');
    for (const text of ['a', 'b', 'c']) outbox.push(text);
    expect([...outbox.take(at(0))]).toEqual(['a']);
    expect([...outbox.take(at(50))]).toEqual([]);
    expect(outbox.nextTimeout()).toBeGreaterThan(50);
    expect([...outbox.take(at(60))]).toEqual(['b']);
    expect(outbox.queuedBytes).toBe(1);
  });
});

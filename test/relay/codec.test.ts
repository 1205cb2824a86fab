import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ProtocolError } from '../../lib/core/errors.ts';
import { HeadFramer } from '../../lib/core/head-framer.ts';
import {
  type Dialect,
  decodeAnswer,
  decodeCommandRequest,
  decodeDataReply,
  decodeDataRequest,
  decodeLogIn,
  decodeNotification,
  decodeRefusal,
  encodeAnswer,
  encodeCommandReply,
  encodeCommandRequest,
  encodeDataReply,
  encodeDataRequest,
  encodeLogIn,
  encodeNotification,
  refusal,
} from '../../lib/relay/codec.ts';
import type {
  CommandRequest,
  DataReply,
  DataRequest,
  ErrorCode,
  LogIn,
  Notification,
} from '../../lib/relay/messages.ts';

interface Vector<Message> {
  readonly text: string;
  readonly message?: Message;
  readonly error?: ErrorCode;
}

interface Vectors {
  logIn: { hex: string; on: 'command' | 'notification'; message?: LogIn; error?: ErrorCode }[];
  command: Vector<CommandRequest>[];
  notification: Vector<Notification>[];
  data: Vector<DataRequest>[];
  dataReply: (Vector<DataReply> & { dialect: Dialect; refused?: ErrorCode; detail?: string })[];
  refusals: [ErrorCode, string][];
}

const vectors: Vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, '../vectors/relay.json'), 'utf8'),
);

function codeOf(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
  return 'none';
}

describe('what is on the wire', () => {
  test.each(vectors.logIn)('log-in $hex', ({ hex, on, message, error }) => {
    const text = Buffer.from(hex, 'hex').toString();
    if (message === undefined) {
      expect(codeOf(() => decodeLogIn(text, on))).toBe(error);
      return;
    }
    expect(decodeLogIn(text, on)).toEqual(message);
    expect(encodeLogIn(message)).toBe(`${text}\r\n`);
  });

  test.each(vectors.command)('command $text', ({ text, message, error }) => {
    if (message === undefined) {
      expect(codeOf(() => decodeCommandRequest(text))).toBe(error);
      return;
    }
    expect(decodeCommandRequest(text)).toEqual(message);
    if (message.type === 'list') expect(encodeCommandRequest(message)).toBe('LIST\r\n');
    else {
      const users = Array.from({ length: message.recipients }, (_, at) => `u${at}`);
      const [first = '', ...others] = encodeCommandRequest(message, users).split('\r\n');
      expect(decodeCommandRequest(first)).toEqual(message);
      expect(others).toEqual([...users, '']);
    }
  });

  test.each(vectors.notification)('notification $text', ({ text, message }) => {
    expect(decodeNotification(text)).toEqual(message);
    if (message !== undefined) expect(encodeNotification(message)).toBe(`${text}\r\n`);
  });

  test.each(vectors.data)('data request $text', ({ text, message, error }) => {
    if (message === undefined) expect(codeOf(() => decodeDataRequest(text))).toBe(error);
    else {
      expect(decodeDataRequest(text)).toEqual(message);
      expect(encodeDataRequest(message)).toBe(`${text}\r\n`);
    }
  });

  test.each(vectors.dataReply)('data reply $text', ({ text, dialect, message, ...expected }) => {
    const decoded = decodeDataReply(text);
    expect(encodeDataReply(decoded, dialect)).toBe(`${text}\r\n`);
    if (message !== undefined) expect(decoded).toEqual(message);
    else if (decoded.type === 'refused') {
      expect(decoded.error.code).toBe(expected.refused);
      expect(decoded.error.detail).toBe(expected.detail ?? '');
    } else expect.fail('it was no refusal');
  });

  test.each(vectors.refusals)('%s', (code, text) => {
    const said = encodeCommandReply({ type: 'refused', error: refusal(code) });
    expect(said).toBe(`${text}\r\n`);
    expect(decodeRefusal(text)).toMatchObject({ code, detail: '' });
    expect(decodeRefusal(`${text}: why`)).toMatchObject({ code, detail: 'why' });
    expect(decodeRefusal(text.slice(0, 3))).toMatchObject({ code });
  });

  test('a READ without an offset begins at the first byte', () => {
    expect(decodeDataRequest('READ bob k')).toMatchObject({ offset: 0 });
  });

  test('a positive answer may be 500 OK', () => {
    expect(decodeDataReply('500 OK')).toMatchObject({ type: 'granted' });
  });

  test('lists and answers', () => {
    expect(encodeCommandReply({ type: 'users', users: ['a', 'b'] })).toBe('300 2\r\na\r\nb\r\n');
    const port = 7 as never;
    expect(encodeCommandReply({ type: 'accepted', users: ['a'], port })).toBe(
      '402 1\r\na\r\n7\r\n',
    );
    for (const yes of [true, false]) {
      expect(decodeAnswer(encodeAnswer(yes).trimEnd())).toBe(yes);
    }
    expect(codeOf(() => decodeAnswer('yes'))).toBe('UNKNOWN_COMMAND');
  });
});

describe('a line and raw bytes behind it', () => {
  const whole = Buffer.from('READ bob k 5\r\n\n\r\0raw');

  test('is cut at every offset', () => {
    for (let at = 0; at <= whole.length; at += 1) {
      const framer = new HeadFramer(4096);
      const first = at === 0 ? undefined : framer.push(whole.subarray(0, at));
      const head = first ?? framer.push(whole.subarray(at));
      expect(head?.line).toBe('READ bob k 5');
      const rest =
        first === undefined ? head?.rest : Buffer.concat([first.rest, whole.subarray(at)]);
      expect(rest?.toString()).toBe('\n\r\0raw');
    }
  });

  test('is refused when the line is too long', () => {
    expect(codeOf(() => new HeadFramer(8).push(Buffer.from('123456789\n')))).toBe(
      'MESSAGE_TOO_LONG',
    );
    expect(codeOf(() => new HeadFramer(8).push(Buffer.alloc(20)))).toBe('MESSAGE_TOO_LONG');
    expect(new HeadFramer(8).push(Buffer.from('12345678\r\nx'))?.line).toBe('12345678');
  });
});

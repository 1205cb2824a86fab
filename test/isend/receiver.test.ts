import { describe, expect, test } from 'vitest';
import { after as later, millis } from '../../lib/core/brands.ts';
import { encodeGoOn } from '../../lib/isend/codec.ts';
import { CONNECT_WITHIN, HEAR_WITHIN, LEAST_BYTES } from '../../lib/isend/receiver.ts';
import { ReceiverUnderTest, START, wire } from './machines.ts';

const CONNECT = wire('connect', 0);
const SESSION = Buffer.concat([
  wire('connect-with-password', 0, 'secret'),
  wire('message', 1, 'hello'),
  wire('folder-name', 2, '文書'),
  wire('file-name', 3, 'a.txt'),
  wire('file-content', 4, 'abc'),
  wire('file-content', 5, 'defg'),
  wire('end-of-file', 6),
  wire('file-name', 7, 'empty'),
  wire('end-of-file', 8),
  wire('end-of-folder', 9),
  wire('end', 10),
]);
const STORY = [
  'admit secret',
  'show hello',
  'begin-folder 文書',
  'begin-file a.txt',
  'write abcdefg',
  'end-file',
  'begin-file empty',
  'end-file',
  'end-folder',
  'close complete',
];

/** `110@3`: which code answers which request. */
function codes({ replies }: ReceiverUnderTest): string[] {
  return replies.map(({ type, id }) => `${type}@${id}`);
}

function received(...parts: readonly Buffer[]): ReceiverUnderTest {
  const receiver = new ReceiverUnderTest();
  for (const part of parts) receiver.push(part);
  return receiver;
}

describe('a session', () => {
  test('is answered in order, requests with content twice', () => {
    const receiver = received(SESSION);
    expect(receiver.log).toEqual(STORY);
    expect(codes(receiver)).toEqual([
      ...['confirmed@0', 'established@0'],
      ...[1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 7, 8, 9, 10].map((id) => `confirmed@${id}`),
    ]);
  });

  test('is the same whatever it is cut into', () => {
    const whole = received(SESSION);
    for (let cut = 1; cut < SESSION.length; cut += 1) {
      const two = received(SESSION.subarray(0, cut), SESSION.subarray(cut));
      expect(two.log).toEqual(STORY);
      expect(two.replies).toEqual(whole.replies);
    }
    const bytes = received(...Array.from(SESSION, (byte) => Buffer.of(byte)));
    expect(bytes.log).toEqual(STORY);
    expect(bytes.replies).toEqual(whole.replies);
  });

  test('that ends within a file is not complete', () => {
    const receiver = received(CONNECT, wire('file-name', 1, 'f'), wire('end', 2));
    expect(receiver.log.at(-1)).toBe('close the sender has ended it');
  });

  test('is closed when the sender is not admitted', () => {
    const receiver = new ReceiverUnderTest();
    receiver.refusal = 'wrong password';
    receiver.push(SESSION);
    expect(receiver.replies.at(-1)).toEqual({
      type: 'connection-refused',
      id: 0,
      text: 'wrong password',
    });
    expect(receiver.log).toEqual(['admit secret', 'close wrong password']);
  });
});

describe('what is not allowed gets 112 with the reason, and is the end', () => {
  test.each([
    ['something before connecting', [wire('file-name', 1, 'f')], 1, /connect first/],
    ['a second connection', [CONNECT, CONNECT], 0, /already/],
    ['content without a file', [CONNECT, wire('file-content', 1, 'x')], 1, /no file/],
    ['an end without a file', [CONNECT, wire('end-of-file', 2)], 2, /no file/],
    ['an end without a folder', [CONNECT, wire('end-of-folder', 2)], 2, /no folder/],
    [
      'one folder more ended than begun',
      [CONNECT, wire('folder-name', 1, 'd'), wire('end-of-folder', 2), wire('end-of-folder', 3)],
      3,
      /no folder/,
    ],
    [
      'a file within a file',
      [CONNECT, wire('file-name', 1, 'f'), wire('file-name', 2, 'g')],
      2,
      /not ended/,
    ],
    [
      'a folder within a file',
      [CONNECT, wire('file-name', 1, 'f'), wire('folder-name', 2, 'g')],
      2,
      /not ended/,
    ],
    ['an unknown code', [CONNECT, Buffer.from('000363000000', 'hex')], 3, /unknown .* 99/],
    ['a bad flag', [CONNECT, Buffer.from('00030a070004', 'hex')], 3, /0 or 1/],
    ['a length over the limit', [CONNECT, Buffer.from('00030a010101', 'hex')], 3, /257/],
    [
      'to go on where nothing was offered',
      [CONNECT, wire('file-name', 1, 'f'), wire('go-on', 2, encodeGoOn(5))],
      2,
      /nothing was offered/,
    ],
  ])('%s', (_what, parts, id, reason) => {
    const receiver = received(...parts, wire('message', 99, 'too late'));
    expect(receiver.replies.at(-1)).toMatchObject({ type: 'failed', id });
    expect(receiver.replies.at(-1)?.text).toMatch(reason);
    expect(receiver.log.at(-1)).toMatch(/^close /);
    expect(receiver.log.join()).not.toContain('too late');
  });
});

describe('the storage', () => {
  test('that skips a file or a folder is quoted, and the next one is welcome', () => {
    const receiver = new ReceiverUnderTest();
    receiver.say = ({ type }) =>
      type === 'begin-file' || type === 'begin-folder'
        ? { type: 'skipped', reason: 'there' }
        : undefined;
    receiver.push(Buffer.concat([CONNECT, wire('file-name', 1, 'f'), wire('folder-name', 2, 'd')]));
    receiver.push(wire('file-name', 3, 'g'));
    expect(receiver.replies.filter(({ type }) => type !== 'confirmed').slice(1)).toEqual([
      { type: 'skip-file', id: 1, text: 'there' },
      { type: 'skip-folder', id: 2, text: 'there' },
      { type: 'skip-file', id: 3, text: 'there' },
    ]);
    expect(receiver.log.join()).not.toContain('close');
  });

  test('that is full in the middle refuses that and what still comes of the file', () => {
    const receiver = new ReceiverUnderTest();
    receiver.say = ({ type }) =>
      type === 'write' ? { type: 'refused', reason: 'the disk is full' } : undefined;
    receiver.push(
      Buffer.concat([CONNECT, wire('file-name', 1, 'f'), wire('file-content', 2, 'x')]),
    );
    receiver.push(Buffer.concat([wire('file-content', 3, 'y'), wire('end-of-file', 4)]));
    receiver.push(wire('end', 5));
    expect(codes(receiver).slice(3)).toEqual([
      ...['confirmed@2', 'refused@2', 'confirmed@3', 'refused@3', 'refused@4', 'confirmed@5'],
    ]);
    expect(receiver.log).toEqual([
      ...['admit without password', 'begin-file f', 'write x', 'close complete'],
    ]);
  });

  test('that has a part of it offers that, and takes the rest', () => {
    const offer = { offset: 7, sha256: 'ab'.repeat(32), whole: false };
    const receiver = new ReceiverUnderTest();
    receiver.say = ({ type }) => (type === 'begin-file' ? { type: 'offer', offer } : undefined);
    receiver.push(Buffer.concat([CONNECT, wire('file-name', 1, 'f')]));
    expect(receiver.replies.at(-1)?.text).toBe(`resume=7 sha256=${offer.sha256}`);
    receiver.push(Buffer.concat([wire('go-on', 2, encodeGoOn(7)), wire('file-content', 3, 'x')]));
    expect(receiver.log.slice(-2)).toEqual(['go-on 7', 'write x']);
  });

  test('does not go on when it has begun anew', () => {
    const offer = { offset: 7, sha256: 'ab'.repeat(32), whole: false };
    const receiver = new ReceiverUnderTest();
    receiver.say = ({ type }) => (type === 'begin-file' ? { type: 'offer', offer } : undefined);
    receiver.push(Buffer.concat([CONNECT, wire('file-name', 1, 'f')]));
    receiver.push(Buffer.concat([wire('file-content', 2, 'x'), wire('go-on', 3, encodeGoOn(7))]));
    expect(receiver.replies.at(-1)?.type).toBe('failed');
  });

  test('does not go on at another place than it has offered', () => {
    const offer = { offset: 7, sha256: 'ab'.repeat(32), whole: false };
    const receiver = new ReceiverUnderTest();
    receiver.say = ({ type }) => (type === 'begin-file' ? { type: 'offer', offer } : undefined);
    receiver.push(
      Buffer.concat([CONNECT, wire('file-name', 1, 'f'), wire('go-on', 2, encodeGoOn(8))]),
    );
    expect(receiver.replies.at(-1)?.type).toBe('failed');
  });

  test('gets no name that is no UTF-8', () => {
    const receiver = received(CONNECT, wire('file-name', 1, Buffer.from([0xff])));
    expect(receiver.replies.at(-1)).toMatchObject({ type: 'refused', id: 1 });
    expect(receiver.log).toEqual(['admit without password']);
  });

  test('is not asked for folders in one another without end', () => {
    const receiver = received(CONNECT);
    for (let id = 1; id <= 200; id += 1) receiver.push(wire('folder-name', id, 'd'));
    expect(receiver.replies.at(-1)).toMatchObject({ type: 'refused', id: 200 });
    expect(receiver.log.length).toBeLessThan(150);
  });
});

describe('a sender', () => {
  test('that does not connect is closed in time', () => {
    const receiver = received(CONNECT.subarray(0, 5));
    const { machine } = receiver;
    expect(machine.nextTimeout()).toBe(later(START, CONNECT_WITHIN));
    expect(machine.onTimeout(later(START, millis(CONNECT_WITHIN - 1)))).toEqual([]);
    receiver.run(machine.onTimeout(later(START, CONNECT_WITHIN)));
    expect(receiver.log).toEqual(['close the connection request took too long']);
    expect(machine.nextTimeout()).toBeUndefined();
  });

  test('that sends a byte a second is closed, one that sends enough is not', () => {
    for (const [bytes, isClosed] of [
      [60, true],
      [LEAST_BYTES, false],
    ] as const) {
      const receiver = received(CONNECT);
      receiver.machine.heard(bytes);
      receiver.run(receiver.machine.onTimeout(later(START, HEAR_WITHIN)));
      expect(receiver.log.join().includes('close')).toBe(isClosed);
      if (isClosed) continue;
      // The next minute counts for itself.
      receiver.run(receiver.machine.onTimeout(later(later(START, HEAR_WITHIN), HEAR_WITHIN)));
      expect(receiver.log.at(-1)).toBe('close too little came for a minute');
    }
  });

  test('is not blamed for a disk that is slow', () => {
    const { machine, framer } = received(CONNECT);
    for (const framed of framer.push(wire('file-name', 1, 'f'))) machine.handle(framed, START);
    expect(machine.onTimeout(later(START, HEAR_WITHIN))).toEqual([]);
    expect(machine.nextTimeout()).toBe(later(later(START, HEAR_WITHIN), HEAR_WITHIN));
  });
});

import { describe, expect, test } from 'vitest';
import type { ClientEffect } from '../../lib/commands/client-effects.ts';
import { ClientSession } from '../../lib/commands/client-session.ts';
import type { Framing } from '../../lib/commands/framing.ts';
import { millis, type Port, parsePort } from '../../lib/core/brands.ts';
import { Receiver } from '../../lib/udp-reliable/receiver.ts';
import { SEGMENT_PAYLOAD, writeHeader } from '../../lib/udp-reliable/segment.ts';

const at = millis;
const PORT = parsePort('50000') as Port;
const PRAISE = 'User alice downloaded 100% out of file. Last byte is: 1';

/** Takes a session to where it waits for `count` parts. */
function receiving(count: number): { session: ClientSession; receiver: Receiver } {
  const session = new ClientSession('line');
  session.download.request('q.txt', at(0));
  const [open] = session.handle(`|${count}`, at(0));
  if (open?.type !== 'open-receiver') throw new Error('nothing is received');
  session.download.receiverReady(PORT, at(0));
  return { session, receiver: open.receiver };
}

function give(receiver: Receiver, ...seqs: number[]): void {
  for (const seq of seqs) {
    const datagram = Buffer.alloc(5 + SEGMENT_PAYLOAD);
    writeHeader(datagram, 5, seq, 'binary');
    if (receiver.inspect(datagram, at(0)) === seq) receiver.accept(seq);
  }
}

function outcome(effects: readonly ClientEffect[]): string | undefined {
  return effects.find((effect) => effect.type === 'download-ended')?.outcome.type;
}

describe('a server that says nothing of use to the options of the fast profile', () => {
  const WISH = { mtu: 1500, proceed: true };
  const ask = (effects: readonly ClientEffect[]): unknown[] =>
    effects.flatMap((effect) => (effect.type === 'send' ? [effect.message] : []));

  test('is asked again in the form of the document after 3 s, and no more', () => {
    const session = new ClientSession('line');
    session.download.request('q.txt', at(0), WISH);
    expect(session.handle('what?', at(10))).toEqual([{ type: 'show', text: 'what?' }]);
    expect(session.download.onTimeout(at(2_999))).toEqual([]);
    expect(ask(session.download.onTimeout(at(3_000)))).toEqual([
      { type: 'download', file: 'q.txt', fast: undefined },
    ]);
    expect(session.download.nextTimeout()).toBe(30_000);
    expect(outcome(session.handle("Can't download. File not found", at(4_000)))).toBe('failed');
  });

  test('and whose offer comes late is believed', () => {
    const session = new ClientSession('line');
    session.download.request('q.txt', at(0), WISH);
    session.download.onTimeout(at(3_000));
    const offer = '|2|fast=1|part=1467|size=2000|id=x|port=50000|key=1';
    expect(session.handle(offer, at(3_100))).toMatchObject([{ type: 'open-receiver' }]);
  });
});

describe('a client to which no part comes', () => {
  test.each([
    [1467, /try --mtu 1280/],
    [1247, /30 seconds$/],
  ])('says what may help, with parts of %d', (part, reason) => {
    const session = new ClientSession('line');
    session.download.request('q.txt', at(0), { mtu: 1500, proceed: true });
    session.handle(`|9|fast=1|part=${part}|size=${9 * part}|id=x|port=50000|key=1`, at(0));
    session.download.receiverReady(PORT, at(0));
    const effects = session.download.onTimeout(at(30_000));
    expect(effects).toContainEqual({
      type: 'download-ended',
      outcome: { type: 'failed', reason: expect.stringMatching(reason) },
    });
  });
});

describe('a client that downloads', () => {
  test('is not led astray by what other users are called or say', () => {
    const { session } = receiving(4);
    for (const text of [
      "Can't download. File changed is connected",
      "Can't download. File changed: hi",
      'bob: |7',
      'bob (to all): download stopped',
    ]) {
      expect(session.handle(text, at(0))).toEqual([{ type: 'show', text }]);
    }
    expect(session.download.running).toBe(true);
  });

  test.each([
    "Can't download. File changed",
    "Can't download. Nothing heard for 30 seconds",
    'download stopped',
  ])('takes "%s" for the end', (text) => {
    const { session } = receiving(4);
    expect(outcome(session.handle(text, at(0)))).toBe('failed');
  });

  test('takes a refusal in other words for the end only before it has begun', () => {
    const session = new ClientSession('line');
    session.download.request('q.txt', at(0));
    expect(outcome(session.handle("Can't download. Try later", at(0)))).toBe('failed');
    const begun = receiving(4).session;
    expect(outcome(begun.handle("Can't download. Try later", at(0)))).toBeUndefined();
  });

  test('refuses a number of parts that no memory could hold', () => {
    const session = new ClientSession('line');
    session.download.request('q.txt', at(0));
    expect(outcome(session.handle('|4294967295', at(0)))).toBe('failed');
  });

  test('shows a number that it did not ask for', () => {
    const session = new ClientSession('line');
    expect(session.handle('|7', at(0))).toEqual([{ type: 'show', text: '|7' }]);
  });

  test('gives up on a server that does not answer for 30 s', () => {
    const session = new ClientSession('line');
    session.download.request('q.txt', at(0));
    expect(session.download.onTimeout(at(29_999))).toEqual([]);
    expect(outcome(session.download.onTimeout(at(30_000)))).toBe('failed');
    expect(session.download.nextTimeout()).toBeUndefined();
  });

  test('asks for the first half only until the answer, then for all that is missing', () => {
    const { session, receiver } = receiving(6);
    give(receiver, 1);
    expect(session.download.onTimeout(at(100))).toEqual([
      { type: 'send', message: { type: 're-request', seqs: [0, 2], invalid: 0 } },
    ]);
    give(receiver, 0, 2);
    expect(session.download.segmentsReceived(at(0))).toEqual([{ type: 'ask-to-proceed' }]);
    expect(session.download.nextTimeout()).toBeUndefined();
    session.download.answer('proceed', at(1000));
    give(receiver, 4);
    expect(session.download.onTimeout(at(1100))).toEqual([
      { type: 'send', message: { type: 're-request', seqs: [3, 5], invalid: 0 } },
    ]);
  });

  test('takes the second half from a server that does not pause, and still asks the user', () => {
    const { session, receiver } = receiving(4);
    give(receiver, 0, 1, 2, 3);
    expect(session.download.segmentsReceived(at(0))).toEqual([{ type: 'ask-to-proceed' }]);
    session.download.answer('proceed', at(0));
    expect(outcome(session.handle(PRAISE, at(0)))).toBe('complete');
  });

  describe('that has every part', () => {
    const finishing = (): ClientSession => {
      const { session, receiver } = receiving(1);
      give(receiver, 0);
      expect(session.download.segmentsReceived(at(0))).toEqual([
        { type: 'send', message: { type: 'stop' } },
      ]);
      return session;
    };

    test('is not done before the last word of the server, which may be that the file changed', () => {
      expect(outcome(finishing().handle(PRAISE, at(0)))).toBe('complete');
      expect(outcome(finishing().handle("Can't download. File changed", at(0)))).toBe('failed');
    });

    test('waits five seconds for it, and not at all when the connection ends', () => {
      const session = finishing();
      expect(session.download.onTimeout(at(4999))).toEqual([]);
      expect(outcome(session.download.onTimeout(at(5000)))).toBe('complete');
      expect(outcome(finishing().download.closed())).toBe('complete');
      expect(outcome(receiving(1).session.download.closed())).toBe('failed');
    });
  });

  test.each([
    ['no', { type: 'send-text', text: 'no' }],
    ['get_users', { type: 'send', message: { type: 'stop' } }],
    ['3 4', { type: 'send', message: { type: 'stop' } }],
    ['', { type: 'send', message: { type: 'stop' } }],
  ])('says what stops the server when the user answers "%s"', (answer, said) => {
    const { session, receiver } = receiving(4);
    give(receiver, 0, 1);
    session.download.segmentsReceived(at(0));
    const effects = session.download.answer(answer, at(0));
    expect(effects[0]).toEqual(said);
    expect(outcome(effects)).toBe('stopped');
  });

  test('that is given up before the server has answered does not end up in the next one', () => {
    const session = new ClientSession('line');
    session.download.request('a', at(0));
    session.download.abandon({ type: 'stopped' });
    expect(session.download.request('b', at(0))).toEqual([]);
    expect(session.handle('|7', at(0))).toEqual([
      { type: 'send', message: { type: 'stop' } },
      { type: 'send', message: { type: 'download', file: 'b' } },
    ]);
    expect(outcome(session.handle('download stopped', at(0)))).toBeUndefined();
    expect(session.handle('|9', at(0))).toContainEqual(
      expect.objectContaining({ type: 'open-receiver', file: 'b' }),
    );
  });

  test('does not show praise for a download that was given up after `proceed`', () => {
    const { session, receiver } = receiving(4);
    give(receiver, 0, 1);
    session.download.segmentsReceived(at(0));
    session.download.answer('proceed', at(0));
    session.download.abandon({ type: 'stopped' });
    expect(session.handle(PRAISE, at(0))).toEqual([]);
    expect(session.handle(PRAISE, at(0))).toEqual([{ type: 'show', text: PRAISE }]);
  });
});

describe('what a bare server glued, a bare client takes apart', () => {
  const connecting = (): ClientSession => {
    const session = new ClientSession('bare');
    session.connect('alice');
    return session;
  };
  const requesting = (framing: Framing = 'bare'): ClientSession => {
    const session = new ClientSession(framing);
    session.download.request('q.txt', at(0));
    return session;
  };

  test.each([
    ['alice is connected', 'connected', connecting],
    ['connected', 'alice is connected', connecting],
    ['bob is disconnectedalice is connected', 'connected', connecting],
    ['connected', 'bob is disconnected', connecting],
    ['bob is connected', '|2', requesting],
    ['bob is connectedeve is disconnected', '|2', requesting],
    ['|2', 'bob is connected', requesting],
    ['bob is connected', 'download stopped', requesting],
    ['download stopped', 'bob is connected', requesting],
  ])('%s, %s', (first, second, begin) => {
    const apart = begin();
    const expected = [...apart.handle(first, at(0)), ...apart.handle(second, at(0))];
    const effects = begin().handle(first + second, at(0));
    expect(JSON.stringify(effects)).toBe(JSON.stringify(expected));
    expect(effects.length).toBeGreaterThan(1);
  });

  test.each([
    'bob: eve is connected|2',
    'bob (to all): eve is connected|2',
    'connectedbob is connected',
    '|22: is connected',
  ])('but nothing that a user made up: %s', (text) => {
    expect(requesting().handle(text, at(0))).toEqual([{ type: 'show', text }]);
  });

  test('nor anything of a server that ends its lines', () => {
    const text = 'bob is connected|2';
    expect(requesting('line').handle(text, at(0))).toEqual([{ type: 'show', text }]);
  });
});

describe('a receiver', () => {
  test('grows its timer by 100 ms at each time-out, and sets it back when something new comes', () => {
    const receiver = new Receiver(4, at(0));
    expect(receiver.rto).toBe(100);
    receiver.onTimeout(at(100));
    expect(receiver.rto).toBe(200);
    receiver.onTimeout(at(300));
    expect(receiver.rto).toBe(300);
    give(receiver, 0);
    expect(receiver.rto).toBe(100);
    give(receiver, 0);
    expect(receiver.counts.duplicates).toBe(1);
  });

  test('is not set back by what it has already', () => {
    const receiver = new Receiver(4, at(0));
    give(receiver, 0);
    receiver.onTimeout(at(100));
    give(receiver, 0);
    expect(receiver.rto).toBe(200);
  });
});

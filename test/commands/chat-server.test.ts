import { beforeEach, describe, expect, test } from 'vitest';
import { ChatServer } from '../../lib/commands/chat-server.ts';
import { encodeServerMessage } from '../../lib/commands/codec.ts';
import type { ServerEffect } from '../../lib/commands/room.ts';
import { millis } from '../../lib/core/brands.ts';

const at = millis;
const FILE = { size: 5000, lastByte: 7, id: 'file' };
/** Of the feedback; no matter under the document's rules. */
const KEY = 7;

let server: ChatServer;

beforeEach(() => {
  server = new ChatServer({ dialect: 'document' });
  server.opened(1, '127.0.0.1', at(0));
});

/** What client `id` would get to read. */
function texts(effects: readonly ServerEffect[], id = 1): string[] {
  return effects.flatMap((effect) =>
    effect.type === 'send' && effect.to === id ? [encodeServerMessage(effect.message)] : [],
  );
}

function say(text: string, now = 0, id = 1): readonly ServerEffect[] {
  return server.handle(id, text, 'line', at(now));
}

/** Brings client 1 to where its file is sent. */
function transfer(now = 0): Extract<ServerEffect, { type: 'start-sending' }> {
  say('connect|alice', now);
  say('download|q.txt', now);
  server.fileOpened(1, FILE, KEY, at(now));
  const [start] = say('50000', now);
  if (start?.type !== 'start-sending') throw new Error('nothing is sent');
  return start;
}

function sendEverything({ sender }: ReturnType<typeof transfer>): void {
  const seqs = new Uint32Array(32);
  for (let now = 0; !sender.idle; now += 100) sender.take(at(now), seqs);
}

/** Brings client 1 to where its file is sent in the fast profile, and the hash is still made. */
function transferFast(): ReturnType<typeof transfer> {
  say('connect|alice');
  say('download|q.txt|fast=1|mtu=1500');
  const start = server
    .fileOpened(1, FILE, KEY, at(0))
    .find((effect) => effect.type === 'start-sending');
  if (start?.type !== 'start-sending') throw new Error('nothing is sent');
  return start;
}

describe('a download of the fast profile that is over while its file is still hashed', () => {
  test('sends nothing more, and has its last word when the hash is told', () => {
    transferFast();
    say('proceed');
    expect(say('stop')).toEqual([{ type: 'stop-sending', connection: 1 }]);
    expect(server.nextTimeout(1)).toBeUndefined();
    const effects = server.fileHashed(1, 'ab'.repeat(32), at(0));
    expect(effects).toContainEqual({ type: 'check-file', connection: 1 });
  });

  test('does not stand in the way of the next one', () => {
    transferFast();
    say('proceed');
    say('stop');
    const effects = say('download|other.txt');
    expect(texts(effects)).toEqual(['download stopped']);
    expect(effects.map(({ type }) => type)).toEqual(['end-sending', 'send', 'log', 'open-file']);
    expect(texts(server.fileHashed(1, 'ab'.repeat(32), at(0)))).toEqual([]);
  });
});

describe('time-outs of the server', () => {
  test('a client that never says its port is given up after 30 s', () => {
    say('connect|alice');
    say('download|q.txt');
    expect(texts(server.fileOpened(1, FILE, KEY, at(1000)))).toEqual(['|3']);
    expect(server.nextTimeout(1)).toBe(31_000);
    expect(server.onTimeout(1, at(30_999))).toEqual([]);
    expect(texts(server.onTimeout(1, at(31_000)))).toEqual([
      "Can't download. Nothing heard for 30 seconds",
    ]);
    expect(server.nextTimeout(1)).toBeUndefined();
    expect(say('download|q.txt')).toContainEqual(expect.objectContaining({ type: 'open-file' }));
  });

  test('no timer runs in the pause', () => {
    sendEverything(transfer());
    server.sendingPaused(1, at(500));
    expect(server.nextTimeout(1)).toBeUndefined();
  });

  test('a client that is silent for 30 s after everything was sent is given up', () => {
    const start = transfer();
    say('proceed');
    sendEverything(start);
    server.sendingPaused(1, at(500));
    expect(server.nextTimeout(1)).toBe(30_500);
    say('0', 10_000);
    sendEverything(start);
    expect(server.nextTimeout(1)).toBe(40_000);
    const effects = server.onTimeout(1, at(40_000));
    expect(effects).toContainEqual({ type: 'end-sending', connection: 1 });
    expect(texts(effects)).toEqual(["Can't download. Nothing heard for 30 seconds"]);
  });

  test('a client that is online and silent stays', () => {
    say('connect|alice');
    expect(server.nextTimeout(1)).toBeUndefined();
  });
});

describe('a download', () => {
  test('is of the file as it was: a change is told instead of the end', () => {
    transfer();
    say('proceed');
    expect(say('stop')).toEqual([{ type: 'check-file', connection: 1 }]);
    expect(texts(server.fileChecked(1, false, at(0)))).toEqual(["Can't download. File changed"]);
  });

  test('goes on when `proceed` comes by UDP, as the document has it in one place', () => {
    const { sender } = transfer();
    server.handleDatagram(1, 'nonsense', at(0));
    expect(sender.proceeded).toBe(false);
    server.handleDatagram(1, 'proceed', at(0));
    expect(sender.proceeded).toBe(true);
  });

  test('is not needed to go on for a file of one part', () => {
    say('connect|alice');
    say('download|q.txt');
    server.fileOpened(1, { ...FILE, size: 100, lastByte: 1 }, KEY, at(0));
    say('50000');
    say('stop');
    expect(texts(server.fileChecked(1, true, at(0)))).toEqual([
      'User alice downloaded 100% out of file. Last byte is: 1',
    ]);
  });

  test('can be left before the port is said', () => {
    say('connect|alice');
    say('download|q.txt');
    server.fileOpened(1, FILE, KEY, at(0));
    expect(texts(say('stop'))).toEqual(['download stopped']);
  });

  test('frees what it holds when the client vanishes while the file is opened', () => {
    say('connect|alice');
    say('download|q.txt');
    expect(server.closed(1)).toContainEqual({ type: 'end-sending', connection: 1 });
    expect(server.fileOpened(1, FILE, KEY, at(0))).toEqual([]);
  });

  test('of a bare client survives a re-request glued to the port', () => {
    say('connect|alice');
    say('download|q.txt');
    server.fileOpened(1, FILE, KEY, at(0));
    const effects = server.handle(1, '543210 1 2', 'bare', at(100));
    expect(effects).toContainEqual(
      expect.objectContaining({ type: 'start-sending', target: { port: 54321 } }),
    );
  });

  test('of an empty file survives a word that a bare client glued to the port', () => {
    say('connect|alice');
    say('download|q.txt');
    server.fileOpened(1, { ...FILE, size: 0 }, KEY, at(0));
    const effects = server.handle(1, '54321stop', 'bare', at(100));
    expect(JSON.stringify(effects)).not.toContain('refused');
    expect(effects).toContainEqual(
      expect.objectContaining({ type: 'start-sending', target: { port: 54321 } }),
    );
  });

  test.each([
    ['0proceed', 2],
    ['0proceed1', 3],
  ])('of a bare client survives a word glued to re-requests: %s', (text, wakes) => {
    const { sender } = transfer();
    sendEverything({ sender } as ReturnType<typeof transfer>);
    const effects = server.handle(1, text, 'bare', at(0));
    expect(effects.filter(({ type }) => type === 'wake-sender')).toHaveLength(wakes);
    expect(sender.proceeded).toBe(true);
  });
});

describe('names', () => {
  test.each([
    '',
    ' alice',
    'alice ',
    'a|b',
    'a\tb',
    'a\x1b[2Jb',
    'a\u0085b',
    'a\u202eb',
    'é'.repeat(33),
  ])('illegal: %j', (name) => {
    expect(texts(say(`connect|${name}`))).toEqual(["can't connect. Name is illegal. Try another"]);
  });

  test.each(['a', 'Alice B.', 'é'.repeat(32), '🎈', 'users: [x]'])('legal: %s', (name) => {
    expect(texts(say(`connect|${name}`))).toEqual([`${name} is connected`, 'connected']);
  });

  test('are free again after they left', () => {
    server.opened(2, '127.0.0.1', at(0));
    say('connect|alice');
    expect(texts(say('connect|alice', 0, 2), 2)).toEqual([
      "can't connect. Name is taken. Try another",
    ]);
    say('disconnect');
    expect(texts(say('connect|alice', 0, 2), 2)).toEqual(['alice is connected', 'connected']);
  });
});

test('a message that would be too long with the name before it is refused', () => {
  say('connect|alice');
  const effects = say(`msg_all|${'x'.repeat(65_528)}`);
  expect(texts(effects)).toEqual(['message too long']);
  expect(effects).toContainEqual({ type: 'close', connection: 1 });
});

import { describe, expect, test } from 'vitest';
import { after as later, millis } from '../../lib/core/brands.ts';
import { LineFramer } from '../../lib/core/line-framer.ts';
import { CommandClient, type CommandClientEffect } from '../../lib/relay/command-client.ts';
import {
  ANSWER_TIME,
  NotificationClient,
  type NotificationClientEffect,
} from '../../lib/relay/notification-client.ts';
import { PATIENCE, Retries } from '../../lib/relay/retries.ts';

const NOW = millis(0);
const ALICE = { user: 'alice', key: 'k', details: true };

function loggedIn(): CommandClient {
  const client = new CommandClient(ALICE, NOW);
  client.line('WELCOME', NOW);
  client.line('200 AUTHENTICATION OK', NOW);
  return client;
}

function says(client: CommandClient, ...lines: readonly string[]): CommandClientEffect[] {
  return lines.flatMap((line) => client.line(line, NOW));
}

describe('the command connection', () => {
  test('logs in', () => {
    const client = new CommandClient(ALICE, NOW);
    expect(says(client, 'WELCOME')).toEqual([{ type: 'send', text: 'alice k\r\n' }]);
    expect(says(client, '200 AUTHENTICATION OK')).toEqual([
      { type: 'result', result: { type: 'logged-in' } },
    ]);
    expect(client.nextTimeout()).toBeUndefined();
  });

  test.each(['201 ID HAS BEEN TAKEN', '202', '203 BAD COMMAND: why'])('hears %s', (line) => {
    const client = new CommandClient(ALICE, NOW);
    expect(says(client, 'WELCOME', line).at(-1)).toMatchObject({ result: { type: 'refused' } });
  });

  test('lists, and offers', () => {
    const client = loggedIn();
    expect(client.list(NOW)).toEqual([{ type: 'send', text: 'LIST\r\n' }]);
    expect(says(client, '300 2', 'alice', 'bob')).toEqual([
      { type: 'result', result: { type: 'users', users: ['alice', 'bob'] } },
    ]);
    client.list(NOW);
    expect(says(client, '300 0')).toMatchObject([{ result: { users: [] } }]);
    expect(client.offer({ file: 'a b', size: 5 }, ['bob', 'carol'], NOW)).toEqual([
      { type: 'send', text: 'SEND "a b" 5 2\r\nbob\r\ncarol\r\n' },
    ]);
    expect(says(client, '402 1', 'bob', '40000')).toEqual([
      { type: 'result', result: { type: 'accepted', users: ['bob'], port: 40_000 } },
    ]);
    client.offer({ file: 'f', size: 5 }, ['bob'], NOW);
    expect(says(client, '403 NO RECIPIENT')).toMatchObject([{ result: { type: 'refused' } }]);
    expect(() => client.list(NOW)).not.toThrow();
  });

  test.each([
    ['HTTP/1.1 400 Bad Request'],
    ['300 -1'],
    ['300 99999999'],
    ['402 1', 'bob', 'no port'],
    ['402 101'],
  ])('gives up a server that says %j', (...lines) => {
    const client = loggedIn();
    client.offer({ file: 'f', size: 5 }, ['bob'], NOW);
    expect(says(client, ...lines).at(-1)).toMatchObject({ type: 'give-up' });
    expect(says(client, '200')).toEqual([]);
  });

  test('gives up a server that does not answer', () => {
    const client = loggedIn();
    client.list(NOW);
    const end = client.nextTimeout() ?? NOW;
    expect(client.onTimeout(millis(end - 1))).toEqual([]);
    expect(client.onTimeout(end).map(({ type }) => type)).toEqual(['result', 'give-up']);
  });
});

function listening(): NotificationClient {
  const client = new NotificationClient(ALICE, NOW);
  expect(client.line('WELCOME', NOW)).toEqual([{ type: 'send', text: 'alice k details\r\n' }]);
  expect(client.line('200 AUTHENTICATION OK', NOW)).toEqual([{ type: 'logged-in' }]);
  return client;
}

function texts(effects: readonly NotificationClientEffect[]): string[] {
  return effects.flatMap((effect) => (effect.type === 'send' ? [effect.text.trimEnd()] : []));
}

describe('the notification connection', () => {
  test('sends the answers in the order of the questions', () => {
    const client = listening();
    client.line('RCFR bob', NOW);
    client.line('RCFR carol "f" 5', NOW);
    expect(texts(client.answer(1, true))).toEqual([]);
    expect(texts(client.answer(0, false))).toEqual(['401 DENIED', '400 OK']);
    expect(client.answer(0, true)).toEqual([]);
  });

  test('says no by itself, before the server takes silence for one', () => {
    const client = listening();
    client.line('RCFR bob', NOW);
    expect(client.onTimeout(millis(ANSWER_TIME - 1))).toEqual([]);
    const effects = client.onTimeout(later(NOW, ANSWER_TIME));
    expect(effects[0]).toEqual({ type: 'question-expired', number: 0 });
    expect(texts(effects)).toEqual(['401 DENIED']);
    expect(client.answer(0, true)).toEqual([]);
  });

  test('hears what can be read, however the bytes are cut', () => {
    const bytes = Buffer.from('WELCOME\r\n200 OK\r\nRCFR bob "a b" 7\nOPEN bob "a b" 40000\r\n');
    for (let at = 0; at <= bytes.length; at += 1) {
      const client = new NotificationClient(ALICE, NOW);
      const framer = new LineFramer(4096);
      const effects = [bytes.subarray(0, at), bytes.subarray(at)]
        .flatMap((chunk) => [...framer.push(chunk)])
        .flatMap((line) => client.line(line, NOW));
      const kinds = effects.map(({ type }) => type);
      expect(kinds).toEqual(['send', 'logged-in', 'ask', 'opened']);
      expect(effects.at(-1)).toMatchObject({ open: { sender: 'bob', file: 'a b', port: 40_000 } });
    }
  });

  test.each(['OPEN bob', 'OPEN bob "f" 0', 'RCFR', 'hello'])('gives up at %j', (line) => {
    expect(listening().line(line, NOW)).toMatchObject([{ type: 'give-up' }]);
  });
});

test('attempts come less and less often, and end', () => {
  const retries = new Retries();
  const pauses = Array.from({ length: 8 }, () => Number(retries.failed(NOW)));
  expect(pauses).toEqual([200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
  expect(retries.failed(later(NOW, PATIENCE))).toBeUndefined();
  retries.succeeded();
  expect(retries.failed(later(NOW, PATIENCE))).toBe(200);
});

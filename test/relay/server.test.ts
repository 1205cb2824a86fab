import { describe, expect, test } from 'vitest';
import { after as later, millis, parsePort } from '../../lib/core/brands.ts';
import { LineFramer } from '../../lib/core/line-framer.ts';
import { encodeCommandReply, encodeNotification } from '../../lib/relay/codec.ts';
import { RelayServer } from '../../lib/relay/server.ts';
import {
  type Agreement,
  QUESTION_TIME,
  REQUEST_TIME,
  type RelayEffect,
} from '../../lib/relay/server-room.ts';

const START = millis(1000);

/** A server in virtual time, with what each connection was told. */
class House {
  readonly server = new RelayServer();
  readonly told = new Map<number, string>();
  readonly closed = new Set<number>();
  readonly made: { readonly id: number; readonly agreement: Agreement }[] = [];
  readonly waiting: number[] = [];
  now = START;
  #next = 1;

  open(kind: 'command' | 'notification'): number {
    const id = this.#next++;
    this.run(this.server.opened(id, kind, this.now));
    return id;
  }

  say(id: number, ...lines: readonly string[]): void {
    for (const line of lines) {
      expect(this.server.isBusy(id)).toBe(false);
      this.run(this.server.line(id, line, this.now));
    }
  }

  logIn(user: string, words = `${user} k`): { command: number; notes: number } {
    const command = this.open('command');
    this.say(command, `${user} k`);
    const notes = this.open('notification');
    this.say(notes, words);
    this.take(command);
    this.take(notes);
    return { command, notes };
  }

  /** What it was told since the last time. */
  take(id: number): string {
    const text = this.told.get(id) ?? '';
    this.told.delete(id);
    return text;
  }

  pass(ms: number): void {
    this.now = later(this.now, millis(ms));
    for (let id = 1; id < this.#next; id += 1) this.run(this.server.onTimeout(id, this.now));
  }

  leave(id: number): void {
    this.run(this.server.closed(id));
  }

  run(effects: readonly RelayEffect[]): void {
    for (const effect of effects) {
      if (effect.type === 'send') {
        const text =
          effect.message.on === 'command'
            ? encodeCommandReply(effect.message.reply)
            : encodeNotification(effect.message.notification);
        this.told.set(effect.to, (this.told.get(effect.to) ?? '') + text);
      } else if (effect.type === 'close') this.closed.add(effect.connection);
      else if (effect.type === 'check-key') {
        this.run(this.server.keyChecked(effect.connection, effect.party.key !== 'wrong'));
      } else if (effect.type === 'make-transfer') {
        this.made.push({ id: effect.connection, agreement: effect.agreement });
      } else if (effect.type === 'list-waiting') this.waiting.push(effect.connection);
    }
  }

  made1(port = 40_000): void {
    const made = this.made.shift();
    const there = parsePort(String(port));
    if (made === undefined || there === undefined) throw new Error('nothing was made');
    this.run(this.server.transferMade(made.id, there));
  }
}

describe('log-in', () => {
  test('both connections begin alike', () => {
    const house = new House();
    const command = house.open('command');
    expect(house.take(command)).toBe('WELCOME\r\n');
    house.say(command, 'alice key');
    expect(house.take(command)).toBe('200 AUTHENTICATION OK\r\n');
    const notes = house.open('notification');
    house.say(notes, 'alice key');
    expect(house.take(notes)).toBe('WELCOME\r\n200 AUTHENTICATION OK\r\n');
    expect(house.closed.size).toBe(0);
  });

  test.each([
    ['command', 'alice other', '201 ID HAS BEEN TAKEN'],
    ['command', 'bob wrong', '202 AUTHENTICATION FAILED'],
    ['command', 'bob', '203 BAD COMMAND'],
    ['notification', 'alice other', '202 AUTHENTICATION FAILED'],
    ['notification', 'bob k', '202 AUTHENTICATION FAILED'],
    ['notification', 'alice', '203 BAD COMMAND'],
  ] as const)('on the %s connection, %s is answered with %s', (kind, line, answer) => {
    const house = new House();
    house.logIn('alice');
    const id = house.open(kind);
    house.say(id, line);
    expect(house.take(id)).toMatch(new RegExp(`^WELCOME\r\n${answer}(: .*)?\r\n$`));
    expect(house.closed.has(id)).toBe(true);
  });

  test('a refused one does not take the name of the one who is there', () => {
    const house = new House();
    const { command } = house.logIn('alice');
    const other = house.open('command');
    house.say(other, 'alice k');
    house.leave(other);
    house.say(command, 'LIST');
    expect(house.take(command)).toBe('300 1\r\nalice\r\n');
  });

  test('the name is free when the command connection is gone; the other one is closed', () => {
    const house = new House();
    const { command, notes } = house.logIn('alice');
    house.leave(command);
    expect(house.closed.has(notes)).toBe(true);
    const again = house.open('command');
    house.say(again, 'alice k2');
    expect(house.take(again)).toContain('200 ');
  });

  test('a second notification connection takes the place of the first', () => {
    const house = new House();
    const { command, notes } = house.logIn('alice');
    const second = house.open('notification');
    house.say(second, 'alice k');
    expect(house.closed.has(notes)).toBe(true);
    house.leave(notes);
    house.say(command, 'LIST');
    expect(house.take(command)).toBe('300 1\r\nalice\r\n');
    expect(house.waiting).toHaveLength(2);
  });

  test('one who says nothing is closed in time', () => {
    const house = new House();
    const ids = [house.open('command'), house.open('notification')];
    house.pass(REQUEST_TIME - 1);
    expect(house.closed.size).toBe(0);
    house.pass(1);
    expect([...house.closed]).toEqual(ids);
    for (const id of ids) expect(house.take(id)).toContain('203 BAD COMMAND');
  });

  test('who is there may be silent for ever', () => {
    const house = new House();
    house.logIn('alice');
    house.pass(10_000_000);
    expect(house.closed.size).toBe(0);
  });
});

test('LIST tells those who can be asked', () => {
  const house = new House();
  const { command } = house.logIn('alice');
  house.logIn('bob');
  const carol = house.open('command');
  house.say(carol, 'carol k');
  house.say(command, 'LIST');
  expect(house.take(command)).toBe('300 2\r\nalice\r\nbob\r\n');
});

test.each(['HELLO', '', 'list', 'LIST x'])('%j is no command', (line) => {
  const house = new House();
  const { command } = house.logIn('alice');
  house.say(command, line);
  expect(house.take(command)).toMatch(/^900 UNKNOWN COMMAND/);
  expect(house.closed.has(command)).toBe(true);
});

describe('SEND', () => {
  test('asks all at once, and tells the port to those who want it', () => {
    const house = new House();
    const alice = house.logIn('alice');
    const bob = house.logIn('bob');
    const carol = house.logIn('carol', 'carol k details');
    house.say(alice.command, 'SEND "a b.txt" 12 3', 'bob', 'carol', 'nobody');
    expect(house.take(bob.notes)).toBe('RCFR alice\r\n');
    expect(house.take(carol.notes)).toBe('RCFR alice "a b.txt" 12\r\n');
    expect(house.server.isBusy(alice.command)).toBe(true);
    house.say(carol.notes, '400 OK');
    expect(house.made).toHaveLength(0);
    house.say(bob.notes, '401 DENIED');
    expect(house.made[0]?.agreement).toEqual({
      sender: { user: 'alice', key: 'k' },
      file: 'a b.txt',
      size: 12,
      recipients: [{ user: 'carol', key: 'k' }],
    });
    house.made1();
    expect(house.take(alice.command)).toBe('402 1\r\ncarol\r\n40000\r\n');
    expect(house.take(carol.notes)).toBe('OPEN alice "a b.txt" 40000\r\n');
    expect(house.take(bob.notes)).toBe('');
    expect(house.server.isBusy(alice.command)).toBe(false);
  });

  test('nobody wants it, or is there: 403, and the conversation goes on', () => {
    const house = new House();
    const alice = house.logIn('alice');
    const bob = house.logIn('bob');
    house.say(alice.command, 'SEND f 1 1', 'bob');
    house.say(bob.notes, '401 DENIED');
    house.say(alice.command, 'SEND f 1 1', 'nobody');
    house.say(alice.command, 'SEND f 1 0', 'LIST');
    const said = house
      .take(alice.command)
      .split('\r\n')
      .filter((line) => line.startsWith('403'));
    expect(said).toHaveLength(3);
    expect(house.closed.size).toBe(0);
  });

  test('no answer within 60 s is a no, and a late one is not taken for another', () => {
    const house = new House();
    const alice = house.logIn('alice');
    const bob = house.logIn('bob');
    house.say(alice.command, 'SEND one 1 1', 'bob');
    house.pass(QUESTION_TIME - 1);
    expect(house.take(alice.command)).toBe('');
    house.pass(1);
    expect(house.take(alice.command)).toMatch(/^403/);
    house.say(alice.command, 'SEND two 1 1', 'bob');
    house.say(bob.notes, '400 OK');
    expect(house.made).toHaveLength(0);
    house.say(bob.notes, '401 DENIED');
    expect(house.take(alice.command)).toMatch(/^403/);
  });

  test('a recipient who leaves has said no', () => {
    const house = new House();
    const alice = house.logIn('alice');
    const bob = house.logIn('bob');
    house.say(alice.command, 'SEND f 1 1', 'bob');
    house.leave(bob.command);
    expect(house.take(alice.command)).toMatch(/^403/);
  });

  test('a sender who leaves is not waited for', () => {
    const house = new House();
    const alice = house.logIn('alice');
    const bob = house.logIn('bob');
    house.say(alice.command, 'SEND f 1 1', 'bob');
    house.leave(alice.command);
    house.say(bob.notes, '400 OK');
    expect(house.made).toHaveLength(0);
    expect(house.closed.has(bob.notes)).toBe(false);
  });

  test('a server that cannot store it says 404, and goes on', () => {
    const house = new House();
    const alice = house.logIn('alice');
    const bob = house.logIn('bob');
    house.say(alice.command, 'SEND f 1 1', 'bob');
    house.say(bob.notes, '400 OK');
    house.run(house.server.transferFailed(alice.command, 'no room'));
    expect(house.take(alice.command)).toBe('404 SERVER ERROR: no room\r\n');
    house.say(alice.command, 'LIST');
    expect(house.take(alice.command)).toMatch(/^300 2/);
  });

  test('whoever is named twice is asked once', () => {
    const house = new House();
    const alice = house.logIn('alice');
    const bob = house.logIn('bob');
    house.say(alice.command, 'SEND f 1 2', 'bob', 'bob');
    expect(house.take(bob.notes)).toBe('RCFR alice\r\n');
  });

  test.each([['SEND f 1 101'], ['SEND f'], ['SEND f 1 1', 'two words'], ['SEND f 1 1', '']])(
    '%j is answered with 405, and closed',
    (...lines) => {
      const house = new House();
      const alice = house.logIn('alice');
      house.say(alice.command, ...lines);
      expect(house.take(alice.command)).toMatch(/^405 BAD SEND COMMAND/);
      expect(house.closed.has(alice.command)).toBe(true);
    },
  );

  test('recipients that do not come are not waited for', () => {
    const house = new House();
    const alice = house.logIn('alice');
    house.say(alice.command, 'SEND f 1 2', 'bob');
    house.pass(REQUEST_TIME);
    expect(house.take(alice.command)).toMatch(/^405/);
    expect(house.closed.has(alice.command)).toBe(true);
  });

  test('an answer without a question is none', () => {
    const house = new House();
    const bob = house.logIn('bob');
    house.say(bob.notes, '400 OK');
    expect(house.take(bob.notes)).toMatch(/^900/);
    expect(house.closed.has(bob.notes)).toBe(true);
  });

  test('what waits is told after the log-in', () => {
    const house = new House();
    const { notes } = house.logIn('bob');
    expect(house.waiting).toEqual([notes]);
    const port = parsePort('40001');
    if (port === undefined) throw new Error();
    house.run(house.server.waitingListed(notes, [{ sender: 'alice', file: 'f', port }]));
    expect(house.take(notes)).toBe('OPEN alice "f" 40001\r\n');
  });
});

test('a conversation means the same however its bytes are cut and glued', () => {
  const bytes = Buffer.from('alice k\r\nSEND "a b" 5 1\nalice\r\nLIST\n');
  const play = (cuts: readonly number[]): string => {
    const house = new House();
    const id = house.open('command');
    const framer = new LineFramer(4096);
    const waiting: string[] = [];
    let from = 0;
    for (const to of [...cuts, bytes.length]) {
      waiting.push(...framer.push(bytes.subarray(from, to)));
      from = to;
      while (waiting.length > 0 && !house.server.isBusy(id)) house.say(id, waiting.shift() ?? '');
    }
    return house.take(id);
  };
  const whole = play([]);
  expect(whole).toMatch(/^WELCOME\r\n200 .*\r\n403 NO RECIPIENT\r\n300 0\r\n$/);
  for (let at = 1; at < bytes.length; at += 1) expect(play([at])).toBe(whole);
  expect(play(Array.from(bytes.keys()))).toBe(whole);
});

test('a name is had by whoever is checked first, when two come for it at once', () => {
  const server = new RelayServer();
  const told = (effects: readonly RelayEffect[]): string =>
    effects
      .flatMap((effect) =>
        effect.type === 'send' && effect.message.on === 'command'
          ? [encodeCommandReply(effect.message.reply)]
          : [],
      )
      .join('');
  for (const id of [1, 2]) {
    server.opened(id, 'command', START);
    const [check] = server.line(id, `alice k${id}`, START);
    expect(check).toMatchObject({ type: 'check-key', connection: id });
  }
  expect(told(server.keyChecked(2, true))).toMatch(/^200 /);
  expect(told(server.keyChecked(1, true))).toMatch(/^201 /);
  // The one who was refused takes nothing along.
  server.closed(1);
  server.opened(3, 'notification', START);
  const welcomed = server.line(3, 'alice k2', START);
  expect(welcomed).toContainEqual(expect.objectContaining({ type: 'list-waiting' }));
});

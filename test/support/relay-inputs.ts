import { randomBytes as chance } from 'node:crypto';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import { seededRandom } from '../../lib/core/random.ts';
import { TemporaryFolder } from '../app/folders.ts';
import { agree, logIn, startRelay } from './relay-under-test.ts';

export type RelayPort = 'command' | 'notification' | 'data';

const SEED = 1100;
const AT_A_TIME = 16;
const BITS = [
  '"',
  ' ',
  '\r\n',
  '\n',
  '\0',
  '\x1b[2J',
  '\u2028',
  '🙂',
  '-1',
  '99999999999999999999',
];
const GOOD: Record<RelayPort, readonly string[]> = {
  command: ['eve k', 'LIST', 'SEND "a b" 5 2\r\nmallory\r\neve', 'SEND ../f 5 1\r\nnobody'],
  notification: ['eve k', 'eve k details', '400 OK', '401 DENIED'],
  data: ['WRITE alice k', 'WRITE alice k resume', 'READ alice k 0', 'READ alice k 3 details'],
};

function makeInput(random: () => number, good: readonly string[]): Buffer {
  const below = (limit: number): number => Math.floor(random() * limit);
  const kind = random();
  if (kind < 0.2) return Buffer.from(Array.from({ length: below(64) }, () => below(256)));
  if (kind < 0.21) return chance(8000);
  let text = Array.from({ length: 1 + below(3) }, () => `${good[below(good.length)]}\r\n`).join('');
  for (let changes = below(4); changes > 0; changes -= 1) {
    const at = below(text.length + 1);
    const bit = BITS[below(BITS.length)] ?? '';
    text =
      random() < 0.5
        ? text.slice(0, at) + bit + text.slice(at)
        : text.slice(0, at) + text.slice(at + 1);
  }
  // A key that is right would end the transfer that is tried here.
  return Buffer.from(text.replaceAll('alice k', 'alice x'));
}

/** Says it, ends, and waits until the server does. */
async function throwAt(port: number, input: Buffer): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.resume();
  socket.end(input);
  // A reset is one more way to end.
  await once(socket, 'close').catch(() => undefined);
}

/** Throws random and mutated inputs at one port of a server, and looks whether it minds. */
export async function throwInputs(kind: RelayPort, count: number): Promise<void> {
  await using folder = await TemporaryFolder.create();
  await using relay = await startRelay(join(folder.path, 'store'));
  using alice = await logIn(relay, 'alice');
  const data = await agree(alice, [['alice', alice]], 'f', 10);
  const { commandPort, notificationPort } = relay.driver;
  const port = { command: commandPort, notification: notificationPort, data }[kind];
  const random = seededRandom(SEED);
  const inputs = Array.from({ length: count }, () => makeInput(random, GOOD[kind]));
  await Promise.all(
    Array.from({ length: AT_A_TIME }, async () => {
      for (let next = inputs.pop(); next !== undefined; next = inputs.pop()) {
        await throwAt(port, next);
      }
    }),
  );
  expect(relay.errors).toEqual([]);
  expect(relay.driver.transfers).toBe(1);
  alice.command.say('LIST');
  await alice.command.hears('300 1\r\nalice\r\n');
  expect(await readdir(folder.path)).toEqual(['store']);
  expect((await readdir(join(folder.path, 'store'))).sort()).toEqual(['files', 'index']);
}

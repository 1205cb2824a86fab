import { createConnection, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Gate } from '../../lib/isend/gate.ts';
import { IsendReceiverDriver } from '../../lib/net/isend-receiver-driver.ts';
import { TemporaryFolder } from '../app/folders.ts';
import { agree, logIn, startRelay } from '../support/relay-under-test.ts';
import { until } from './waiting.ts';

const MOST_MS = 120_000;

interface Slow {
  readonly socket: Socket;
  readonly after: () => number | undefined;
}

/** One that says `text` byte by byte, one a second, again and again; nothing when it is empty. */
function open(port: number, text: string): Slow {
  const began = performance.now();
  let after: number | undefined;
  const socket = createConnection({ port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  socket.resume();
  let at = 0;
  const timer = setInterval(() => {
    if (text !== '') socket.write(text[at++ % text.length] ?? '');
  }, 1000);
  socket.on('close', () => {
    clearInterval(timer);
    after = performance.now() - began;
  });
  return { socket, after: () => after };
}

/** Seconds until each was closed. */
async function closings(peers: readonly Slow[]): Promise<number[]> {
  await until('the end of all', () => peers.every(({ after }) => after() !== undefined), MOST_MS);
  return peers.map(({ after }) => (after() ?? 0) / 1000);
}

describe('a peer that says nothing, or a byte a second, is closed in time', () => {
  test('by an isend receiver', async () => {
    await using driver = await IsendReceiverDriver.start({
      host: '127.0.0.1',
      port: 0,
      gate: new Gate(undefined),
      openSink: () => {
        throw new Error('nobody connects');
      },
      onWarning: () => undefined,
      onEnded: () => undefined,
    });
    const texts = ['', '', '\u0000', '\u0001'];
    for (const seconds of await closings(texts.map((text) => open(driver.port, text)))) {
      expect(seconds).toBeLessThan(15);
    }
  });

  test('by each port of a relay, which serves the others meanwhile', async () => {
    await using folder = await TemporaryFolder.create();
    await using relay = await startRelay(folder.path);
    using alice = await logIn(relay, 'alice');
    const port = await agree(alice, [['alice', alice]], 'f', 10);
    const { commandPort, notificationPort } = relay.driver;
    const peers = [commandPort, notificationPort, port].flatMap((each) =>
      ['', 'a', 'WRITE '].map((text) => open(each, text)),
    );
    await delay(5000);
    alice.command.say('LIST');
    await alice.command.hears('300 1\r\nalice\r\n');
    for (const seconds of await closings(peers)) expect(seconds).toBeLessThan(40);
    expect(relay.errors).toEqual([]);
    // Who has logged in may be silent as long as he likes.
    expect(alice.command.ended).toBe(false);
  });
});

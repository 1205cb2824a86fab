import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Port, parsePort } from '../../lib/core/brands.ts';
import { RelayClient } from '../../lib/net/relay-client.ts';
import { download } from '../../lib/net/relay-download.ts';
import { WRONG_KEYS } from '../../lib/relay/server-room.ts';
import { patternBytes, TemporaryFolder } from '../app/folders.ts';
import {
  agree,
  logIn,
  PlainPeer,
  type RelayUnderTest,
  startRelay,
} from '../support/relay-under-test.ts';
import { until } from './waiting.ts';

const BYTES = patternBytes(300_000);

function logInOf({ driver }: RelayUnderTest, user: string) {
  return {
    server: '127.0.0.1',
    commandPort: driver.commandPort,
    notificationPort: driver.notificationPort,
    user,
    key: 'k',
  };
}

async function store(port: number): Promise<void> {
  using writer = await PlainPeer.open(port);
  writer.say('WRITE alice k');
  await writer.hears('500 ');
  writer.socket.write(BYTES);
  await writer.ends();
}

describe('the stored copy', () => {
  test('stays until a reader that asked for details has said that it has everything', async () => {
    await using folder = await TemporaryFolder.create();
    await using relay = await startRelay(folder.path);
    using alice = await logIn(relay, 'alice');
    const port = await agree(alice, [['alice', alice]], 'f', BYTES.length);
    await store(port);
    for (const said of [[], ['NO'], ['OK']]) {
      expect(relay.driver.transfers).toBe(1);
      using reader = await PlainPeer.open(port, true);
      reader.say('READ alice k 0 details');
      await reader.ends();
      expect(reader.body.equals(BYTES)).toBe(true);
      reader.say(...said);
      reader.socket.end();
      await until('the end of the connection', () => reader.socket.closed);
    }
    await until('the end of the transfer', () => relay.driver.transfers === 0);
  });

  test('stays when our client cannot keep what it has read', async () => {
    await using folder = await TemporaryFolder.create();
    await using relay = await startRelay(folder.path);
    using alice = await logIn(relay, 'alice');
    const port = await agree(alice, [['alice', alice]], 'f', BYTES.length);
    await store(port);
    const read = async (finish: () => Promise<void>, size: number | undefined) => {
      const chunks: Buffer[] = [];
      await download({
        ...logInOf(relay, 'alice'),
        port,
        size,
        openSink: async () => ({ offset: 0, write: async (chunk) => void chunks.push(chunk) }),
        finish,
        signal: new AbortController().signal,
        onProgress: () => undefined,
        onRetry: () => undefined,
      });
      return Buffer.concat(chunks);
    };
    const full = async (): Promise<void> => {
      throw new Error('the disk is full');
    };
    await expect(read(full, BYTES.length)).rejects.toThrow('the disk is full');
    await expect(read(full, undefined)).rejects.toThrow('the disk is full');
    expect((await read(async () => undefined, undefined)).equals(BYTES)).toBe(true);
    await until('the end of the transfer', () => relay.driver.transfers === 0);
  });
});

test('bytes are on their way from the beginning, so that they are not replaced', async () => {
  await using folder = await TemporaryFolder.create();
  await using relay = await startRelay(folder.path);
  using alice = await logIn(relay, 'alice');
  const port = await agree(alice, [['alice', alice]], 'f', 2 * BYTES.length);
  using writer = await PlainPeer.open(port);
  writer.say('WRITE alice k');
  await writer.hears('500 ');
  writer.socket.write(BYTES);
  const [file = ''] = await readdir(join(folder.path, 'files'));
  await until('the bytes', async () => {
    return (await stat(join(folder.path, 'files', file))).size === BYTES.length;
  });
  using reader = await PlainPeer.open(port);
  reader.say(`READ alice k ${BYTES.length}`);
  await reader.hears('500 ');
  using second = await PlainPeer.open(port);
  second.say('WRITE alice k');
  await second.hears('501 DENIED');
});

test('who guesses keys is not listened to any more', async () => {
  await using folder = await TemporaryFolder.create();
  await using relay = await startRelay(folder.path);
  using alice = await logIn(relay, 'alice');
  const guess = async (key: string): Promise<string> => {
    using peer = await PlainPeer.open(relay.driver.notificationPort);
    peer.say(`alice ${key}`);
    await peer.ends();
    return peer.text;
  };
  for (let number = 0; number < WRONG_KEYS; number += 1) {
    expect(await guess(`wrong${number}`)).toBe('WELCOME\r\n202 AUTHENTICATION FAILED\r\n');
  }
  expect(await guess('k')).toMatch(/^202 AUTHENTICATION FAILED: too many/);
  // Who is there already stays.
  alice.command.say('LIST');
  await alice.command.hears('300 1\r\nalice\r\n');
});

describe('our client', () => {
  const nobody = { onQuestion: async () => true, onClosed: () => undefined };

  test('goes on with one request when another one comes too early', async () => {
    await using folder = await TemporaryFolder.create();
    await using relay = await startRelay(folder.path);
    using bob = await logIn(relay, 'bob');
    const options = { ...nobody, ...logInOf(relay, 'alice'), onOpen: () => undefined };
    await using alice = await RelayClient.open(options);
    const offered = alice.offer({ file: 'f', size: 1 }, ['bob']);
    await bob.notes.hears('RCFR');
    await expect(alice.list()).rejects.toThrow('one request at a time');
    bob.notes.say('400 OK');
    expect((await offered).users).toEqual(['bob']);
    expect(await alice.list()).toEqual(['bob', 'alice']);
  });

  test('logs in again without the word that a server does not know, over a long way too', async () => {
    const ports: Port[] = [];
    let logIns = 0;
    const server = createServer((socket) => {
      // The end of one connection is known before the next one is there.
      setTimeout(() => socket.write('WELCOME\r\n'), 30);
      socket.on('data', (chunk) => {
        logIns += 1;
        if (chunk.toString().includes('details')) socket.end('203 BAD COMMAND\r\n');
        else socket.write('200 AUTHENTICATION OK\r\n');
      });
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as { port: number };
      const client = await RelayClient.open({
        ...nobody,
        server: '127.0.0.1',
        commandPort: port,
        notificationPort: port,
        user: 'alice',
        key: 'k',
        onOpen: (offer) => ports.push(offer.port),
      });
      expect(client.isOpen).toBe(true);
      expect(logIns).toBe(3);
      await client.close();
    } finally {
      server.close();
    }
  });
});

test('a stored file that is gone or cannot be used does not keep the server from starting', async () => {
  await using folder = await TemporaryFolder.create();
  const ports: number[] = [];
  {
    await using relay = await startRelay(folder.path);
    using alice = await logIn(relay, 'alice');
    for (const name of ['lost', 'kept']) {
      ports.push(await agree(alice, [['alice', alice]], name, BYTES.length));
      await store(ports.at(-1) ?? 0);
    }
  }
  const [first = ''] = (await readdir(join(folder.path, 'files'))).sort();
  expect(await readFile(join(folder.path, 'files', first))).toHaveLength(BYTES.length);
  await rm(join(folder.path, 'files', first));
  const warnings: string[] = [];
  await using relay = await startRelay(folder.path, {
    onEvent: ({ level, text }) => {
      if (level === 'warning') warnings.push(text);
    },
  });
  expect(warnings).toEqual([expect.stringMatching(/^lost of alice cannot go on: /)]);
  expect(relay.driver.transfers).toBe(1);
  using reader = await PlainPeer.open(parsePort(String(ports[1])) ?? 0);
  reader.say('READ alice k 0');
  await reader.ends();
  expect(reader.body.equals(BYTES)).toBe(true);
});

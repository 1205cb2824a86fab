import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { someBytes } from '../support/server-under-test.ts';
import { ClientUnderTest } from './client-under-test.ts';
import { startReference } from './reference.ts';
import { until } from './waiting.ts';

const SIZES = [0, 1, 2043, 2044, 4086, 200_000];

// Most of the time is spent waiting for pauses and timers: they wait together.
describe.each(['line', 'bare'] as const)(
  'the client with a %s server',
  { concurrent: true },
  (framing) => {
    test('logs in, says that a name is taken, and shows what the server says', async () => {
      await using server = await startReference({ framing });
      await using ann = await ClientUnderTest.open({ port: server.port, framing });
      await using other = await ClientUnderTest.open({ port: server.port, framing, name: '' });
      expect(await other.driver.connect('ann')).toBe(false);
      expect(await other.driver.connect('bob')).toBe(true);
      ann.driver.send({ type: 'msg', data: 'hello | you', target: 'bob' });
      await until('the message', () => other.texts.includes('ann: hello | you'));
      ann.driver.send({ type: 'get-users' });
      await until('the list', () => ann.texts.includes('users: [ann, bob]'));
      expect(ann.texts).toEqual([
        'ann is connected',
        'connected',
        'bob is connected',
        'users: [ann, bob]',
      ]);
      expect(other.texts.slice(0, 3)).toEqual([
        "can't connect. Name is taken. Try another",
        'bob is connected',
        'connected',
      ]);
    });

    test.each(SIZES)('downloads a file of %i bytes', async (size) => {
      const bytes = someBytes(size);
      await using server = await startReference({ framing, files: { 'f.bin': bytes } });
      await using client = await ClientUnderTest.open({ port: server.port, framing });
      const fetched = await client.fetch('f.bin');
      expect(fetched.outcome).toEqual({ type: 'complete' });
      expect(fetched.bytes?.equals(bytes)).toBe(true);
      const last = bytes.at(-1) ?? 'none';
      const praise = `User ann downloaded 100% out of file. Last byte is: ${last}`;
      await until('praise', () => client.texts.at(-1) === praise);
      expect(server.received.filter((text) => text === 'proceed')).toHaveLength(
        size > 2043 ? 1 : 0,
      );
      expect(await client.locks()).toEqual([]);
    });

    test.each<[string, (seq: number, nth: number) => boolean]>([
      ['the first part', (seq, nth) => seq === 0 && nth === 1],
      ['the last part', (seq, nth) => seq === 97 && nth === 1],
      ['every third part', (seq, nth) => seq % 3 === 0 && nth === 1],
      ['every part once, and some again', (seq, nth) => nth === 1 || (seq % 7 === 0 && nth < 3)],
    ])('downloads all though %s is lost', async (_name, drop) => {
      const bytes = someBytes(200_000);
      await using server = await startReference({ framing, files: { 'f.bin': bytes }, drop });
      await using client = await ClientUnderTest.open({ port: server.port, framing });
      const fetched = await client.fetch('f.bin');
      expect(fetched.outcome).toEqual({ type: 'complete' });
      expect(fetched.bytes?.equals(bytes)).toBe(true);
      expect(fetched.receiver?.counts.reRequests).toBeGreaterThan(0);
    });
  },
);

test('parts that come twice or out of order do no harm', async () => {
  const bytes = someBytes(100_000);
  const held: Buffer[] = [];
  await using server = await startReference({
    files: { 'f.bin': bytes },
    hooks: {
      // Each odd part waits for the next even one, and then comes twice.
      datagram: (datagram, seq, nth) => {
        if (seq % 2 === 0 || nth > 1) return [datagram, ...held.splice(0), datagram];
        held.push(datagram, datagram);
        return [];
      },
    },
  });
  await using client = await ClientUnderTest.open({ port: server.port });
  const { bytes: saved, receiver } = await client.fetch('f.bin');
  expect(saved?.equals(bytes)).toBe(true);
  expect(receiver?.counts.received).toBe(49);
  expect(receiver?.counts.duplicates).toBeGreaterThan(0);
});

test('a part that the file does not take now is asked for again', async () => {
  const bytes = someBytes(40_000);
  const refused = new Set<number>();
  await using server = await startReference({ files: { 'f.bin': bytes } });
  await using client = await ClientUnderTest.open({
    port: server.port,
    wrapSink: (sink) => ({
      write: (seq, datagram, start) => {
        if (refused.has(seq)) return sink.write(seq, datagram, start);
        refused.add(seq);
        return false;
      },
    }),
  });
  const fetched = await client.fetch('f.bin');
  expect(fetched.bytes?.equals(bytes)).toBe(true);
  expect(refused.size).toBe(20);
});

test.each(['no', 'stop it', 'No way!', '', '3 4 5', 'get_users', 'msg_all|hello', 'disconnect'])(
  'the answer %j to the question at half stops the download and keeps what came',
  async (answer) => {
    const bytes = someBytes(20 * 2043);
    await using server = await startReference({ files: { 'f.bin': bytes } });
    await using client = await ClientUnderTest.open({
      port: server.port,
      onHalf: ({ driver }) => driver.answer(answer),
    });
    const fetched = await client.fetch('f.bin');
    expect(fetched.outcome).toEqual({ type: 'stopped' });
    await until('the answer', () => client.texts.at(-1) === 'download stopped');
    expect(fetched.bytes?.equals(bytes.subarray(0, 10 * 2043))).toBe(true);
    expect(await readFile(client.partPath('f.bin'))).toHaveLength(10 * 2043);
    expect(await client.locks()).toEqual([]);
    expect(client.closings).toEqual([]);
  },
);

test('no timer runs while the user thinks: nothing is asked for again', async () => {
  const files = { 'f.bin': someBytes(20 * 2043) };
  await using server = await startReference({ files });
  // Another download, whose timer runs out three times, takes the place of a clock.
  await using slow = await startReference({ files, drop: (seq, nth) => seq === 0 && nth <= 3 });
  await using clock = await ClientUnderTest.open({ port: slow.port });
  let asked: number | undefined;
  await using client = await ClientUnderTest.open({
    port: server.port,
    onHalf: async ({ driver, receiver }) => {
      // A machine that is busy before may have made it ask.
      const { reRequests } = receiver.counts;
      await clock.fetch('f.bin');
      asked = receiver.counts.reRequests - reRequests;
      driver.answer('proceed');
    },
  });
  expect((await client.fetch('f.bin')).outcome).toEqual({ type: 'complete' });
  expect(clock.receiver.counts.reRequests).toBeGreaterThanOrEqual(3);
  expect(asked).toBe(0);
});

test('messages of others are shown during a download', async () => {
  await using server = await startReference({ files: { 'f.bin': someBytes(20 * 2043) } });
  await using bob = await ClientUnderTest.open({ port: server.port, name: 'bob' });
  await using ann = await ClientUnderTest.open({
    port: server.port,
    onHalf: async (client) => {
      bob.driver.send({ type: 'msg', data: 'hello', target: 'ann' });
      await until('the message', () => client.texts.includes('bob: hello'));
      client.driver.answer('proceed');
    },
  });
  expect((await ann.fetch('f.bin')).outcome).toEqual({ type: 'complete' });
});

test('connects from the address that is asked for', async (ctx) => {
  if (process.platform !== 'linux') ctx.skip('only Linux has all of 127.0.0.0/8');
  const addresses: string[] = [];
  const bytes = someBytes(5000);
  await using server = await startReference({
    files: { 'f.bin': bytes },
    hooks: {
      message: (_text, peer) => {
        addresses.push(peer.address);
        return false;
      },
    },
  });
  await using client = await ClientUnderTest.open({ port: server.port, from: '127.0.0.3' });
  expect((await client.fetch('f.bin')).bytes?.equals(bytes)).toBe(true);
  expect(new Set(addresses)).toEqual(new Set(['127.0.0.3']));
});

test('a server that is not there is an error with its code', async () => {
  const server = await startReference({});
  await server.close();
  await expect(ClientUnderTest.open({ port: server.port })).rejects.toMatchObject({
    code: 'ECONNREFUSED',
  });
});

test('a message over 64 KiB is not sent', async () => {
  await using server = await startReference({});
  await using client = await ClientUnderTest.open({ port: server.port });
  const say = (length: number): void => {
    client.driver.send({ type: 'msg-all', data: 'x'.repeat(length) });
  };
  expect(() => say(65_536 - 7)).toThrow(RangeError);
  say(65_536 - 8);
  await until('the message', () => server.received.at(-1)?.length === 65_536);
});

test('disconnect waits for the last answer, and the end is no error', async () => {
  await using server = await startReference({});
  await using client = await ClientUnderTest.open({ port: server.port });
  await client.driver.disconnect();
  expect(client.texts.at(-1)).toBe('disconnected');
  expect(client.closings).toEqual([undefined]);
  await client.driver.disconnect();
  expect(client.closings).toEqual([undefined]);
});

test('a server that never closes is left after two seconds', async () => {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined).resume();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    await using client = await ClientUnderTest.open({ port, name: '' });
    const start = performance.now();
    await client.driver.disconnect();
    expect(performance.now() - start).toBeLessThan(5000);
    expect(client.closings).toHaveLength(1);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

test('a file of the same name that is being received fails the download, not the session', async () => {
  await using server = await startReference({ files: { 'f.bin': someBytes(5000) } });
  await using client = await ClientUnderTest.open({ port: server.port });
  await writeFile(`${client.partPath('f.bin')}.lock`, `${process.ppid}\n`);
  const { outcome } = await client.fetch('f.bin');
  expect(outcome).toMatchObject({ type: 'failed', reason: /process/ });
  client.driver.send({ type: 'get-users' });
  await until('an answer', () => client.texts.includes('users: [ann]'));
});

import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { ReferenceClient } from '../support/reference-client.ts';
import { someBytes, startServer } from '../support/server-under-test.ts';
import { Ear, RawPeer } from './raw-peer.ts';
import { until, untilSteady } from './waiting.ts';

/** The document's two seconds, and a half for a slow machine. */
const CLOSE_LIMIT_MS = 2500;

async function timeOf(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

// Each of these waits a second for clients that do not leave: they wait together.
test.concurrent('every client hears that the server is closing, online or not, of either framing', async () => {
  await using server = await startServer();
  const { port } = server;
  using online = await RawPeer.open(port);
  await online.write('connect|ann\n');
  await online.untilLine('connected');
  using offline = await RawPeer.open(port);
  await offline.write('get_users\n');
  await offline.untilLine('users: [ann]');
  using bare = await RawPeer.open(port);
  await bare.write('get_users');
  await bare.untilText('users: [ann]');
  using silent = await RawPeer.open(port);
  await until('four connections', () => {
    return server.events.filter((event) => event.text === 'TCP connection').length === 4;
  });
  expect(await timeOf(() => server.driver.close())).toBeLessThan(CLOSE_LIMIT_MS);
  for (const peer of [online, offline, bare, silent]) await peer.untilEnded();
  expect(online.lines.at(-1)).toBe('server is closing');
  expect(offline.lines.at(-1)).toBe('server is closing');
  expect(bare.reads.at(-1)?.text).toBe('server is closing');
  expect(silent.text).toBe('server is closing');
});

test.concurrent('a client that neither reads nor leaves does not hold the server up', async () => {
  await using server = await startServer();
  using deaf = await RawPeer.open(server.port, { reading: false });
  await deaf.write('connect|deaf\n');
  await until('the name', () => server.events.some((event) => event.text === 'connected'));
  expect(await timeOf(() => server.driver.close())).toBeLessThan(CLOSE_LIMIT_MS);
});

test.concurrent('the last word does not wait behind what a bare peer has still to get', async () => {
  await using server = await startServer();
  using bare = await RawPeer.open(server.port);
  await bare.write('connect|bare');
  await until('two answers', () => bare.reads.length === 2);
  using talker = await RawPeer.open(server.port);
  // With their pauses these take longer than a server has to close.
  await talker.write(`connect|talker\n${'msg|hello|bare\n'.repeat(60)}get_users\n`);
  await talker.untilLine('users: [bare, talker]');
  expect(await timeOf(() => server.driver.close())).toBeLessThan(CLOSE_LIMIT_MS);
  await bare.untilEnded();
  expect(bare.reads.at(-1)?.text).toBe('server is closing');
});

test.concurrent('a running download does not hold the server up, and is over', async () => {
  await using server = await startServer({ files: { 'f.bin': someBytes(50_000) } });
  using peer = await RawPeer.open(server.port);
  using ear = await Ear.open();
  await peer.write('connect|ann\ndownload|f.bin\n');
  await peer.untilLine('|25');
  await peer.write(`${ear.port}\n`);
  await ear.untilAllBelow(12);
  expect(await timeOf(() => server.driver.close())).toBeLessThan(CLOSE_LIMIT_MS);
  await peer.untilEnded();
  expect(peer.lines.at(-1)).toBe('server is closing');
});

test('nobody is told that the others leave when the server closes', async () => {
  await using server = await startServer();
  const ann = await ReferenceClient.connect({ port: server.port, framing: 'line' });
  const bob = await ReferenceClient.connect({ port: server.port, framing: 'line' });
  ann.send('connect|ann');
  await until('ann', () => ann.received.includes('connected'));
  bob.send('connect|bob');
  await until('bob', () => ann.received.includes('bob is connected'));
  await server.driver.close();
  await Promise.all([ann.ended, bob.ended]);
  expect(ann.received.at(-1)).toBe('server is closing');
  expect(bob.received.at(-1)).toBe('server is closing');
});

test('a closed server takes no connection any more, and closing again is no error', async () => {
  await using server = await startServer();
  const { port } = server;
  await server.driver.close();
  await server.driver.close();
  const error = await new Promise<Error>((resolve, reject) => {
    connect({ port, host: '127.0.0.1' }).once('error', resolve).once('connect', reject);
  });
  expect(error).toMatchObject({ code: 'ECONNREFUSED' });
});

test('a client whose answers fill all buffers on the way does not hold the server up', async () => {
  await using server = await startServer();
  using deaf = await RawPeer.open(server.port, { reading: false });
  // What it says to all comes back to it, until nothing more fits anywhere.
  const message = `msg_all|${'x'.repeat(60_000)}\n`;
  void deaf.write(`connect|deaf\n${message.repeat(800)}`);
  await untilSteady('a connection that is stuck', () => deaf.socket.bytesWritten);
  expect(deaf.socket.writableLength).toBeGreaterThan(0);
  expect(await timeOf(() => server.driver.close())).toBeLessThan(CLOSE_LIMIT_MS);
});

test('a client that reads nothing while others talk is cut off', async () => {
  await using server = await startServer();
  using deaf = await RawPeer.open(server.port, { reading: false });
  await deaf.write('connect|deaf\n');
  await until('the name', () => server.events.some((event) => event.text === 'connected'));
  using talker = await RawPeer.open(server.port);
  await talker.write('connect|talker\n');
  await talker.untilLine('connected');
  const message = `msg_all|${'x'.repeat(60_000)}\n`;
  // How much the system keeps for it differs; what the server keeps has an end.
  for (let count = 0; count < 2000 && !talker.text.includes('deaf is'); count += 1) {
    talker.reads.length = 0;
    await talker.write(message);
    await talker.untilText('x\n');
  }
  await talker.untilLine('deaf is disconnected');
});

import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { ChatServerDriver } from '../../lib/net/chat-server-driver.ts';
import { SharedFolder } from '../../lib/storage/shared-folder.ts';
import { ReferenceClient } from '../support/reference-client.ts';
import { startServer, temporaryFolder } from '../support/server-under-test.ts';
import { RawPeer } from './raw-peer.ts';
import { until } from './waiting.ts';

const PORT_FULL = "can't connect. Port is full. Try another";

/** Takes all fifteen places of a port, each with a name. */
async function fill(port: number): Promise<ReferenceClient[]> {
  const clients: ReferenceClient[] = [];
  for (let index = 1; index <= 15; index += 1) {
    const client = await ReferenceClient.connect({ port, framing: 'line' });
    client.send(`connect|user${index}`);
    expect(await client.next()).toBe(`user${index} is connected`);
    expect(await client.next()).toBe('connected');
    clients.push(client);
  }
  return clients;
}

test('a port takes fifteen clients; the sixteenth is told and closed', async () => {
  await using server = await startServer();
  const clients = await fill(server.port);
  using sixteenth = await RawPeer.open(server.port);
  await sixteenth.untilEnded();
  expect(sixteenth.text).toBe(PORT_FULL);
  const [first] = clients;
  first?.send('msg_all|still here');
  await until('the message', () => first?.received.at(-1) === 'user1 (to all): still here');
});

test('when one of fifteen has left, the next one gets in', async () => {
  await using server = await startServer();
  const clients = await fill(server.port);
  clients[3]?.close();
  await until(
    'the news that one left',
    () => clients[0]?.received.includes('user4 is disconnected') === true,
  );
  using next = await RawPeer.open(server.port);
  await next.write('connect|late\n');
  await next.untilLine('connected');
  using oneMore = await RawPeer.open(server.port);
  await oneMore.untilEnded();
  expect(oneMore.text).toBe(PORT_FULL);
});

test('a client that says disconnect gives its place back', async () => {
  await using server = await startServer();
  const clients = await fill(server.port);
  clients[14]?.send('disconnect');
  await clients[14]?.ended;
  await until('a place', async () => {
    using next = await RawPeer.open(server.port);
    await next.write('get_users\n');
    await until('an answer', () => next.text !== '');
    return next.text.startsWith('users: [');
  });
});

test('each port has fifteen places of its own, and all ports share who is online', async () => {
  await using server = await startServer({ ports: 2 });
  await fill(server.port);
  const [, second = 0] = server.driver.ports;
  using other = await RawPeer.open(second);
  await other.write('connect|user1\nconnect|other\n');
  await other.untilLine('connected');
  expect(other.lines).toEqual([
    "can't connect. Name is taken. Try another",
    'other is connected',
    'connected',
  ]);
});

test('a refused client cannot stay by going on to talk', async () => {
  await using server = await startServer();
  await fill(server.port);
  using refused = await RawPeer.open(server.port);
  await refused.untilEnded();
  const talk = setInterval(() => refused.socket.write('x\n'), 100);
  try {
    await until('the end of the refused connection', () => refused.closed, 5000);
  } finally {
    clearInterval(talk);
  }
});

test('a port that is taken is named in a warning, and the others serve', async () => {
  const blocker = createServer();
  await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
  const address = blocker.address();
  const taken = typeof address === 'object' && address !== null ? address.port : 0;
  const events: { level: string; text: string }[] = [];
  const folder = await temporaryFolder();
  const options = {
    host: '127.0.0.1',
    folder: new SharedFolder(folder),
    room: { dialect: 'document' } as const,
    onEvent: (event: { level: string; text: string }) => events.push(event),
  };
  try {
    await using driver = await ChatServerDriver.start({ ...options, ports: [taken, 0] });
    expect(driver.ports).toHaveLength(1);
    expect(events).toMatchObject([
      { level: 'warning', text: expect.stringContaining(String(taken)) },
    ]);
    using peer = await RawPeer.open(driver.ports[0] ?? 0);
    await peer.write('get_users\n');
    await peer.untilLine('users: []');
    await expect(ChatServerDriver.start({ ...options, ports: [taken] })).rejects.toThrow('none');
  } finally {
    blocker.close();
    await rm(folder, { recursive: true });
  }
});

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ReceivedFile } from '../../lib/app/received-file.ts';
import { openForOffer } from '../../lib/app/sent-files.ts';
import { seededRandom } from '../../lib/core/random.ts';
import { SentPeer } from '../../lib/net/sent-peer.ts';
import { describeForPeer } from '../../lib/storage/disk-full.ts';
import { TemporaryFolder } from '../storage/folder.ts';
import { needSeveralAddresses } from '../support/loopback.ts';
import { someBytes } from '../support/server-under-test.ts';
import { freePorts } from './free-ports.ts';
import { until } from './waiting.ts';

needSeveralAddresses();

const INPUTS = 10_000;
const user = { name: 'eve', ip: '1.2.3.4' };
const file = { name: 'f', size: '3', type: '', hash: '0'.repeat(32) };
const about = { sender: user, receiver: user, receivers: [user], file, offset: '0', time: '' };
const WORDS = [
  ...['JOIN', 'PING', 'LEAVE'].map((type) => JSON.stringify({ type, user })),
  ...['ASK', 'ACCEPT', 'REFUSE', 'FILE', 'RECEIVED', 'FAILED'].map((type) =>
    JSON.stringify({ type, ...about }),
  ),
];

/** Random bytes, or messages with some of their bytes changed, cut short, doubled or in a wrong order. */
function nonsense(random: () => number): Buffer {
  const pick = (): string => WORDS[Math.floor(random() * WORDS.length)] ?? '';
  if (random() < 0.2) return someBytes(Math.floor(random() * 300) + 1, Math.floor(random() * 1e9));
  const bytes = Buffer.from(pick() + (random() < 0.5 ? `\n${pick()}\nabc` : ''));
  for (let count = Math.floor(random() * 4); count > 0; count -= 1) {
    bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
  }
  return random() < 0.3 ? bytes.subarray(0, Math.floor(random() * bytes.length) + 1) : bytes;
}

test(`${INPUTS} kinds of nonsense to each port change nothing`, async () => {
  await using folder = await TemporaryFolder.make();
  const ports = await freePorts();
  const start = (name: string, ip: string) =>
    SentPeer.start({
      ...{ name, ip, broadcast: ['127.255.255.255'], ...ports },
      decide: async () => true,
      openSink: (_sender, info) =>
        ReceivedFile.open(join(folder.path, name), info, () => undefined),
      describe: describeForPeer,
      onCame: () => undefined,
      onLeft: () => undefined,
      onRenamed: () => undefined,
      onReceived: () => undefined,
      log: () => undefined,
    });
  await using bob = await start('bob', '127.0.0.3');
  const random = seededRandom(3);
  const udp = createSocket('udp4');
  udp.bind(0, '127.0.0.9');
  await once(udp, 'listening');
  for (let count = 0; count < INPUTS; count += 1) {
    await new Promise((sent) => udp.send(nonsense(random), ports.udpPort, '127.0.0.3', sent));
  }
  udp.close();
  expect(bob.peers.length).toBeLessThan(2);
  for (let round = 0; round < INPUTS / 100; round += 1) {
    const peers = Array.from({ length: 100 }, async (_, at) => {
      const localAddress = `127.0.1.${1 + (at % 20)}`;
      const socket = connect({ port: ports.tcpPort, host: '127.0.0.3', localAddress });
      socket.on('error', () => undefined);
      socket.resume();
      const closed = once(socket, 'close').catch(() => undefined);
      socket.end(nonsense(random));
      await closed;
    });
    await Promise.all(peers);
  }
  await writeFile(join(folder.path, 'g'), 'hello');
  await using ann = await start('ann', '127.0.0.2');
  await until('bob', () => ann.peers.some(({ name }) => name === 'bob'));
  await using offered = await openForOffer(join(folder.path, 'g'));
  const to = { name: 'bob', address: '127.0.0.3' };
  const outcome = await ann.offer({
    ...{ to, receivers: [to], file: offered.info, source: offered.source },
    signal: new AbortController().signal,
    onAccepted: () => undefined,
    onProgress: () => undefined,
  });
  expect(outcome).toEqual({ type: 'received' });
  const there = await readdir(join(folder.path, 'bob'));
  expect(there.filter((name) => !name.includes('.part'))).toEqual(['g']);
  expect((await readdir(folder.path)).sort()).toEqual(['bob', 'g']);
});

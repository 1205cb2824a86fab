import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { seededRandom } from '../../lib/core/random.ts';
import { needSeveralAddresses } from '../support/loopback.ts';
import { someBytes } from '../support/server-under-test.ts';
import { LanshareLan } from './lanshare-lan.ts';
import { until } from './waiting.ts';

needSeveralAddresses();

const INPUTS = 10_000;
const FIELDS = {
  ...{ username: 'eve', ip: '127.0.0.9', dir: '/f', fileName: '../f', fileType: '', fileSize: '3' },
  ...{ destination: '/', port: '80', contentType: 'file', person: 'eve', content: 'x', dest: '/' },
  ...{ to: 'bob', msg: 'x', offset: '0', sha256: '0'.repeat(64), reason: '', total: '3' },
};
const STATS =
  'online offline rreq racp rrej rmsg sreq creq cacp crej cmsg kprg reshs offset done info';
const WORDS = STATS.split(' ').map((stat) =>
  JSON.stringify({
    stat,
    ...FIELDS,
    contentType: stat === 'rmsg' ? 'text' : FIELDS.contentType,
    username: stat.endsWith('line') ? 'mallory' : FIELDS.username,
  }),
);

/** Random bytes, or messages with some of their bytes changed, cut short, doubled or in a wrong order. */
function nonsense(random: () => number): Buffer {
  const pick = (): string => WORDS[Math.floor(random() * WORDS.length)] ?? '';
  if (random() < 0.2) return someBytes(Math.floor(random() * 300) + 1, Math.floor(random() * 1e9));
  const bytes = Buffer.from(pick() + (random() < 0.3 ? `\n${pick()}\nabc` : ''));
  for (let count = Math.floor(random() * 4); count > 0; count -= 1) {
    bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
  }
  return random() < 0.3 ? bytes.subarray(0, Math.floor(random() * bytes.length) + 1) : bytes;
}

test(`${INPUTS} kinds of nonsense to each port, and as commands, change nothing`, async () => {
  await using lan = await LanshareLan.make();
  const bob = await lan.start('bob', '127.0.0.3');
  const random = seededRandom(5);
  const udp = createSocket('udp4');
  udp.bind(0, '127.0.0.9');
  await once(udp, 'listening');
  for (let count = 0; count < INPUTS; count += 1) {
    await new Promise((sent) => udp.send(nonsense(random), lan.ports.udpPort, '127.0.0.3', sent));
  }
  udp.close();
  expect(bob.engine.people.length).toBeLessThan(2);
  const throwAt = async (port: number, inputs: number): Promise<void> => {
    for (let round = 0; round < inputs / 100; round += 1) {
      const peers = Array.from({ length: 100 }, async (_, at) => {
        // From so many that the limit for one of them is no help.
        const localAddress = `127.0.${1 + (round % 50)}.${1 + (at % 20)}`;
        const socket = connect({ port, host: '127.0.0.3', localAddress });
        socket.on('error', () => undefined);
        socket.resume();
        const closed = new Promise((resolve) => socket.once('close', resolve));
        socket.end(nonsense(random));
        await closed;
      });
      await Promise.all(peers);
    }
  };
  await throwAt(lan.ports.tcpPort, INPUTS);
  // Some of it was a request.
  const requests = bob.events.filter(({ stat }) => stat === 'rreq');
  expect(requests.length).toBeGreaterThan(INPUTS / 200);
  for (const { ip, dir } of requests) bob.say({ stat: 'crej', ip, dir });
  const before = bob.events.length;
  // No commands that would send something to addresses that nobody has.
  const commands = Array.from({ length: INPUTS }, () => nonsense(random).toString());
  for (const command of commands.filter((one) => !/c(req|msg)/.test(one)))
    bob.engine.handle(command);
  expect(bob.events.length).toBeGreaterThan(before + INPUTS / 2);

  const ann = await lan.start('ann', '127.0.0.2');
  await until('bob', () => ann.engine.people.some(({ username }) => username === 'bob'));
  const dir = lan.path('g');
  await writeFile(dir, 'hello');
  ann.say({ stat: 'creq', ip: '127.0.0.3', dir });
  await bob.hears({ stat: 'rreq', ip: '127.0.0.2', dir });
  bob.say({ stat: 'cacp', ip: '127.0.0.2', dir, dest: bob.folder });
  await bob.hears({ stat: 'dprg', ip: '127.0.0.2' });
  expect(await readdir(bob.folder)).toEqual(['g']);
  expect((await readdir(lan.folder.path)).sort()).toEqual(['ann', 'bob', 'g']);
});

test('a data port withstands them, too', async () => {
  await using lan = await LanshareLan.make();
  const bob = await lan.start('bob', '127.0.0.3');
  const random = seededRandom(6);
  // More than one address: one alone may not say so much. They take the acceptances.
  const addresses = ['127.0.0.21', '127.0.0.22', '127.0.0.23', '127.0.0.24'];
  const servers = addresses.map((address) =>
    createServer((socket) => socket.resume().on('error', () => undefined)).listen(
      lan.ports.tcpPort,
      address,
    ),
  );
  await Promise.all(servers.map((server) => once(server, 'listening')));
  for (let round = 0; round < 100; round += 1) {
    const ip = addresses[round % addresses.length] ?? '';
    const ask = connect({ port: lan.ports.tcpPort, host: '127.0.0.3', localAddress: ip });
    ask.on('error', () => undefined).resume();
    ask.end(JSON.stringify({ ...FIELDS, stat: 'rreq', dir: `/${round}` }));
    await bob.hears({ stat: 'rreq', dir: `/${round}` });
    bob.say({ stat: 'cacp', ip, dir: `/${round}`, dest: bob.folder });
    const { port } = await bob.hears({ stat: 'sacp', dir: `/${round}` });
    const header = JSON.stringify({ fileName: '../f', fileSize: '3', sha256: FIELDS.sha256 });
    const socket = connect({ port: Number(port), host: '127.0.0.3', localAddress: ip });
    socket.on('error', () => undefined).resume();
    // Half of them begin as they should.
    if (round % 2 === 0) socket.write(header);
    for (let part = 0; part < 100; part += 1) socket.write(nonsense(random));
    socket.end();
    await bob.hears({ stat: 'fprg', dir: `/${round}` });
  }
  for (const server of servers) server.close();
  const there = await readdir(bob.folder);
  expect(there.filter((name) => !name.includes('.part'))).toEqual([]);
  expect(bob.stats()).not.toContain('dprg');
});

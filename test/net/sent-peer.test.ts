import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ReceivedFile } from '../../lib/app/received-file.ts';
import { openForOffer } from '../../lib/app/sent-files.ts';
import { SentPeer, type SentPeerOptions } from '../../lib/net/sent-peer.ts';
import { describeForPeer } from '../../lib/storage/disk-full.ts';
import { TemporaryFolder } from '../storage/folder.ts';
import { needSeveralAddresses } from '../support/loopback.ts';
import { someBytes } from '../support/server-under-test.ts';
import { freePorts } from './free-ports.ts';
import { until, untilSteady } from './waiting.ts';

needSeveralAddresses();

/** Peers of one machine, each with an address of its own, and all with the same ports. */
class Lan implements AsyncDisposable {
  readonly ports: { readonly udpPort: number; readonly tcpPort: number };
  readonly folder: TemporaryFolder;
  readonly log: string[] = [];
  readonly received: string[] = [];
  readonly #peers: SentPeer[] = [];

  private constructor(folder: TemporaryFolder, ports: Lan['ports']) {
    this.folder = folder;
    this.ports = ports;
  }

  static async make(): Promise<Lan> {
    return new Lan(await TemporaryFolder.make(), await freePorts());
  }

  async start(name: string, ip: string, options: Partial<SentPeerOptions> = {}): Promise<SentPeer> {
    const peer = await SentPeer.start({
      ...{ name, ip, broadcast: ['127.255.255.255'], ...this.ports },
      decide: async () => true,
      openSink: (_sender, file) => ReceivedFile.open(this.path(name), file, () => undefined),
      describe: describeForPeer,
      onCame: () => undefined,
      onLeft: () => undefined,
      onRenamed: () => undefined,
      onReceived: (sender, file, problem) =>
        this.received.push(`${file.name} of ${sender.name}@${sender.ip}: ${problem ?? 'here'}`),
      log: (text) => this.log.push(text),
      ...options,
    });
    this.#peers.push(peer);
    return peer;
  }

  path(...names: readonly string[]): string {
    return join(this.folder.path, ...names);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#peers.map((peer) => peer.close()));
    await this.folder[Symbol.asyncDispose]();
  }
}

async function offer(
  from: SentPeer,
  name: string,
  path: string,
  signal = new AbortController().signal,
) {
  const to = from.peers.find((peer) => peer.name === name);
  if (to === undefined) throw new Error(`nobody is called ${name}`);
  await using file = await openForOffer(path);
  const offsets: number[] = [];
  const outcome = await from.offer({
    ...{ to, receivers: [to], file: file.info, source: file.source, signal },
    onAccepted: (offset) => offsets.push(offset),
    onProgress: () => undefined,
  });
  return { outcome, offsets };
}

/** Both know each other. */
async function meet(...peers: readonly SentPeer[]): Promise<void> {
  await until('everybody', () => peers.every((one) => one.peers.length === peers.length - 1));
}

test('peers find each other, and notice who leaves', async () => {
  await using lan = await Lan.make();
  const left: string[] = [];
  const onLeft: SentPeerOptions['onLeft'] = ({ name }) => left.push(name);
  const [a, b, c] = await Promise.all([
    lan.start('ann', '127.0.0.2', { onLeft }),
    lan.start('bob', '127.0.0.3'),
    lan.start('cy', '127.0.0.4'),
  ]);
  await meet(a, b, c);
  await b.close();
  await until('the goodbye', () => left.length === 1);
  expect(left).toEqual(['bob']);
  expect(a.peers).toEqual([{ address: '127.0.0.4', name: 'cy' }]);
});

test('a flood of greetings is cut short, and said once', async () => {
  await using lan = await Lan.make();
  const came: string[] = [];
  await lan.start('bob', '127.0.0.3', {
    onCame: ({ name }) => came.push(name),
    onRenamed: ({ name }) => came.push(name),
  });
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.9');
  await once(socket, 'listening');
  const join = (count: number) =>
    JSON.stringify({ type: 'JOIN', user: { name: `x${count}`, ip: '' } });
  for (let count = 0; count < 500; count += 1) {
    await new Promise((sent) =>
      socket.send(join(count), lan.ports.udpPort, '127.0.0.3', () => sent(undefined)),
    );
  }
  socket.close();
  await until('the log', () => lan.log.length > 0);
  await untilSteady('the news', () => came.length);
  expect(came.length).toBeLessThan(60);
  expect(lan.log).toEqual(['127.0.0.9 says too much']);
});

describe('a file', () => {
  test.each([0, 1, 300_000, 5_000_000])('of %i bytes arrives', async (size) => {
    await using lan = await Lan.make();
    const bytes = someBytes(size);
    await writeFile(lan.path('f.txt'), bytes);
    const [ann, bob] = [await lan.start('ann', '127.0.0.2'), await lan.start('bob', '127.0.0.3')];
    await meet(ann, bob);
    const { outcome } = await offer(ann, 'bob', lan.path('f.txt'));
    expect(outcome).toEqual({ type: 'received' });
    expect((await readFile(lan.path('bob', 'f.txt'))).equals(bytes)).toBe(true);
    expect(await readdir(lan.path('bob'))).toEqual(['f.txt']);
    await until('the news', () => lan.received.length === 1);
    expect(lan.received).toEqual(['f.txt of ann@127.0.0.2: here']);
  });

  test.each(['\n', '\r\n', '\n\nhello', '\r'])('that is %j arrives', async (content) => {
    await using lan = await Lan.make();
    await writeFile(lan.path('f'), content);
    const [ann, bob] = [await lan.start('ann', '127.0.0.2'), await lan.start('bob', '127.0.0.3')];
    await meet(ann, bob);
    expect((await offer(ann, 'bob', lan.path('f'))).outcome).toEqual({ type: 'received' });
    expect(await readFile(lan.path('bob', 'f'), 'utf8')).toBe(content);
  });

  test('is refused, and none of it comes', async () => {
    await using lan = await Lan.make();
    await writeFile(lan.path('f'), 'x');
    const ann = await lan.start('ann', '127.0.0.2');
    const bob = await lan.start('bob', '127.0.0.3', { decide: async () => false });
    await meet(ann, bob);
    expect((await offer(ann, 'bob', lan.path('f'))).outcome).toEqual({ type: 'refused' });
    expect(await readdir(lan.folder.path)).toEqual(['f']);
  });

  test('that was cut off goes on, and only what is missing is sent', async () => {
    await using lan = await Lan.make();
    const bytes = someBytes(30_000_000);
    await writeFile(lan.path('f'), bytes);
    const [ann, bob] = [await lan.start('ann', '127.0.0.2'), await lan.start('bob', '127.0.0.3')];
    await meet(ann, bob);
    const stop = new AbortController();
    const to = ann.peers[0] ?? { name: '', address: '' };
    {
      await using file = await openForOffer(lan.path('f'));
      const outcome = await ann.offer({
        ...{ to, receivers: [to], file: file.info, source: file.source, signal: stop.signal },
        onAccepted: () => undefined,
        onProgress: (position) => position > 5_000_000 && stop.abort(),
      });
      expect(outcome).toEqual({ type: 'failed', reason: 'it was stopped' });
    }
    await until('the end of it', () => lan.received.length === 1);
    const { outcome, offsets } = await offer(ann, 'bob', lan.path('f'));
    expect(outcome).toEqual({ type: 'received' });
    expect(offsets[0]).toBeGreaterThan(1_000_000);
    expect((await readFile(lan.path('bob', 'f'))).equals(bytes)).toBe(true);
    expect(await readdir(lan.path('bob'))).toEqual(['f']);
  });
});

/** Somebody who has read the document only. */
class Stranger implements Disposable {
  readonly socket: Socket;
  heard = '';

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.heard += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
  }

  static async to(port: number, host: string): Promise<Stranger> {
    const socket = connect({ port, host, localAddress: '127.0.0.9' });
    await once(socket, 'connect');
    return new Stranger(socket);
  }

  async hears(text: string): Promise<void> {
    await until(`${text} in ${this.heard}`, () => this.heard.includes(text));
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

const SENDER = { name: 'mallory', ip: '127.0.0.2' };
const FILE = {
  name: '../../up.txt',
  size: '5',
  type: 'text/plain',
  hash: '5d41402abc4b2a76b9719d911017c592',
};

function say(type: string, more: object = {}): string {
  const about = { sender: SENDER, receiver: { name: 'bob', ip: '' }, receivers: [], file: FILE };
  return JSON.stringify({ type, ...about, time: '2017-05-05 14:33:32', ...more });
}

describe('a sender that knows the document only', () => {
  test.each([
    ['hello', 'RECEIVED', ['up.txt']],
    ['hullo', 'FAILED', []],
  ])('sends %s, without line ends, and hears %s', async (content, verdict, files) => {
    await using lan = await Lan.make();
    await lan.start('bob', '127.0.0.3');
    using stranger = await Stranger.to(lan.ports.tcpPort, '127.0.0.3');
    stranger.socket.write(say('ASK'));
    await stranger.hears('"ACCEPT"');
    stranger.socket.write(`${say('FILE', { offset: '0' })}\n${content}`);
    await stranger.hears(`"${verdict}"`);
    await until('the news', () => lan.received.length === 1);
    // He is what he comes from, whatever he says.
    expect(lan.received[0]).toMatch(/ of mallory@127\.0\.0\.9: /);
    const there = await readdir(lan.path('bob')).catch(() => []);
    expect(there.map((name) => name.replace(/^[._]+/, ''))).toEqual(files);
    expect(await readdir(lan.folder.path)).toEqual(['bob']);
  });

  test.each([
    ['less than he said', 'hel', /the sender has closed/],
    ['nothing but nonsense', undefined, /that is no message/],
  ])('sends %s, and nothing is kept under a final name', async (_what, content, problem) => {
    await using lan = await Lan.make();
    await lan.start('bob', '127.0.0.3');
    using stranger = await Stranger.to(lan.ports.tcpPort, '127.0.0.3');
    stranger.socket.write(say('ASK'));
    await stranger.hears('"ACCEPT"');
    const next =
      content === undefined ? 'GET / HTTP/1.1' : `${say('FILE', { offset: '0' })}\n${content}`;
    stranger.socket.end(next);
    await until('the news', () => lan.received.length === 1);
    expect(lan.received[0]).toMatch(problem);
    const there = await readdir(lan.path('bob'));
    expect(there.filter((name) => !name.includes('.part'))).toEqual([]);
  });
});

test('a sender that says to be somebody else is told so, and the user too', async () => {
  await using lan = await Lan.make();
  const bob = await lan.start('bob', '127.0.0.3');
  await lan.start('mallory', '127.0.0.2');
  await until('mallory', () => bob.peers.length === 1);
  using stranger = await Stranger.to(lan.ports.tcpPort, '127.0.0.3');
  stranger.socket.write(say('ASK'));
  await stranger.hears('"FAILED"');
  await stranger.hears('mallory is at 127.0.0.2, and not at 127.0.0.9');
  await until('the news', () => lan.received.length === 1);
  expect(await readdir(lan.folder.path)).toEqual([]);
});

test('a receiver may answer on a connection of its own', async () => {
  await using lan = await Lan.make();
  await writeFile(lan.path('f'), 'hello');
  const ann = await lan.start('ann', '127.0.0.2');
  const server = createServer();
  server.listen(lan.ports.tcpPort, '127.0.0.9');
  await once(server, 'listening');
  try {
    const asked = once(server, 'connection') as Promise<[Socket]>;
    await using file = await openForOffer(lan.path('f'));
    const to = { name: 'bob', address: '127.0.0.9' };
    const over = ann.offer({
      ...{ to, receivers: [to], file: file.info, source: file.source },
      signal: new AbortController().signal,
      onAccepted: () => undefined,
      onProgress: () => undefined,
    });
    using first = new Stranger((await asked)[0]);
    await first.hears('"ASK"');
    // One connection for each message.
    first.socket.end();
    const { file: wire } = JSON.parse(first.heard) as { file: object };
    using second = await Stranger.to(lan.ports.tcpPort, '127.0.0.2');
    second.socket.write(say('ACCEPT', { file: wire }));
    await second.hears('\nhello');
    second.socket.write(say('RECEIVED', { file: wire }));
    expect(await over).toEqual({ type: 'received' });
  } finally {
    server.close();
  }
});

test('a peer that ends waits for a file that is being opened, and leaves nothing of it', async () => {
  await using lan = await Lan.make();
  await writeFile(lan.path('f.txt'), 'hello');
  let begun = false;
  let goOn: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const bob = await lan.start('bob', '127.0.0.3', {
    openSink: async (_sender, file) => {
      begun = true;
      await held;
      return ReceivedFile.open(lan.path('bob'), file, () => undefined);
    },
  });
  const ann = await lan.start('ann', '127.0.0.2');
  await meet(ann, bob);
  const offered = offer(ann, 'bob', lan.path('f.txt'));
  await until('the file', () => begun);
  let ended = false;
  const closing = bob.close().then(() => {
    ended = true;
  });
  expect((await offered).outcome).toMatchObject({ type: 'failed' });
  expect(ended).toBe(false);
  goOn();
  await closing;
  expect(await readdir(lan.path('bob'))).toEqual([]);
});

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { ReceivedFile } from '../../lib/app/received-file.ts';
import type { LanshareEngineOptions } from '../../lib/net/lanshare-engine.ts';
import type { UploadFile } from '../../lib/net/lanshare-upload.ts';
import { LanshareLan } from '../net/lanshare-lan.ts';
import { until } from '../net/waiting.ts';
import { needSeveralAddresses } from '../support/loopback.ts';
import { someBytes } from '../support/server-under-test.ts';
import { TemporaryFolder } from './folders.ts';
import { openTerminal, type Program, run, start, WIRELAB } from './programs.ts';

needSeveralAddresses();

const BYTES = someBytes(3_000_000);
const PICTURE_BYTES = 230_295;

type WireEvent = Readonly<Record<string, string>>;

function isInfo({ stat }: WireEvent): boolean {
  return stat === 'info';
}

/** A file whose second half cannot be read before it is whole. */
class Film {
  isWhole = false;
  /** Where the last reading began. */
  from: number | undefined;

  readonly open = async (): Promise<UploadFile> => {
    this.from = undefined;
    return {
      name: 'film.mp4',
      sha256: async () => createHash('sha256').update(BYTES).digest('hex'),
      source: { size: BYTES.length, read: (buffer, position) => this.#read(buffer, position) },
      [Symbol.asyncDispose]: async () => undefined,
    };
  };

  async #read(buffer: Buffer, position: number): Promise<number> {
    this.from ??= position;
    const end = this.isWhole ? BYTES.length : BYTES.length / 2;
    if (position >= end) await new Promise(() => undefined);
    return BYTES.copy(buffer, 0, position, Math.min(end, position + buffer.length));
  }
}

/** Takes the first bytes, and waits with the others until it may go on. */
class StalledSink {
  goOn: () => void = () => undefined;
  readonly #mayGoOn = new Promise<void>((resolve) => {
    this.goOn = resolve;
  });

  readonly open: LanshareEngineOptions['openSink'] = async (folder, header) => {
    const sink = await ReceivedFile.open(folder, header, () => undefined);
    const write = sink.write.bind(sink);
    sink.write = async (chunk) => {
      await write(chunk);
      await this.#mayGoOn;
    };
    return sink;
  };
}

/** Engines and front ends as programs, each with an address of its own; others in this process. */
async function makeLan() {
  const network = await LanshareLan.make();
  const { udpPort, tcpPort } = network.ports;
  const path = (...names: readonly string[]) => network.path(...names);
  await writeFile(path('film.mp4'), BYTES);
  for (const name of ['ann', 'bob']) await mkdir(path(name));
  const flags = (name: string, ip: string): string[] => [
    ...['--username', name, '--ip', ip, '--broadcast', '127.255.255.255'],
    ...['--udp-port', `${udpPort}`, '--tcp-port', `${tcpPort}`, '--data-port', '0'],
  ];
  return {
    network,
    path,
    flags,
    tcpPort,
    engine: (name: string, ip: string, ...more: readonly string[]) => {
      const websocket = more.length === 0 ? ['--no-websocket'] : more;
      return start(WIRELAB, ['lanshare', 'engine', ...flags(name, ip), ...websocket]);
    },
    [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
  };
}

function say(engine: Program, command: object): void {
  engine.enter(JSON.stringify(command));
}

/** The first event with these fields. */
async function hears(engine: Program, fields: WireEvent): Promise<WireEvent> {
  const fits = (event: WireEvent): boolean =>
    Object.entries(fields).every(([name, value]) => event[name] === value);
  const events = (): WireEvent[] =>
    engine.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as WireEvent);
  await until(
    `${JSON.stringify(fields)} in ${engine.stdout}${engine.stderr}`,
    () => events().some(fits),
    100_000,
  );
  return events().find(fits) ?? {};
}

/** Whether anybody listens there. */
async function isOpen(port: number, host: string): Promise<boolean> {
  const socket = connect({ port, host });
  const open = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return open;
}

describe('an engine', () => {
  test('goes on after what is no command, and after lines that are too long', async () => {
    await using lan = await makeLan();
    await using ann = lan.engine('ann', '127.0.0.2');
    ann.enter('', '{', `{"stat":"reshs","x":"${'x'.repeat(70_000)}"}`, 'null');
    ann.enter('{"stat":"kprg","port":"5"}');
    await hears(ann, { content: 'badCommand', reason: 'there is no transfer with port 5' });
    const reasons = ann.stdout.split('\n').slice(0, -1);
    expect(reasons.shift()).toBe('{"stat":"info","content":"ready"}');
    expect(reasons.map((line) => (JSON.parse(line) as WireEvent).reason)).toEqual([
      'there is no command without stat',
      'a command has at most 65536 bytes',
      'there is no command without stat',
      'there is no transfer with port 5',
    ]);
    ann.endInput();
    expect(await ann.exit).toMatchObject({ status: 0, stderr: '' });
  });

  test('ends with its front end, says goodbye, and leaves no port', async () => {
    await using lan = await makeLan();
    await using bob = lan.engine('bob', '127.0.0.3');
    await using ann = lan.engine('ann', '127.0.0.2');
    await hears(bob, { stat: 'online', username: 'ann', ip: '127.0.0.2' });
    expect(await isOpen(lan.tcpPort, '127.0.0.2')).toBe(true);
    ann.endInput();
    await hears(bob, { stat: 'offline', username: 'ann', ip: '127.0.0.2' });
    expect((await ann.exit).status).toBe(0);
    expect(await isOpen(lan.tcpPort, '127.0.0.2')).toBe(false);
    bob.kill('SIGTERM');
    expect((await bob.exit).status).toBe(0);
  });

  test('that is killed while it receives leaves nothing under a final name, and goes on', async () => {
    await using lan = await makeLan();
    const film = new Film();
    const ann = await lan.network.start('ann', '127.0.0.2', { openFile: film.open });
    const offer = async (bob: Program): Promise<void> => {
      await hears(bob, { stat: 'online', username: 'ann' });
      ann.say({ stat: 'creq', ip: '127.0.0.3', dir: '/film' });
      await hears(bob, { stat: 'rreq', dir: '/film' });
      say(bob, { stat: 'cacp', ip: '127.0.0.2', dir: '/film', dest: lan.path('bob') });
    };
    {
      await using bob = lan.engine('bob', '127.0.0.3');
      await offer(bob);
      await hears(bob, { stat: 'rprg', current: String(BYTES.length / 2) });
      bob.kill('SIGKILL');
      await bob.exit;
    }
    await ann.hears({ stat: 'fprg' });
    const left = await readdir(lan.path('bob'));
    expect(left.filter((name) => !name.includes('.part'))).toEqual([]);
    film.isWhole = true;
    await using bob = lan.engine('bob', '127.0.0.3');
    await offer(bob);
    await hears(bob, { stat: 'dprg' });
    expect((await readFile(lan.path('bob', 'film.mp4'))).equals(BYTES)).toBe(true);
    expect(film.from).toBe(BYTES.length / 2);
    expect(await readdir(lan.path('bob'))).toEqual(['film.mp4']);
  });

  test('that is killed while it sends is told, and nothing of it has a final name', async () => {
    await using lan = await makeLan();
    const sink = new StalledSink();
    const bob = await lan.network.start('bob', '127.0.0.3', { openSink: sink.open });
    // More than the sockets of both sides can hold.
    const dir = lan.path('large.bin');
    await writeFile(dir, '');
    await truncate(dir, 100_000_000);
    await using ann = lan.engine('ann', '127.0.0.2');
    await hears(ann, { stat: 'online', username: 'bob' });
    say(ann, { stat: 'creq', ip: '127.0.0.3', dir });
    await bob.hears({ stat: 'rreq', ip: '127.0.0.2' });
    bob.say({ stat: 'cacp', ip: '127.0.0.2', dir, dest: bob.folder });
    await bob.hears({ stat: 'rprg', dir });
    ann.kill('SIGKILL');
    await ann.exit;
    sink.goOn();
    await bob.hears({ about: 'fprg', dir });
    await bob.hears({ stat: 'fprg', dir });
    const left = await readdir(bob.folder);
    expect(left.filter((name) => !name.includes('.part'))).toEqual([]);
  });

  test('says which port it cannot have', async () => {
    await using lan = await makeLan();
    const server = createServer().listen(lan.tcpPort, '127.0.0.2');
    await once(server, 'listening');
    await using ann = lan.engine('ann', '127.0.0.2');
    const { status, stderr } = await ann.exit;
    expect(stderr).toMatch(
      new RegExp(`^error: TCP port ${lan.tcpPort}: another program has it; --`),
    );
    expect(status).toBe(1);
    server.close();
  });
});

describe('the WebSocket', () => {
  async function openSocket(url: string, headers: Record<string, string> = {}) {
    const socket = new WebSocket(url, { headers });
    const messages: WireEvent[] = [];
    socket.on('message', (data) => messages.push(JSON.parse(String(data)) as WireEvent));
    const status = await new Promise<number>((resolve) => {
      socket.once('open', () => resolve(101));
      socket.once('unexpected-response', (_, response) => resolve(response.statusCode ?? 0));
      socket.once('error', () => undefined);
    });
    return { socket, messages, status };
  }

  async function engineWithSocket(lan: Awaited<ReturnType<typeof makeLan>>) {
    const engine = lan.engine('ann', '127.0.0.2', '--websocket-port', '0');
    const [, base = '', token = ''] = await engine.waitFor(/(ws:\/\/[\d.:]+)\/cmd\?token=(\S+)/);
    return { engine, at: (path: string) => `${base}${path}?token=${token}`, base };
  }

  test('lets in who has the token and is of this machine', async () => {
    await using lan = await makeLan();
    const { engine, at, base } = await engineWithSocket(lan);
    await using _ = engine;
    expect((await openSocket(`${base}/cmd`)).status).toBe(401);
    expect((await openSocket(`${base}/cmd?token=${'x'.repeat(22)}`)).status).toBe(401);
    expect((await openSocket(at('/nothing'))).status).toBe(404);
    // What is no address does not get so far.
    const { hostname, port } = new URL(base);
    for (const path of ['//', 'http://[']) {
      const socket = connect(Number(port), hostname);
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      );
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(String(answer)).toMatch(/^HTTP\/1\.1 400 /);
      socket.destroy();
    }
    const wrong = ['http://evil.example', 'null', 'http://localhost.evil.example'];
    for (const origin of wrong) {
      expect((await openSocket(at('/cmd'), { origin })).status).toBe(403);
    }
    for (const origin of ['http://localhost:8000', 'https://127.0.0.1', 'http://[::1]:3000']) {
      expect((await openSocket(at('/cmd'), { origin })).status).toBe(101);
    }
    engine.endInput();
    expect((await engine.exit).status).toBe(0);
  });

  test('carries commands, presence, transfers and messages, each on its channel', async () => {
    await using lan = await makeLan();
    const { engine, at } = await engineWithSocket(lan);
    await using _ = engine;
    await using bob = lan.engine('bob', '127.0.0.3');
    await hears(bob, { stat: 'online', username: 'ann' });
    const [cmd, hs, sr, msg] = await Promise.all(
      ['/cmd', '/hs', '/sr', '/msg'].map((path) => openSocket(at(path))),
    );
    if (!cmd || !hs || !sr || !msg) throw new Error('there are four');
    // Who comes later hears who is there.
    await until('bob', () => hs.messages.some(({ username }) => username === 'bob'));
    const order = (command: object): void => cmd.socket.send(JSON.stringify(command));
    order({ stat: 'cmsg', ip: '127.0.0.3', to: 'bob', msg: 'hi' });
    await hears(bob, { stat: 'rmsg', person: 'ann', content: 'hi' });
    say(bob, { stat: 'cmsg', ip: '127.0.0.2', to: 'ann', msg: 'ho' });
    await until('messages', () => msg.messages.length === 2);
    order({ stat: 'creq', ip: '127.0.0.3', dir: lan.path('film.mp4') });
    await hears(bob, { stat: 'rreq' });
    const dest = lan.path('bob');
    say(bob, { stat: 'cacp', ip: '127.0.0.2', dir: lan.path('film.mp4'), dest });
    await until('the end', () => sr.messages.some(({ stat }) => stat === 'dprg'));
    cmd.socket.send('nonsense');
    // It goes to whoever gives commands, and to whoever watches them.
    await until('the answer', () => cmd.messages.length + sr.messages.filter(isInfo).length >= 2);
    expect(cmd.messages).toMatchObject([{ stat: 'info', content: 'badCommand' }]);
    expect(hs.messages).toEqual([{ stat: 'online', ip: '127.0.0.3', username: 'bob' }]);
    expect(msg.messages.map(({ stat }) => stat).sort()).toEqual(['rmsg', 'smsg']);
    expect(sr.messages.filter(({ stat }) => stat !== 'sprg').map(({ stat }) => stat)).toEqual([
      ...['sreq', 'racp', 'dprg', 'info'],
    ]);
    const closed = once(hs.socket, 'close');
    engine.endInput();
    await closed;
    expect((await engine.exit).status).toBe(0);
  });

  test('goes without it when the port is in use', async () => {
    await using lan = await makeLan();
    const server = createServer().listen(0, '127.0.0.2');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await using engine = lan.engine('ann', '127.0.0.2', '--websocket-port', `${port}`);
    await engine.waitFor(/no WebSocket: port \d+: .*EADDRINUSE/);
    engine.enter('x');
    await hears(engine, { content: 'badCommand' });
    server.close();
  });
});

describe('chat', () => {
  test('in a terminal: messages, offers both ways, bars, and stops', async () => {
    await using lan = await makeLan();
    const film = new Film();
    const bob = await lan.network.start('bob', '127.0.0.3', {
      ...{ openFile: film.open, openSink: new StalledSink().open },
    });
    await using ann = openTerminal(
      WIRELAB,
      ['lanshare', 'chat', ...lan.flags('ann', '127.0.0.2'), '--to', lan.path('ann')],
      { cols: 100 },
    );
    await ann.waitFor('bob (127.0.0.3) is there.');
    ann.enter('msg bob well, "you"  there');
    await bob.hears({ stat: 'rmsg', person: 'ann', content: 'well, "you"  there' });
    await ann.waitFor('<you> well, "you"  there');
    bob.say({ stat: 'cmsg', ip: '127.0.0.2', to: 'ann', msg: '\u001b[2J?' });
    await ann.waitFor('<bob> \\x1b[2J?');
    // One comes, and stops half way; one goes, and gets no further.
    bob.say({ stat: 'creq', ip: '127.0.0.2', dir: '/film' });
    await ann.waitFor('bob (127.0.0.3) offers film.mp4 (3.0 MB). Take it?');
    ann.enter('y');
    await ann.waitFor(/film\.mp4 of bob \[#+-+\] 50%/);
    const dir = lan.path('film.mp4');
    ann.enter(`send ${dir} bob`);
    await bob.hears({ stat: 'rreq', dir });
    bob.say({ stat: 'cacp', ip: '127.0.0.2', dir, dest: bob.folder });
    await ann.waitFor(/film\.mp4 of bob \[#+-+\] 50%.*\n\d+ film\.mp4 to bob \[/);
    ann.enter('list');
    await ann.waitFor(/port \d+: film\.mp4 of bob\n {2}port \d+: film\.mp4 to bob/);
    ann.enter(`stop ${/port (\d+): film\.mp4 of bob/.exec(ann.screen())?.[1]}`);
    await ann.waitFor('That did not work: film.mp4 of bob has not arrived: it was');
    await bob.hears({ stat: 'fprg', dir: '/film' });
    ann.enter('stop 1');
    await ann.waitFor('there is no transfer with port 1.');
    ann.press('ctrl-c');
    await bob.hears({ stat: 'offline', username: 'ann' });
    expect((await ann.exit).exitCode).toBe(1);
    expect((await readdir(bob.folder)).filter((name) => !name.includes('.part'))).toEqual([]);
    expect((await readdir(lan.path('ann'))).filter((name) => !name.includes('.part'))).toEqual([]);
  });

  test('that is killed takes its engine with it', async () => {
    await using lan = await makeLan();
    await using ann = start(WIRELAB, ['lanshare', 'chat', ...lan.flags('ann', '127.0.0.2')]);
    await using bob = lan.engine('bob', '127.0.0.3');
    await hears(bob, { stat: 'online', username: 'ann' });
    ann.kill('SIGKILL');
    await hears(bob, { stat: 'offline', username: 'ann' });
    await until('a free port', async () => !(await isOpen(lan.tcpPort, '127.0.0.2')));
  });

  test('ends when it is told to, whatever it waits for', async () => {
    await using lan = await makeLan();
    const bob = await lan.network.start('bob', '127.0.0.3');
    await using ann = start(WIRELAB, ['lanshare', 'chat', ...lan.flags('ann', '127.0.0.2')]);
    ann.endInput(`send ${lan.path('film.mp4')} bob bob 127.0.0.3`);
    await bob.hears({ stat: 'rreq' });
    ann.kill('SIGTERM');
    expect((await ann.exit).signal).toBe(null);
    await bob.hears({ content: 'requestEnded' });
  });

  test('says why its engine cannot be', async () => {
    await using lan = await makeLan();
    await using chat = start(WIRELAB, ['lanshare', 'chat', ...lan.flags('ann', '192.0.2.1')]);
    const { status, stderr } = await chat.exit;
    expect(stderr).toMatch(
      /^error: the engine has ended: TCP port \d+: this machine does not have/,
    );
    expect(status).toBe(1);
  });
});

test('demo lanshare', async () => {
  await using folder = await TemporaryFolder.create();
  const capture = join(folder.path, 'ann.pcapng');
  const { status, stdout, stderr } = await run(WIRELAB, [
    ...['demo', 'lanshare', '--capture', capture],
  ]);
  expect(stderr).toBe('');
  expect(stdout).toMatch(/picture\.png to cy: done/);
  expect(stdout).toMatch(/everything was as it must be\n$/);
  expect(status).toBe(0);
  // The front end has its engine record.
  expect((await stat(capture)).size).toBeGreaterThan(PICTURE_BYTES);
});

/** Peers of sent and lanshare, written from their documents alone, in Python, against ours. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { patternBytes, TemporaryFolder } from '../app/folders.ts';
import { Program, REPOSITORY, start, WIRELAB } from '../app/programs.ts';
import { freePorts } from '../net/free-ports.ts';
import { hasPython, PYTHON, PYTHON_FLAGS } from '../support/python.ts';

const hasAddresses = process.platform === 'linux';
if (!hasPython) {
  console.warn('Left out: the LAN peers in Python. They need python3 in the PATH (python.org).');
}
if (!hasAddresses) {
  console.warn(
    'Left out: the LAN peers in Python. They need all of 127.0.0.0/8, which only Linux has: a container will do.',
  );
}

/** It begins with what could be taken for the end of the line before it. */
const BYTES = Buffer.concat([Buffer.from(' \r\n\n{"}\n'), patternBytes(3_000_000)]);
const OURS = '127.0.0.2';
const THEIRS = '127.0.0.9';

/** A folder with a file, ports, and the programs of one LAN. */
async function makeLan() {
  const folder = await TemporaryFolder.create({ 'a b.bin': BYTES });
  const { udpPort, tcpPort } = await freePorts();
  const ports = ['--udp-port', String(udpPort), '--tcp-port', String(tcpPort)];
  const route = ['--broadcast', '127.255.255.255', ...ports];
  const to = join(folder.path, 'to');
  await mkdir(to);
  return {
    path: folder.path,
    file: join(folder.path, 'a b.bin'),
    to,
    ports,
    /** One of ours for sent. */
    sent: (name: string, ...args: readonly string[]): Program =>
      start(WIRELAB, ['sent', ...args, '--name', name, '--ip', OURS, ...route]),
    engine: (name: string): Program =>
      start(WIRELAB, [
        ...['lanshare', 'engine', '--username', name, '--ip', OURS, ...route],
        ...['--data-port', '0', '--no-websocket'],
      ]),
    peer: (script: string, name: string, ...args: readonly string[]): Program =>
      python(script, ['--name', name, '--ip', THEIRS, ...route, ...args]),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

function python(script: string, args: readonly string[]): Program {
  return new Program(PYTHON, [...PYTHON_FLAGS, join(import.meta.dirname, script), ...args]);
}

async function expectDone(program: Program, expected = 0): Promise<void> {
  const { status, stdout, stderr } = await program.exit;
  expect(status, `${stdout}\n${stderr}`).toBe(expected);
}

async function expectCopy(folder: string): Promise<void> {
  expect(await readdir(folder)).toEqual(['a b.bin']);
  expect((await readFile(join(folder, 'a b.bin'))).equals(BYTES)).toBe(true);
}

function say(engine: Program, command: Readonly<Record<string, string>>): void {
  engine.enter(JSON.stringify(command));
}

/** Those of a kind: for `info` that is its content. */
function events(engine: Program, kind: string): Record<string, string>[] {
  const lines = engine.stdout.split('\n').slice(0, -1);
  const all: Record<string, string>[] = lines.map((line) => JSON.parse(line));
  return all.filter(({ stat, content }) => (stat === 'info' ? content : stat) === kind);
}

/** Waits for an event; where there are several of its kind, for that with this number. */
async function told(engine: Program, kind: string, count = 1): Promise<Record<string, string>> {
  await engine.waitFor(new RegExp(`(?:"(?:stat|content)":"${kind}".*\n[^]*?){${count}}`));
  const event = events(engine, kind)[count - 1];
  if (event === undefined) throw new Error(`no ${kind} in ${engine.stdout}`);
  return event;
}

async function expectEnd(engine: Program): Promise<void> {
  engine.endInput();
  await expectDone(engine);
}

const can = describe.skipIf(!hasPython || !hasAddresses);

can('sent: ours send to a peer in Python', () => {
  test.each([
    ['that answers on the same connection', []],
    ['that answers on one of its own', ['--own-connection']],
    ['that answers on one of its own, and closes the other', ['--own-connection', 'only']],
  ])('%s', async (_name, flags) => {
    await using lan = await makeLan();
    await using bob = lan.peer('sent_peer.py', 'bob', 'receive', '--out', lan.to, ...flags);
    await bob.waitFor(/>> JOIN/);
    await using ann = lan.sent('ann', 'send', lan.file, 'bob');
    await expectDone(ann);
    await expectDone(bob);
    expect(ann.stderr).toContain('bob has it.');
    await expectCopy(lan.to);
  });

  test.each([
    ['that refuses', ['--refuse']],
    ['that says DENY', ['--refuse', 'DENY']],
    ['that refuses on a connection of its own', ['--refuse', '--own-connection', 'only']],
  ])('%s', async (_name, flags) => {
    await using lan = await makeLan();
    await using bob = lan.peer('sent_peer.py', 'bob', 'receive', '--out', lan.to, ...flags);
    await bob.waitFor(/>> JOIN/);
    await using ann = lan.sent('ann', 'send', lan.file, 'bob');
    await expectDone(ann, 1);
    await expectDone(bob);
    expect(ann.stderr).toContain('bob does not want it.');
    expect(await readdir(lan.to)).toEqual([]);
  });
});

can('sent: a peer in Python sends to ours', () => {
  test('at once', async () => {
    await using lan = await makeLan();
    await using bob = lan.sent('bob', 'receive', '--accept', 'all', '--to', lan.to, '--once');
    await bob.waitFor(/bob is there/);
    await using ann = lan.peer('sent_peer.py', 'ann', 'send', lan.file, 'bob');
    await expectDone(ann);
    await expectDone(bob);
    expect(ann.stdout).toContain('<< PING bob');
    await expectCopy(lan.to);
  });

  test('and goes on where it was cut off', async () => {
    await using lan = await makeLan();
    await using bob = lan.sent('bob', 'receive', '--accept', 'all', '--to', lan.to);
    await bob.waitFor(/bob is there/);
    const send = ['send', lan.file, 'bob', '--break-at', '1500000'];
    await using ann = lan.peer('sent_peer.py', 'ann', ...send);
    await expectDone(ann);
    await expectCopy(lan.to);
  });

  test('and is refused', async () => {
    await using lan = await makeLan();
    await using bob = lan.sent('bob', 'receive', '--accept', 'none', '--to', lan.to);
    await bob.waitFor(/bob is there/);
    await using ann = lan.peer('sent_peer.py', 'ann', 'send', lan.file, 'bob', '--refused');
    await expectDone(ann);
    expect(await readdir(lan.to)).toEqual([]);
  });
});

can('lanshare: an engine and a peer in Python', () => {
  test('write to each other; who uses another name is not heard', async () => {
    await using lan = await makeLan();
    await using engine = lan.engine('ann');
    await using bob = lan.peer('lanshare_peer.py', 'bob', 'message', 'h\u00e9\n"you"', 'ann');
    expect(await told(engine, 'online')).toMatchObject({ ip: THEIRS, username: 'bob' });
    say(engine, { stat: 'cmsg', ip: THEIRS, to: 'bob', msg: 'hello' });
    expect(await told(engine, 'smsg')).toMatchObject({ person: 'you', content: 'hello' });
    expect(await told(engine, 'warning')).toMatchObject({ ip: THEIRS });
    expect(await told(engine, 'rmsg')).toMatchObject({ person: 'bob', content: 'h\u00e9\n"you"' });
    await expectDone(bob);
    expect(bob.stdout).toContain('ann says hello');
    expect(await told(engine, 'offline')).toMatchObject({ ip: THEIRS, username: 'bob' });
    await expectEnd(engine);
    expect(events(engine, 'rmsg')).toHaveLength(1);
    expect(events(engine, 'online')).toHaveLength(1);
    expect(events(engine, 'offline')).toHaveLength(1);
  });

  test('the peer sends, is cut off, and goes on', async () => {
    await using lan = await makeLan();
    await using engine = lan.engine('ann');
    const send = ['send', lan.file, 'ann', '--break-at', '1500000'];
    await using bob = lan.peer('lanshare_peer.py', 'bob', ...send);
    await told(engine, 'rreq');
    say(engine, { stat: 'cacp', ip: THEIRS, dir: lan.file, dest: lan.to });
    await told(engine, 'fprg');
    await told(engine, 'rreq', 2);
    say(engine, { stat: 'cacp', ip: THEIRS, dir: lan.file, dest: lan.to });
    await told(engine, 'dprg');
    await expectDone(bob);
    await expectEnd(engine);
    await expectCopy(lan.to);
  });

  test('the peer sends slowly: progress is told between one and five times a second', async () => {
    await using lan = await makeLan();
    await using engine = lan.engine('ann');
    await using bob = lan.peer(
      'lanshare_peer.py',
      'bob',
      'send',
      lan.file,
      'ann',
      '--seconds',
      '3',
    );
    await told(engine, 'rreq');
    const began = performance.now();
    say(engine, { stat: 'cacp', ip: THEIRS, dir: lan.file, dest: lan.to });
    await told(engine, 'dprg');
    const seconds = (performance.now() - began) / 1000;
    await expectDone(bob);
    await expectEnd(engine);
    const currents = events(engine, 'rprg').map(({ current }) => Number(current));
    expect(currents.length).toBeGreaterThanOrEqual(Math.floor(seconds) - 1);
    expect(currents.length).toBeLessThanOrEqual(5 * seconds);
    expect(currents).toEqual([...new Set(currents)].sort((a, b) => a - b));
    await expectCopy(lan.to);
  });

  test('the peer sends, and is rejected', async () => {
    await using lan = await makeLan();
    await using engine = lan.engine('ann');
    await using bob = lan.peer('lanshare_peer.py', 'bob', 'send', lan.file, 'ann', '--refused');
    await told(engine, 'rreq');
    say(engine, { stat: 'crej', ip: THEIRS, dir: lan.file });
    await told(engine, 'srej');
    await expectDone(bob);
    await expectEnd(engine);
  });

  test.each([
    ['takes what is sent', []],
    ['takes it, is cut off, and goes on', ['--break-at', '1500000']],
  ])('the peer %s', async (_name, flags) => {
    await using lan = await makeLan();
    await using engine = lan.engine('ann');
    const receive = ['receive', '--out', lan.to, ...flags];
    await using bob = lan.peer('lanshare_peer.py', 'bob', ...receive);
    await told(engine, 'online');
    say(engine, { stat: 'creq', ip: THEIRS, dir: lan.file });
    if (flags.length > 0) {
      await told(engine, 'fprg');
      say(engine, { stat: 'creq', ip: THEIRS, dir: lan.file });
    }
    const done = await told(engine, 'dprg');
    expect(done).toMatchObject({ ip: THEIRS, username: 'bob', current: String(BYTES.length) });
    await expectEnd(engine);
    await expectDone(bob);
    await expectCopy(lan.to);
  });

  test('the peer rejects', async () => {
    await using lan = await makeLan();
    await using engine = lan.engine('ann');
    await using bob = lan.peer('lanshare_peer.py', 'bob', 'receive', '--out', lan.to, '--refuse');
    await told(engine, 'online');
    say(engine, { stat: 'creq', ip: THEIRS, dir: lan.file });
    expect(await told(engine, 'rrej')).toMatchObject({ ip: THEIRS, dir: lan.file });
    await expectEnd(engine);
    await expectDone(bob);
  });
});

can('lanshare: a front end in Python leads two engines', () => {
  test.each([
    ['through requests and messages, what is stopped and what goes on', 'requests'],
    ['that leave, come back, and are killed', 'ends'],
  ])('%s', async (_name, story) => {
    await using lan = await makeLan();
    const schema = join(REPOSITORY, 'lib/lanshare/schema.json');
    const engine = [process.execPath, WIRELAB, 'lanshare', 'engine'];
    await using frontEnd = python('lanshare_front_end.py', [
      ...['--story', story, '--schema', schema, '--folder', lan.to, ...lan.ports],
      ...['--', ...engine],
    ]);
    await expectDone(frontEnd);
    expect(frontEnd.stdout).toContain('all is right');
  });
});

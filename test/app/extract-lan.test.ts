import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { freePorts } from '../net/free-ports.ts';
import { cut, extract, spoil } from '../support/extracted.ts';
import { needSeveralAddresses } from '../support/loopback.ts';
import { patternBytes, TemporaryFolder } from './folders.ts';
import { type Program, run, start, WIRELAB } from './programs.ts';

needSeveralAddresses();

const BYTES = patternBytes(300_000);
const IPS: Readonly<Record<string, string>> = {
  ann: '127.0.0.2',
  bob: '127.0.0.3',
  cy: '127.0.0.4',
};

/** A folder with files to send, and flags for peers that record what they do in it. */
async function makeLan(nameFlag: string) {
  const folder = await TemporaryFolder.create({ 'f.bin': BYTES, empty: '' });
  const { udpPort, tcpPort } = await freePorts();
  const at = (...names: readonly string[]): string => join(folder.path, ...names);
  return {
    at,
    capture: (name: string) => at(`${name}.pcapng`),
    flags: (name: string, capture = name): string[] => [
      ...[nameFlag, name, '--ip', IPS[name] ?? '', '--broadcast', '127.255.255.255'],
      ...['--udp-port', String(udpPort), '--tcp-port', String(tcpPort)],
      ...['--capture', at(`${capture}.pcapng`)],
    ],
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** Bob has it, from the captures of both; cy has refused it. */
async function expectExtracted(capture: (name: string) => string): Promise<void> {
  await using bob = await extract(capture('bob'));
  expect(bob).toMatchObject({ areWhole: true });
  expect(bob.told).toMatch(/^f\.bin \(\w+, 127\.0\.0\.2:\d+ to 127\.0\.0\.3:\d+\): whole, /);
  await using cy = await extract(capture('cy'));
  // What was not wanted is nothing that lacks.
  expect(cy.areWhole).toBe(true);
  const refused = /^f\.bin .*: not in the capture: all of it \(the receiver did not want it\)$/m;
  expect(cy.told).toMatch(refused);
  expect(await readdir(cy.folder.path)).toEqual([]);
  await using ann = await extract(capture('ann'));
  expect(ann.areWhole).toBe(true);
  expect(ann.told).toMatch(refused);
  for (const { folder } of [bob, ann]) {
    expect(await readdir(folder.path)).toEqual(['f.bin']);
    expect((await readFile(join(folder.path, 'f.bin'))).equals(BYTES)).toBe(true);
  }
  await using empty = await extract(capture('empty'));
  expect(empty).toMatchObject({ areWhole: true });
  expect(await readFile(join(empty.folder.path, 'empty'), 'utf8')).toBe('');
}

/** What is not whole, or not what was announced, is told. */
async function expectNoticed(capture: string): Promise<void> {
  const half = await cut(capture, (packets) => {
    const last = packets.findLastIndex(({ length }) => length > 10_000);
    return packets.slice(0, last);
  });
  await using short = await extract(half);
  expect(short.areWhole).toBe(false);
  expect(short.told).toMatch(/: not in the capture: bytes \d+ to 299999; kept as .*f\.bin\.part$/m);
  const spoilt = await spoil(capture, BYTES.subarray(5000, 5100));
  await using other = await extract(spoilt);
  expect(other.areWhole).toBe(false);
  expect(other.told).toMatch(
    /: it is not the file that was announced: its SHA256 is another; kept as .*f\.bin\.part$/m,
  );
}

test('sent: out of the captures of sender and receivers', async () => {
  await using lan = await makeLan('--name');
  const receive = async (name: string, accept: string, capture = name) => {
    const to = ['--to', lan.at(name), '--accept', accept, '--once'];
    const program = start(WIRELAB, ['sent', 'receive', ...to, ...lan.flags(name, capture)]);
    await program.waitFor(new RegExp(`${name} is there`));
    return program;
  };
  const send = (file: string, ...args: readonly string[]) =>
    run(WIRELAB, ['sent', 'send', lan.at(file), ...args]);
  await using bob = await receive('bob', 'all');
  await using cy = await receive('cy', 'none');
  await send('f.bin', 'bob', 'cy', ...lan.flags('ann'));
  expect((await bob.exit).status).toBe(0);
  await using again = await receive('bob', 'all', 'empty');
  expect((await send('empty', 'bob', ...lan.flags('ann', 'sends-empty'))).status).toBe(0);
  expect((await again.exit).status).toBe(0);
  cy.kill('SIGTERM');
  await cy.exit;
  await expectExtracted(lan.capture);
  await expectNoticed(lan.capture('bob'));
});

test('lanshare: out of the captures of sender and receivers', async () => {
  await using lan = await makeLan('--username');
  await mkdir(lan.at('bob'));
  const engine = (name: string, capture = name): Program => {
    const flags = [...lan.flags(name, capture), '--no-websocket', '--data-port', '0'];
    return start(WIRELAB, ['lanshare', 'engine', ...flags]);
  };
  const say = (program: Program, command: object) => program.enter(JSON.stringify(command));
  const end = async (program: Program) => {
    program.endInput();
    expect((await program.exit).status).toBe(0);
  };
  const transfer = async (from: Program, to: Program, name: string) => {
    const dir = lan.at(name);
    say(from, { stat: 'creq', ip: IPS.bob, dir });
    await to.waitFor(/"stat":"rreq"/);
    say(to, { stat: 'cacp', ip: IPS.ann, dir, dest: lan.at('bob') });
    await Promise.all([from.waitFor(/"stat":"dprg"/), to.waitFor(/"stat":"dprg"/)]);
  };
  await using ann = engine('ann');
  await using bob = engine('bob');
  await using cy = engine('cy');
  await ann.waitFor(/"online".*"bob"/);
  await ann.waitFor(/"online".*"cy"/);
  await transfer(ann, bob, 'f.bin');
  say(ann, { stat: 'creq', ip: IPS.cy, dir: lan.at('f.bin') });
  await cy.waitFor(/"stat":"rreq"/);
  say(cy, { stat: 'crej', ip: IPS.ann, dir: lan.at('f.bin') });
  await ann.waitFor(/"stat":"rrej"/);
  for (const program of [cy, bob, ann]) await end(program);
  await using sender = engine('ann', 'sends-empty');
  await using receiver = engine('bob', 'empty');
  await sender.waitFor(/"online".*"bob"/);
  await transfer(sender, receiver, 'empty');
  for (const program of [receiver, sender]) await end(program);
  await expectExtracted(lan.capture);
  await expectNoticed(lan.capture('bob'));
});

import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { LanshareEngine } from '../lib/net/lanshare-engine.ts';
import { SentPeer } from '../lib/net/sent-peer.ts';
import { tcpCopy } from './loopback.ts';
import { makeFile, outputOf, said, sha256, startBuilt } from './processes.ts';
import { median, type Row, row } from './table.ts';

const RUNS = 5;
const LONG_BYTES = 2 ** 31;
const MIB = 2 ** 20;

const PROTOCOLS = { sent: bySent, lanshare: byLanshare };
type Protocol = keyof typeof PROTOCOLS;
const NAMES = ['sent', 'lanshare'] as const satisfies readonly Protocol[];

/** Seconds of two transfers by the same receiver: the first in its life, and one more. */
interface Transfers {
  readonly first: number;
  readonly again: number;
}

/** A file from one peer to another, from the question to the last word, beside a plain TCP copy. */
export async function lan(folder: string, file: string, size: number): Promise<Row[]> {
  const long = join(folder, 'long.bin');
  await makeFile(long, LONG_BYTES);
  const rows: Row[] = [];
  for (const [path, bytes] of [
    [file, size],
    [long, LONG_BYTES],
  ] as const) {
    rows.push(...(await besideTcp(folder, path, bytes)));
  }
  await rm(long);
  return rows;
}

async function besideTcp(folder: string, file: string, size: number): Promise<Row[]> {
  const to = join(folder, 'lan');
  const tcpRates: number[] = [];
  const transfers: Record<Protocol, Transfers[]> = { sent: [], lanshare: [] };
  const wanted = await sha256(file);
  // Nobody pays for the pages of an earlier copy.
  const check = async (): Promise<void> => {
    const copy = join(to, basename(file));
    const received = await sha256(copy);
    if (received !== wanted) throw new Error('it is not the file');
    await rm(copy);
  };
  await mkdir(to);
  for (let run = 0; run < RUNS; run += 1) {
    tcpRates.push(await tcpCopy(file, join(folder, 'copy.bin'), size));
    for (const name of NAMES) transfers[name].push(await PROTOCOLS[name](file, to, check));
  }
  await rm(to, { recursive: true });
  const tcp = median(tcpRates);
  const what = `${Math.round(size / MIB)} MiB by`;
  const rateRows = (words: string, seconds: number[]): Row[] => {
    const rate = size / 1e6 / median(seconds);
    return [row(words, rate, { least: 0 }, 'MB/s'), row('… over TCP', rate / tcp, { least: 0.8 })];
  };
  return [
    row(`${what} TCP between two Node.js processes`, tcp, { least: 0 }, 'MB/s'),
    ...NAMES.flatMap((name) => {
      const [first, again] = (['first', 'again'] as const).map((which) =>
        transfers[name].map((one) => one[which]),
      );
      return [
        ...rateRows(`${what} ${name}, the first`, first ?? []),
        ...rateRows(`${what} ${name}, another one`, again ?? []),
      ];
    }),
  ];
}

type Check = () => Promise<void>;

/** From `Asking` to `has it`. */
async function bySent(file: string, to: string, check: Check): Promise<Transfers> {
  const flags = someFlags('--name');
  const bob = startBuilt(['sent', 'receive', '--accept', 'all', '--to', to, ...flags('bob', 3)]);
  await said(bob.stderr, /is there/);
  const transfer = async (): Promise<number> => {
    const ann = startBuilt(['sent', 'send', file, 'bob', ...flags('ann', 2)]);
    const done = outputOf(ann);
    const times: number[] = [];
    if (ann.stderr === null) throw new Error('no output');
    for await (const line of createInterface({ input: ann.stderr })) {
      if (/^Asking|has it/.test(line)) times.push(performance.now());
    }
    await done;
    await check();
    const [began = Number.NaN, ended = Number.NaN] = times;
    return (ended - began) / 1000;
  };
  const [first, again] = [await transfer(), await transfer()];
  bob.kill('SIGTERM');
  return { first, again };
}

/** From `cacp` to the sender's `dprg`: the first time the sender has to hash the file meanwhile. */
async function byLanshare(file: string, to: string, check: Check): Promise<Transfers> {
  const flags = someFlags('--username');
  const engine = (name: string, host: number): ChildProcess =>
    startBuilt(
      ['lanshare', 'engine', '--no-websocket', '--data-port', '0', ...flags(name, host)],
      'pipe',
    );
  const [ann, bob] = [engine('ann', 2), engine('bob', 3)];
  const [atAnn, atBob] = [eventsOf(ann), eventsOf(bob)];
  await Promise.all([atAnn('online'), atBob('online')]);
  const transfer = async (): Promise<number> => {
    say(ann, { stat: 'creq', ip: '127.0.0.3', dir: file });
    await atBob('rreq');
    const began = performance.now();
    say(bob, { stat: 'cacp', ip: '127.0.0.2', dir: file, dest: to });
    await Promise.all([atAnn('dprg'), atBob('dprg')]);
    const seconds = (performance.now() - began) / 1000;
    await check();
    return seconds;
  };
  const [first, again] = [await transfer(), await transfer()];
  for (const one of [ann, bob]) one.stdin?.end();
  return { first, again };
}

function say(engine: ChildProcess, command: object): void {
  engine.stdin?.write(`${JSON.stringify(command)}\n`);
}

/** Resolves when an event of that kind has come, another one for each call. */
function eventsOf(engine: ChildProcess): (stat: string) => Promise<void> {
  const seen: string[] = [];
  let wake: () => void = () => undefined;
  if (engine.stdout === null) throw new Error('no output');
  createInterface({ input: engine.stdout }).on('line', (line) => {
    seen.push((JSON.parse(line) as { stat: string }).stat);
    wake();
  });
  return async (stat) => {
    while (!seen.includes(stat)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    seen.splice(seen.indexOf(stat), 1);
  };
}

function someFlags(nameFlag: string): (name: string, host: number) => string[] {
  const [udpPort, tcpPort] = somePorts();
  return (name, host) => [
    ...[nameFlag, name, '--ip', `127.0.0.${host}`, '--broadcast', '127.255.255.255'],
    ...['--udp-port', String(udpPort), '--tcp-port', String(tcpPort)],
  ];
}

function somePorts(): readonly [number, number] {
  return [20_000 + randomInt(1000), 21_000 + randomInt(1000)];
}

const PEERS = 100;

interface Presence {
  /** Who else is there. */
  count(): number;
  close(): Promise<void>;
}

/** 100 peers of each protocol on one machine, in one process. */
export async function hundredPeers(): Promise<Row[]> {
  return [...(await presenceOf('sent', startSent)), ...(await presenceOf('lanshare', startEngine))];
}

async function presenceOf(
  protocol: string,
  start: (index: number, ports: readonly [number, number], onLeft: () => void) => Promise<Presence>,
): Promise<Row[]> {
  const ports = somePorts();
  const left: number[] = [];
  let leftAt = 0;
  const onLeft = (): void => void left.push((performance.now() - leftAt) / 1000);
  const peers: Presence[] = [];
  for (let index = 1; index <= PEERS; index += 1) peers.push(await start(index, ports, onLeft));
  const began = performance.now();
  while (!peers.every((peer) => peer.count() === PEERS - 1)) await pause();
  const known = (performance.now() - began) / 1000;
  leftAt = performance.now();
  await peers[0]?.close();
  while (left.length < PEERS - 1) await pause();
  await Promise.all(peers.map((peer) => peer.close()));
  return [
    row(`${protocol}: after the last start all know all`, known, { most: 3 }, 's'),
    row(
      '… one that leaves is gone from all',
      Math.max(...left.slice(0, PEERS - 1)),
      { most: 1 },
      's',
    ),
  ];
}

async function startSent(
  index: number,
  [udpPort, tcpPort]: readonly [number, number],
  onLeft: () => void,
): Promise<Presence> {
  const nothing = (): void => undefined;
  const peer = await SentPeer.start({
    ...{ name: `p${index}`, ip: `127.0.2.${index}`, broadcast: ['127.255.255.255'] },
    ...{ udpPort, tcpPort, onLeft, log: nothing },
    ...{ onCame: nothing, onRenamed: nothing, onReceived: nothing },
    decide: async () => false,
    openSink: () => Promise.reject(new Error('nothing is taken')),
    describe: String,
  });
  return { count: () => peer.peers.length, close: () => peer.close() };
}

async function startEngine(
  index: number,
  [udpPort, tcpPort]: readonly [number, number],
  onLeft: () => void,
): Promise<Presence> {
  const nothing = () => Promise.reject(new Error('there are no files'));
  const engine = await LanshareEngine.start({
    ...{ username: `p${index}`, ip: `127.0.3.${index}`, broadcast: ['127.255.255.255'] },
    ...{ udpPort, tcpPort, dataPort: 0, log: () => undefined, describe: String },
    ...{ openFile: nothing, openSink: nothing, checkFolder: nothing },
    onEvent: (event) => {
      if (event.type === 'presence' && event.status === 'offline') onLeft();
    },
  });
  return { count: () => engine.people.length, close: () => engine.close() };
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

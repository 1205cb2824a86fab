import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from '../table.ts';
import { located } from './installed.ts';
import { type LinkSettings, queueLimit, type Snapshot } from './link.ts';
import { type Bench, jobOf, meanQueue } from './measure.ts';
import { ADDRESS, Path } from './path.ts';
import { Samples } from './samples.ts';
import { type Job, PORT, wirelab } from './tools.ts';

type Place = Pick<Bench, 'linkProgram' | 'folder' | 'signal'>;

const TWO_SECONDS = 10;
const BESIDE_TCP_SECONDS = 20;
/** How long a newcomer is watched. */
const NEWCOMER_SECONDS = 20;
/** A newcomer has arrived when it gets this part of its fair share. */
const ARRIVED = 0.8;
/** The server makes the hash of the file at its start; by then that is over. */
const SETTLE_MS = 3000;
const TCP_PORT = PORT + 2;
const FILE = 'long.bin';

interface Fairness {
  /** Of the bytes that two downloads got: 1 is equal shares, 1/2 is all for one. */
  readonly jain: number;
  /** From the start of a third one's command until it had its share for a second. */
  readonly newcomer: number;
  /** Our share beside one flow of TCP CUBIC, 0 to 1. */
  readonly besideTcp: number;
  /** The mean queue meanwhile, in bandwidth-delay products. */
  readonly queue: number;
}

/** How downloads share a path, as a table in markdown: the median of the runs, and all of them. */
export async function fairnessTable(
  place: Place,
  link: Omit<LinkSettings, 'seed'>,
  runs: number,
): Promise<string> {
  const file = join(place.folder, 'files', FILE);
  // What is in it plays no part here, and a file with nothing in it takes no memory.
  await writeFile(file, '');
  const seconds = TWO_SECONDS + NEWCOMER_SECONDS + BESIDE_TCP_SECONDS;
  await truncate(file, Math.ceil(((link.rate * 1e6) / 8) * seconds));
  const all: Fairness[] = [];
  for (let seed = 1; seed <= runs; seed += 1) {
    const settings = { ...link, seed };
    const result = {
      ...(await besideEachOther(place, settings)),
      ...(await besideTcp(place, settings)),
    };
    process.stderr.write(`run ${seed}: ${JSON.stringify(result)}\n`);
    all.push(result);
  }
  const row = (title: string, key: keyof Fairness) => {
    const values = all.map((result) => result[key]);
    const each = values.map((value) => value.toFixed(3)).join(', ');
    return `| ${title} | ${median(values).toFixed(3)} | ${each} |\n`;
  };
  return [
    '| what | median | runs |\n| --- | --- | --- |\n',
    row(`two downloads, ${TWO_SECONDS} s: Jain's index`, 'jain'),
    row(`a third one: seconds until it has ${ARRIVED} of a third`, 'newcomer'),
    row(`beside one flow of TCP CUBIC, ${BESIDE_TCP_SECONDS} s: our share`, 'besideTcp'),
    row('… mean queue in bandwidth-delay products', 'queue'),
  ].join('');
}

/** Two downloads, and after a while a third one. */
async function besideEachOther(
  place: Place,
  link: LinkSettings,
): Promise<Pick<Fairness, 'jain' | 'newcomer'>> {
  await using path = await Path.open(place.linkProgram, link);
  const job = await serve(path, place, link);
  const samples = new Samples(path, place.signal);
  for (const number of [1, 2]) await download(path, job, number);
  const begin = await samples.until((sample) => downloads(sample).length === 2);
  const end = await samples.until(({ seconds }) => seconds >= begin.seconds + TWO_SECONDS);
  const first = downloads(end);
  const [one = 0, two = 0] = first.map((port) => got(begin, end, port));
  const started = end.seconds;
  await download(path, job, 3);
  const hasArrived = (sample: Snapshot) => {
    const ports = downloads(sample);
    const before = samples.aSecondBefore(sample);
    const shares = ports.map((port) => got(before, sample, port));
    const newcomer = shares[ports.findIndex((port) => !first.includes(port))] ?? 0;
    return ports.length === 3 && newcomer >= (ARRIVED * sum(shares)) / 3;
  };
  const last = await samples.until(
    (sample) => hasArrived(sample) || sample.seconds > started + NEWCOMER_SECONDS,
  );
  return {
    jain: (one + two) ** 2 / (2 * (one ** 2 + two ** 2)),
    newcomer: hasArrived(last) ? last.seconds - started : Number.POSITIVE_INFINITY,
  };
}

/** One download and one flow of TCP CUBIC that never ends. */
async function besideTcp(
  place: Place,
  link: LinkSettings,
): Promise<Pick<Fairness, 'besideTcp' | 'queue'>> {
  await using path = await Path.open(place.linkProgram, link, 'cubic');
  const job = await serve(path, place, link);
  const [endless, sink] = await Promise.all([
    located(['socat', '-u', 'OPEN:/dev/zero', `TCP-LISTEN:${TCP_PORT}`]),
    located(['socat', '-u', tcpSource(), 'OPEN:/dev/null']),
  ]);
  await path.start('server', endless).listens(TCP_PORT, place.signal);
  const samples = new Samples(path, place.signal);
  await download(path, job, 1);
  path.start('client', sink);
  const begin = await samples.until(
    (sample) => downloads(sample).length === 1 && byTcp(sample) > 0,
  );
  const end = await samples.until(({ seconds }) => seconds >= begin.seconds + BESIDE_TCP_SECONDS);
  const ours = sum(downloads(end).map((port) => got(begin, end, port)));
  const theirs = byTcp(end) - byTcp(begin);
  return { besideTcp: ours / (ours + theirs), queue: meanQueue(begin, end) / queueLimit(link) };
}

/** From a port of its own, by which the link tells it from the others. */
function tcpSource(): string {
  return `TCP:${ADDRESS.server}:${TCP_PORT},sourceport=${TCP_PORT}`;
}

async function serve(path: Path, place: Place, link: LinkSettings): Promise<Job> {
  const job = await jobOf({ ...place, name: FILE, modules: undefined }, link);
  const server = path.start('server', await located(wirelab.serve(job)));
  await server.listens(PORT, place.signal);
  await sleep(SETTLE_MS, undefined, { signal: place.signal });
  return job;
}

async function download(path: Path, job: Job, number: number): Promise<void> {
  path.start('client', await located(wirelab.fetch({ ...job, out: `${job.out}-${number}` })));
}

/** The ports of the downloads: nothing else goes by UDP. */
function downloads({ toClient }: Snapshot): string[] {
  return Object.keys(toClient.udp);
}

/** Bytes of IP that a download got between two looks. */
function got(before: Snapshot, after: Snapshot, port: string): number {
  return (after.toClient.udp[port]?.bytes ?? 0) - (before.toClient.udp[port]?.bytes ?? 0);
}

function byTcp({ toClient }: Snapshot): number {
  return toClient.tcp[TCP_PORT]?.bytes ?? 0;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

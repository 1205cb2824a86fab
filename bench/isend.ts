import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { delayedPort } from './delayed-port.ts';
import { tcpCopy } from './loopback.ts';
import { makeFile, outputOf, peakMemory, said, sha256, startBuilt } from './processes.ts';
import { median, type Row, row } from './table.ts';

const RUNS = 5;
/** With so much, the start of the processes counts for little. */
const LONG_BYTES = 2 ** 31;
const LONG_RUNS = 3;
const MIB = 2 ** 20;
const SMALL_FILES = 10_000;
const SMALL_BYTES = 1024;
const PER_FOLDER = 100;
/** Each way. */
const DELAY_MS = 20;
const DELAYED_BYTES = 8 * MIB;

interface Sent {
  readonly seconds: number;
  readonly senderMemory: number | undefined;
  readonly receiverMemory: number | undefined;
}

/** isend over loopback beside a plain TCP copy, with many small files, and with a long way between. */
export async function isend(folder: string, file: string, size: number): Promise<Row[]> {
  const to = join(folder, 'isend');
  const long = join(folder, 'long.bin');
  await makeFile(long, LONG_BYTES);
  const [short, sent] = await besideTcp(folder, to, file, size, RUNS);
  const [longer, sentLonger] = await besideTcp(folder, to, long, LONG_BYTES, LONG_RUNS);
  sent.push(...sentLonger);
  await rm(long);
  return [
    ...short,
    ...longer,
    row('memory of the sender', most(sent, 'senderMemory'), { most: 150 }, 'MiB'),
    row('memory of the receiver', most(sent, 'receiverMemory'), { most: 150 }, 'MiB'),
    await smallFiles(folder, to),
    ...(await longWay(folder, to)),
  ];
}

async function besideTcp(
  folder: string,
  to: string,
  file: string,
  size: number,
  runs: number,
): Promise<[Row[], Sent[]]> {
  const tcp: number[] = [];
  const sent: Sent[] = [];
  const wanted = await sha256(file);
  for (let run = 0; run < runs; run += 1) {
    tcp.push(await tcpCopy(file, join(folder, 'copy.bin'), size));
    sent.push(await send(file, to));
    if ((await sha256(join(to, basename(file)))) !== wanted) throw new Error('it is not the file');
    await rm(to, { recursive: true });
  }
  const rate = size / 1e6 / median(sent.map(({ seconds }) => seconds));
  const mib = Math.round(size / MIB);
  const rows = [
    row(`${mib} MiB by TCP between two Node.js processes`, median(tcp), { least: 0 }, 'MB/s'),
    row(`${mib} MiB by \`wirelab isend\``, rate, { least: 0 }, 'MB/s'),
    row('… over that of TCP', rate / median(tcp), { least: 0.8 }),
  ];
  return [rows, sent];
}

async function smallFiles(folder: string, to: string): Promise<Row> {
  const tree = join(folder, 'tree');
  const bytes = Buffer.alloc(SMALL_BYTES);
  for (let number = 0; number < SMALL_FILES; number += 1) {
    const inner = join(tree, `folder ${Math.floor(number / PER_FOLDER)}`);
    if (number % PER_FOLDER === 0) await mkdir(inner, { recursive: true });
    bytes.writeUInt32BE(number);
    await writeFile(join(inner, `file ${number}`), bytes);
  }
  const { seconds } = await send(tree, to);
  let alike = 0;
  for (const path of await readdir(tree, { recursive: true })) {
    const [original, copy] = await Promise.all(
      [join(tree, path), join(to, 'tree', path)].map((at) => readFile(at).catch(() => undefined)),
    );
    if (original !== undefined && copy?.equals(original)) alike += 1;
  }
  if (alike < SMALL_FILES) throw new Error(`only ${alike} of ${SMALL_FILES} files are alike`);
  await Promise.all([tree, to].map((path) => rm(path, { recursive: true })));
  return row(`${SMALL_FILES} files of ${SMALL_BYTES} bytes`, seconds, { most: 10 }, 's');
}

async function longWay(folder: string, to: string): Promise<Row[]> {
  const file = join(folder, 'delayed.bin');
  await makeFile(file, DELAYED_BYTES);
  const many = await send(file, to, { delay: DELAY_MS });
  await rm(to, { recursive: true });
  const one = await send(file, to, { delay: DELAY_MS, flags: ['--window', '1'] });
  await rm(to, { recursive: true });
  const mib = DELAYED_BYTES / MIB;
  const what = `${mib} MiB with ${2 * DELAY_MS} ms round trip`;
  return [
    row(what, many.seconds, { most: 10 }, 's'),
    row('… with --window 1, over that', one.seconds / many.seconds, { least: 10 }),
  ];
}

/** Sends `path`; the time is that of the whole command that sends. */
async function send(
  path: string,
  to: string,
  { delay, flags = [] }: { delay?: number; flags?: readonly string[] } = {},
): Promise<Sent> {
  const receiver = startBuilt([
    ...['isend', 'receive', '--host', '127.0.0.1', '--port', '0', '--to', to, '--once'],
  ]);
  const received = new Promise((resolve) => receiver.once('close', resolve));
  const [, listening = ''] = await said(receiver.stdout, /port (\d+)/);
  await using way = delay === undefined ? undefined : await delayedPort(Number(listening), delay);
  const port = way?.port ?? listening;
  const began = performance.now();
  const sender = startBuilt(['isend', 'send', '127.0.0.1', '--port', String(port), path, ...flags]);
  let senderMemory: number | undefined;
  let receiverMemory: number | undefined;
  const watch = setInterval(async () => {
    senderMemory = (await peakMemory(sender)) ?? senderMemory;
    receiverMemory = (await peakMemory(receiver)) ?? receiverMemory;
  }, 100);
  await outputOf(sender).finally(() => clearInterval(watch));
  const seconds = (performance.now() - began) / 1000;
  await received;
  return { seconds, senderMemory, receiverMemory };
}

function most(all: readonly Sent[], key: 'senderMemory' | 'receiverMemory'): number | undefined {
  const known = all.flatMap((sent) => sent[key] ?? []);
  return known.length === 0 ? undefined : Math.max(...known);
}

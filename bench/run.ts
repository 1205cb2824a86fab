/**
 * `npm run bench`: how fast the programs are and what they can bear, over loopback, each as a process of
 * its own, and over simulated links. Prints tables; status 1 when a bound is not kept. Arguments: words of
 * the tables that are wanted; all when there are none.
 */
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { grading } from './grading.ts';
import { isend } from './isend.ts';
import { hundredPeers, lan } from './lan.ts';
import { simulatedLinks } from './links.ts';
import { loopback } from './loopback.ts';
import { makeFile, outputOf, peakMemory, start, startServer } from './processes.ts';
import { relay } from './relay.ts';
import { print, type Row, row } from './table.ts';

const MIB = 2 ** 20;
const CLIENTS = 240;
const CLIENT_PROCESSES = 2;
const LARGE = 512 * MIB;

const folder = await mkdtemp(join(tmpdir(), 'wirelab-bench-'));
const files = join(folder, 'files');
await mkdir(files);
try {
  process.stdout.write(`${machine()}\n`);
  await makeFile(join(files, 'one.bin'), MIB);
  await makeFile(join(files, 'eight.bin'), 8 * MIB);
  await makeFile(join(files, 'large.bin'), LARGE);
  const large = join(files, 'large.bin');
  const tables: [string, () => Row[] | Promise<Row[]>][] = [
    ['Simulated links, in virtual time', simulatedLinks],
    ['Loopback', () => loopback(folder, files, 'large.bin', LARGE)],
    [
      `${CLIENTS} clients at once, 8 MiB, fast profile`,
      () => manyClients('fast', 'eight.bin', 8 * MIB),
    ],
    [
      `${CLIENTS} clients at once, 1 MiB, the document's rules`,
      () => manyClients('document', 'one.bin', MIB),
    ],
    ['relay', () => relay(folder, large, LARGE)],
    ['isend', () => isend(folder, large, LARGE)],
    ['100 LAN peers', hundredPeers],
    ['LAN: sent and lanshare', () => lan(folder, large, LARGE)],
    ['Grading', () => grading(folder)],
  ];
  const wanted = process.argv.slice(2);
  for (const [title, measure] of tables) {
    if (wanted.length > 0 && !wanted.some((word) => title.includes(word))) continue;
    const rows = await measure();
    print(title, rows);
    if (rows.some(({ kept }) => !kept)) process.exitCode = 1;
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** 15 clients on each of 16 ports, each downloading a file, and talking, at the same time. */
async function manyClients(
  profile: 'fast' | 'document',
  name: string,
  size: number,
): Promise<Row[]> {
  const path = join(files, name);
  const alone = await rateOfOne(profile);
  // One port more, for the one who only asks.
  const ports = Array.from({ length: 17 }, () => '0').join(',');
  const { server, ports: all } = await startServer(['--ports', ports, '--files', files]);
  const [last = 0, ...open] = all;
  const asker = start('bench/asker.ts', ['127.0.0.1', String(last)], 'pipe');
  const asked = outputOf(asker);
  const share = CLIENTS / CLIENT_PROCESSES;
  const outputs = await Promise.all(
    Array.from({ length: CLIENT_PROCESSES }, (_, index) =>
      outputOf(
        start('bench/many-clients.ts', [
          profile,
          '127.0.0.1',
          String(index * share),
          String(share),
          path,
          ...open.map(String),
        ]),
      ),
    ),
  ).catch((error: unknown) => {
    server.kill('SIGTERM');
    throw error;
  });
  asker.stdin?.end();
  const { answers, slowest } = JSON.parse(await asked) as { answers: number; slowest: number };
  const memory = await peakMemory(server);
  server.kill('SIGTERM');
  const results = outputs.flatMap((output) => JSON.parse(output) as Record<string, number>[]);
  const whole = results.filter((result) => result.whole).length;
  const seen = Math.max(...results.map(({ slowestAnswerMs = 0 }) => slowestAnswerMs));
  const seconds = results.map(({ seconds: took = 0 }) => took);
  const mean = seconds.reduce((total, value) => total + value, 0) / CLIENTS;
  const together = (CLIENTS * size) / 1e6 / Math.max(...seconds);
  return [
    row('whole files', whole, { least: CLIENTS }),
    row('one alone', alone, { least: 0 }, 'MB/s'),
    row('together', together, { least: 0 }, 'MB/s'),
    row('together over one alone', together / alone, { least: profile === 'fast' ? 0.7 : 0 }),
    row('the slowest over the mean', Math.max(...seconds) / mean, { most: 3 }),
    row(`slowest of ${answers} answers to get_users`, slowest, { most: 250 }, 'ms'),
    row('the same, to those who download meanwhile', seen, { most: 1000 }, 'ms'),
    row('memory of the server', memory, { most: 250 }, 'MiB'),
    row('parts that came twice, per client', sum(results, 'duplicates') / CLIENTS, { most: 1000 }),
  ];
}

/** Bytes a second of such a client alone, in MB. */
async function rateOfOne(profile: 'fast' | 'document'): Promise<number> {
  const { server, ports } = await startServer(['--ports', '0', '--files', files]);
  const path = join(files, profile === 'fast' ? 'large.bin' : 'eight.bin');
  const { size } = await stat(path);
  try {
    const args = [profile, '127.0.0.1', '0', '1', path, ...ports.map(String)];
    const output = await outputOf(start('bench/many-clients.ts', args));
    const [{ seconds = Number.NaN } = {}] = JSON.parse(output) as { seconds?: number }[];
    return size / 1e6 / seconds;
  } finally {
    server.kill('SIGTERM');
  }
}

function sum(results: readonly Record<string, number>[], key: string): number {
  return results.reduce((total, result) => total + (result[key] ?? 0), 0);
}

function machine(): string {
  const [cpu] = cpus();
  return `Node ${process.version}, ${cpus().length} cores (${cpu?.model ?? 'unknown'}), ${process.platform} ${release()}`;
}

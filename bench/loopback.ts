import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  firstLine,
  outputOf,
  peakMemory,
  sha256,
  startBuilt,
  startPlain,
  startServer,
} from './processes.ts';
import { median, type Row, row } from './table.ts';

const RUNS = 5;

interface Run {
  /** 10^6 bytes of the file a second, of the whole command. */
  readonly rate: number;
  readonly clientMemory: number | undefined;
}

/**
 * `wirelab get` of one file over loopback, again and again, beside a plain TCP copy between two
 * Node.js processes, each as a whole command with its start.
 */
export async function loopback(
  folder: string,
  files: string,
  name: string,
  size: number,
): Promise<Row[]> {
  const file = join(files, name);
  const wanted = await sha256(file);
  const { server, ports } = await startServer(['--ports', '0', '--files', files]);
  const tcp: number[] = [];
  const large: Run[] = [];
  const small: Run[] = [];
  try {
    for (let run = 0; run < RUNS; run += 1) {
      tcp.push(await tcpCopy(file, join(folder, 'copy.bin'), size));
      large.push(await download(folder, name, size, wanted, [...route(ports)]));
      small.push(await download(folder, name, size, wanted, [...route(ports), '--mtu', '2076']));
    }
    const mib = Math.round(size / 2 ** 20);
    const copy = median(tcp);
    return [
      row(`${mib} MiB by TCP between two Node.js processes`, copy, { least: 0 }, 'MB/s'),
      row(`${mib} MiB by \`wirelab get\``, median(rates(large)), { least: 0 }, 'MB/s'),
      row('… over that of TCP', median(rates(large)) / copy, { least: 1 }),
      row(`${mib} MiB in datagrams of 2048 bytes`, median(rates(small)), { least: 0 }, 'MB/s'),
      row('memory of the server', await peakMemory(server), { most: 150 }, 'MiB'),
      row('memory of the client', most([...large, ...small]), { most: 150 }, 'MiB'),
    ];
  } finally {
    server.kill('SIGTERM');
  }
}

function route(ports: readonly number[]): string[] {
  return ['--port', String(ports[0])];
}

async function download(
  folder: string,
  name: string,
  size: number,
  wanted: string,
  flags: readonly string[],
): Promise<Run> {
  const out = join(folder, 'got.bin');
  await rm(out, { force: true });
  const began = performance.now();
  const client = startBuilt(['get', name, '--yes', '--out', out, ...flags]);
  let clientMemory: number | undefined;
  const watch = setInterval(() => {
    void peakMemory(client).then((memory) => {
      clientMemory = memory ?? clientMemory;
    });
  }, 100);
  await outputOf(client).finally(() => clearInterval(watch));
  const seconds = (performance.now() - began) / 1000;
  if ((await sha256(out)) !== wanted) throw new Error('the copy is not the file');
  return { rate: size / 1e6 / seconds, clientMemory };
}

/** Bytes a second of a plain TCP copy, start included, in MB. */
export async function tcpCopy(file: string, out: string, size: number): Promise<number> {
  await rm(out, { force: true });
  const server = startPlain('bench/tcp-copy.mjs', ['serve', file, '1']);
  const port = await firstLine(server);
  const began = performance.now();
  await outputOf(startPlain('bench/tcp-copy.mjs', ['get', port, out]));
  const rate = size / 1e3 / (performance.now() - began);
  await rm(out, { force: true });
  return rate;
}

function rates(runs: readonly Run[]): number[] {
  return runs.map(({ rate }) => rate);
}

function most(runs: readonly Run[]): number | undefined {
  const known = runs.flatMap(({ clientMemory }) => clientMemory ?? []);
  return known.length === 0 ? undefined : Math.max(...known);
}

/**
 * `npm run bench`: what the classroom server and client can bear, over loopback, each program as a
 * process of its own. Prints a table; status 1 when a bound is not kept.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFile, outputOf, peakMemory, sha256, start, startServer } from './processes.ts';

const MIB = 2 ** 20;
const CLIENTS = 240;
const CLIENT_PROCESSES = 4;

interface Row {
  readonly what: string;
  readonly measured: string;
  readonly bound: string;
  readonly kept: boolean;
}

const folder = await mkdtemp(join(tmpdir(), 'wirelab-bench-'));
const files = join(folder, 'files');
await mkdir(files);
try {
  const rows = [...(await manyClients()), ...(await largeFile())];
  process.stdout.write(
    `${machine()}\n\n| what | measured | bound | kept |\n| --- | --- | --- | --- |\n`,
  );
  for (const { what, measured, bound, kept } of rows) {
    process.stdout.write(`| ${what} | ${measured} | ${bound} | ${kept ? 'yes' : '**no**'} |\n`);
  }
  if (rows.some(({ kept }) => !kept)) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** 15 clients on each of 16 ports, each talking and downloading 1 MiB at the same time. */
async function manyClients(): Promise<Row[]> {
  const file = join(files, 'one.bin');
  await makeFile(file, MIB);
  const wanted = await sha256(file);
  const ports = Array.from({ length: 16 }, () => '0').join(',');
  const { server, ports: open } = await startServer(['--ports', ports, '--files', files]);
  const began = performance.now();
  const share = CLIENTS / CLIENT_PROCESSES;
  const outputs = await Promise.all(
    Array.from({ length: CLIENT_PROCESSES }, (_, index) =>
      outputOf(
        start('bench/many-clients.ts', [
          '127.0.0.1',
          String(index * share),
          String(share),
          'one.bin',
          ...open.map(String),
        ]),
      ),
    ),
  );
  const seconds = (performance.now() - began) / 1000;
  const memory = await peakMemory(server);
  server.kill('SIGTERM');
  const results = outputs.flatMap((output) => JSON.parse(output) as Record<string, number>[]);
  const whole = results.filter(({ sha256: hash }) => String(hash) === wanted).length;
  const slowest = Math.max(...results.map(({ slowestAnswerMs = 0 }) => slowestAnswerMs));
  const answers = sum(results, 'answers');
  return [
    row(
      `whole files at ${CLIENTS} clients at once (${seconds.toFixed(1)} s in all)`,
      whole,
      CLIENTS,
      whole === CLIENTS,
      '',
    ),
    row(
      `slowest of ${answers} answers to get_users`,
      slowest,
      1000,
      answers > 0 && slowest <= 1000,
      'ms',
    ),
    row('memory of the server', memory, 200, memory === undefined || memory < 200, 'MiB'),
    {
      what: 're-requests, and parts that came twice, per client',
      measured: `${(sum(results, 'reRequests') / CLIENTS).toFixed(1)}, ${(sum(results, 'duplicates') / CLIENTS).toFixed(1)}`,
      bound: '-',
      kept: true,
    },
  ];
}

/** 1 GiB with `wirelab get`. */
async function largeFile(): Promise<Row[]> {
  const file = join(files, 'large.bin');
  await makeFile(file, 1024 * MIB);
  const { server, ports } = await startServer(['--ports', '0', '--files', files]);
  const began = performance.now();
  const out = join(folder, 'large.bin');
  const client = start('lib/cli.ts', [
    'get',
    'large.bin',
    '--yes',
    '--port',
    String(ports[0]),
    '--out',
    out,
  ]);
  let clientMemory: number | undefined;
  const watch = setInterval(() => {
    void peakMemory(client).then((memory) => {
      clientMemory = memory ?? clientMemory;
    });
  }, 250);
  await outputOf(client).finally(() => clearInterval(watch));
  const seconds = (performance.now() - began) / 1000;
  const serverMemory = await peakMemory(server);
  server.kill('SIGTERM');
  const whole = (await sha256(file)) === (await sha256(out));
  const rate = (1024 * MIB) / 1e6 / seconds;
  return [
    {
      what: '1 GiB file',
      measured: `${whole ? 'whole' : 'NOT whole'}, ${seconds.toFixed(1)} s, ${rate.toFixed(1)} MB/s`,
      bound: 'whole',
      kept: whole,
    },
    row('memory of its server', serverMemory, 200, (serverMemory ?? 0) < 200, 'MiB'),
    row('memory of its client', clientMemory, 200, (clientMemory ?? 0) < 200, 'MiB'),
  ];
}

function sum(results: readonly Record<string, number>[], key: string): number {
  return results.reduce((total, result) => total + (result[key] ?? 0), 0);
}

function row(
  what: string,
  value: number | undefined,
  bound: number,
  kept: boolean,
  unit: string,
): Row {
  const measured = value === undefined ? 'not measured here' : `${Math.round(value)} ${unit}`;
  return { what, measured, bound: `${bound} ${unit}`, kept };
}

function machine(): string {
  const [cpu] = cpus();
  return `Node ${process.version}, ${cpus().length} cores (${cpu?.model ?? 'unknown'}), ${process.platform} ${release()}`;
}

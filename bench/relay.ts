import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Port } from '../lib/core/brands.ts';
import { RelayClient } from '../lib/net/relay-client.ts';
import { firstLine, outputOf, peakMemory, said, startBuilt, startPlain } from './processes.ts';
import { median, type Row, row } from './table.ts';

const RUNS = 3;
const READERS = 8;
const MANY = 1000;
const RECIPIENTS = 100;
const KEY = 'key';
const LAG_BYTES = 512 * 2 ** 20;

interface Server {
  readonly commandPort: number;
  readonly notificationPort: number;
}

/**
 * The relay over loopback: eight who read while one writes, beside eight plain TCP copies; how far a
 * reader is behind the writer; and a thousand users.
 */
export async function relay(folder: string, file: string, size: number): Promise<Row[]> {
  const store = join(folder, 'store');
  const process = startBuilt([
    ...['relay', 'serve', '--host', '127.0.0.1', '--store', store],
    ...['--command-port', '0', '--notif-port', '0'],
  ]);
  const [, command, notification] = await said(process.stderr, /ports (\d+) \(.*\) and (\d+)/);
  const server = { commandPort: Number(command), notificationPort: Number(notification) };
  const keyFile = join(folder, 'key');
  await writeFile(keyFile, `${KEY}\n`);
  try {
    const plain: number[] = [];
    const relayed: number[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      plain.push(await plainCopies(file, size));
      relayed.push(await relayedCopies(server, keyFile, file, size));
    }
    const mib = Math.round(size / 2 ** 20);
    const lag = await lagOf(server);
    const memory = await peakMemory(process);
    return [
      row(`${READERS} plain TCP copies of ${mib} MiB`, median(plain), { least: 0 }, 'MB/s'),
      row(`${READERS} readers of a relay`, median(relayed), { least: 0 }, 'MB/s'),
      row('… over the plain copies', median(relayed) / median(plain), { least: 0.6 }),
      row('a reader is behind the writer, at most', lag, { most: 1000 }, 'ms'),
      row('memory of the server', memory, { most: 200 }, 'MiB'),
      ...(await manyUsers(server)),
    ];
  } finally {
    process.kill('SIGTERM');
  }
}

/** Bytes a second of all together, in MB. */
async function plainCopies(file: string, size: number): Promise<number> {
  const server = startPlain('bench/tcp-copy.mjs', ['serve', file, String(READERS)]);
  const port = await firstLine(server);
  const readers = await startReaders([]);
  return readers.read(port, size);
}

async function relayedCopies(
  server: Server,
  keyFile: string,
  file: string,
  size: number,
): Promise<number> {
  const users = Array.from({ length: READERS }, (_, number) => `reader-${number}`);
  const readers = await startReaders(['READ', 'reader-%', KEY, '0']);
  let open: (port: Port) => void = () => undefined;
  const opened = new Promise<Port>((resolve) => {
    open = resolve;
  });
  const clients = await Promise.all(users.map((user) => logIn(server, user, open)));
  const sender = startBuilt([
    ...['relay', 'send', file, ...users, '--server', '127.0.0.1', '--name', 'sender'],
    ...['--command-port', String(server.commandPort)],
    ...['--notif-port', String(server.notificationPort), '--key-file', keyFile],
  ]);
  const sent = outputOf(sender);
  const rate = await readers.read(String(await opened), size);
  await sent;
  await Promise.all(clients.map((client) => client.close()));
  return rate;
}

/** Readers in a process of their own that wait for a port. @param words see readers.mjs */
async function startReaders(words: readonly string[]) {
  const readers = startPlain('bench/readers.mjs', [String(READERS), ...words], 'pipe');
  const output = outputOf(readers);
  return {
    /** Bytes a second of all together, in MB. */
    async read(port: string, size: number): Promise<number> {
      readers.stdin?.write(port);
      const [, result = ''] = (await output).split('\n');
      const { bytes, milliseconds } = JSON.parse(result) as Record<string, number>;
      if ((bytes ?? 0) < READERS * size) throw new Error('a reader has not got everything');
      return (READERS * size) / 1000 / (milliseconds ?? 0);
    },
  };
}

function logIn(server: Server, user: string, onOpen: (port: Port) => void): Promise<RelayClient> {
  return RelayClient.open({
    ...server,
    server: '127.0.0.1',
    user,
    key: KEY,
    onQuestion: async () => true,
    onOpen: ({ port }) => onOpen(port),
    onClosed: () => undefined,
  });
}

/** Milliseconds. */
async function lagOf(server: Server): Promise<number> {
  await using reader = await logIn(server, 'reader', () => undefined);
  await using writer = await logIn(server, 'writer', () => undefined);
  const { port } = await writer.offer({ file: 'lag', size: LAG_BYTES }, ['reader']);
  const probe = startPlain('bench/lag.mjs', [
    ...[String(port), String(LAG_BYTES), `WRITE writer ${KEY}`, `READ reader ${KEY} 0`],
  ]);
  const lag = Number(await outputOf(probe));
  return reader.isOpen ? lag : Number.NaN;
}

async function manyUsers(server: Server): Promise<Row[]> {
  const users = Array.from({ length: MANY }, (_, number) => `user-${number}`);
  const clients: RelayClient[] = [];
  const began = performance.now();
  for (const user of users) clients.push(await logIn(server, user, () => undefined));
  const [asker] = clients;
  if (asker === undefined) throw new Error('nobody is there');
  const loggedIn = performance.now();
  const known = await asker.list();
  const listed = performance.now();
  const accepted = await asker.offer({ file: 'f', size: 1 }, users.slice(-RECIPIENTS));
  const offered = performance.now();
  await Promise.all(clients.map((client) => client.close()));
  return [
    row(`log-ins of ${MANY} users, one after the other`, loggedIn - began, { most: 30_000 }, 'ms'),
    row('users that LIST names', known.length, { least: MANY }),
    row('LIST answered within', listed - loggedIn, { most: 100 }, 'ms'),
    row(`recipients of a SEND who said yes`, accepted.users.length, { least: RECIPIENTS }),
    row(`SEND to ${RECIPIENTS} of them answered within`, offered - listed, { most: 1000 }, 'ms'),
  ];
}

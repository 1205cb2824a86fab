import { appendFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type DownloadOptions, ReferenceClient } from '../support/reference-client.ts';
import {
  type ServerUnderTest,
  someBytes,
  startServer,
  writeOldFile,
} from '../support/server-under-test.ts';
import { Ear, RawPeer } from './raw-peer.ts';
import { until } from './waiting.ts';

type Framing = 'line' | 'bare';

/** Logs in as bob. */
async function bob(server: ServerUnderTest, framing: Framing = 'line'): Promise<ReferenceClient> {
  const client = await ReferenceClient.connect({ port: server.port, framing });
  client.send('connect|bob');
  expect(await client.next()).toBe('bob is connected');
  expect(await client.next()).toBe('connected');
  return client;
}

function praise(bytes: Buffer): string {
  return `User bob downloaded 100% out of file. Last byte is: ${bytes.at(-1) ?? 'none'}`;
}

/** Nothing is left of a download: the next one gets an answer. */
async function expectIdle(server: ServerUnderTest, client: ReferenceClient): Promise<void> {
  client.send('get_users');
  while ((await client.next()) !== 'users: [bob]');
  await writeFile(join(server.folder, 'next.bin'), '');
  const next = await client.download('next.bin');
  expect(next.reply).toBe('User bob downloaded 100% out of file. Last byte is: none');
}

const SIZES = [0, 1, 2043, 2044, 4086, 200_000];

// Most of the time is spent waiting for pauses and timers: they wait together.
describe.each<Framing>(['line', 'bare'])(
  'a download to a %s peer',
  { concurrent: true },
  (framing) => {
    test.each(SIZES)('of %i bytes arrives whole', async (size) => {
      const bytes = someBytes(size);
      await using server = await startServer({ files: { 'f.bin': bytes } });
      const client = await bob(server, framing);
      const result = await client.download('f.bin');
      expect(result.segmentCount).toBe(Math.ceil(size / 2043));
      expect(result.data.equals(bytes)).toBe(true);
      expect(result.reply).toBe(praise(bytes));
      await expectIdle(server, client);
    });
  },
);

const LAST = Math.ceil(200_000 / 2043) - 1;
const LOSSES: Record<string, DownloadOptions['drop'] & object> = {
  'of the first part': (seq, nth) => seq === 0 && nth === 1,
  'of the last part of the first half': (seq, nth) => seq === Math.floor(LAST / 2) && nth === 1,
  'of the last part': (seq, nth) => seq === LAST && nth === 1,
  'of every third part': (seq, nth) => seq % 3 === 0 && nth === 1,
  'of every part': (_seq, nth) => nth === 1,
  'of one part three times over': (seq, nth) => seq === 7 && nth <= 3,
};

test.concurrent.each(Object.entries(LOSSES))(
  'a download survives the loss %s',
  async (_name, drop) => {
    const bytes = someBytes(200_000);
    await using server = await startServer({ files: { 'f.bin': bytes } });
    const client = await bob(server);
    const { data, reply, reRequests } = await client.download('f.bin', { drop });
    expect(data.equals(bytes)).toBe(true);
    expect(reply).toBe(praise(bytes));
    expect(reRequests.length).toBeGreaterThan(0);
  },
);

test('a bare peer gets what it asks for again, too', async () => {
  const bytes = someBytes(20_000);
  await using server = await startServer({ files: { 'f.bin': bytes } });
  const client = await bob(server, 'bare');
  const { data } = await client.download('f.bin', { drop: (seq, nth) => seq % 3 === 1 && nth < 3 });
  expect(data.equals(bytes)).toBe(true);
});

test('a datagram is the number in 4 bytes, big-endian, then a colon, then the part', async () => {
  const bytes = someBytes(300 * 2043 + 1);
  await using server = await startServer({ files: { 'f.bin': bytes } });
  const { datagrams } = await (await bob(server)).download('f.bin');
  const bySeq = new Map(datagrams.map((datagram) => [datagram.readUInt32BE(0), datagram]));
  expect(bySeq.size).toBe(301);
  const headers = [0, 1, 255, 256, 300].map((seq) => bySeq.get(seq)?.toString('hex', 0, 5));
  expect(headers).toEqual(['000000003a', '000000013a', '000000ff3a', '000001003a', '0000012c3a']);
  for (const [seq, datagram] of bySeq) {
    expect(datagram.length).toBe(seq === 300 ? 6 : 2048);
    expect(datagram.subarray(5).equals(bytes.subarray(seq * 2043, (seq + 1) * 2043))).toBe(true);
  }
});

test('a second download while one runs is refused, and the first goes on', async () => {
  await using server = await startServer({ files: { 'f.bin': someBytes(30_000), 'g.bin': 'g' } });
  using peer = await RawPeer.open(server.port);
  using ear = await Ear.open();
  await peer.write('connect|ann\ndownload|f.bin\n');
  await peer.untilLine('|15');
  await peer.write(`${ear.port}\n`);
  await ear.untilAllBelow(7);
  await peer.write('download|g.bin\ndownload|nowhere\nproceed\n');
  await ear.untilAllBelow(15);
  await peer.write('stop\n');
  await until('praise', () => peer.text.includes('100%'));
  const refusal = "Can't download. Another download is running";
  expect(peer.lines.slice(3, 5)).toEqual([refusal, refusal]);
});

test('a second download is refused also while the first one still waits for a port', async () => {
  await using server = await startServer({ files: { 'f.bin': 'f', 'g.bin': 'g' } });
  using peer = await RawPeer.open(server.port);
  using ear = await Ear.open();
  await peer.write('connect|ann\ndownload|f.bin\ndownload|g.bin\n');
  await peer.untilLine("Can't download. Another download is running");
  await peer.write(`${ear.port}\n`);
  await ear.untilAllBelow(1);
  expect(ear.datagrams[0]?.toString('latin1', 5)).toBe('f');
});

test('two clients download at the same time, and talk meanwhile', async () => {
  const [first, second] = [someBytes(120_000, 1), someBytes(90_000, 2)];
  await using server = await startServer({ files: { 'f.bin': first, 'g.bin': second } });
  const client = await bob(server);
  using other = await RawPeer.open(server.port);
  await other.write('connect|ann\n');
  const third = await ReferenceClient.connect({ port: server.port, framing: 'line' });
  third.send('connect|cy');
  await until('cy', () => third.received.includes('connected'));
  const drop = (seq: number, nth: number): boolean => seq % 5 === 0 && nth === 1;
  const [one, two] = await Promise.all([
    client.download('f.bin', { drop, onHalf: () => other.write('msg|now?|bob\n') }),
    third.download('g.bin', { drop }),
  ]);
  expect(one.data.equals(first)).toBe(true);
  expect(two.data.equals(second)).toBe(true);
  expect(client.received).toContain('ann: now?');
});

describe('a file that changes during its download fails it', () => {
  const CHANGES: Record<string, (path: string) => Promise<unknown>> = {
    'by growing': (path) => appendFile(path, 'more'),
    'by being cut short': (path) => truncate(path, 3000),
    'by being emptied': (path) => truncate(path, 0),
    'by being written anew with as many bytes': (path) => writeFile(path, someBytes(50_000, 9)),
    'by another file that takes its name': async (path) => {
      await writeOldFile(`${path}.new`, someBytes(50_000));
      await rename(`${path}.new`, path);
    },
    'by being removed': (path) => rm(path),
  };

  test.each(Object.entries(CHANGES))('%s', async (_name, change) => {
    await using server = await startServer({ files: { 'f.bin': someBytes(50_000) } });
    const client = await bob(server);
    const onHalf = (): Promise<unknown> => change(join(server.folder, 'f.bin'));
    await expect(client.download('f.bin', { onHalf })).rejects.toThrow(
      /^Can't download\. File changed$/,
    );
    expect(client.received.filter((text) => text.startsWith("Can't"))).toHaveLength(1);
    await expectIdle(server, client);
  });
});

test('other users hear nothing of a download', async () => {
  await using server = await startServer({ files: { 'f.bin': someBytes(5000) } });
  using ann = await RawPeer.open(server.port);
  await ann.write('connect|ann\n');
  await ann.untilLine('connected');
  await (await bob(server)).download('f.bin');
  await ann.write('get_users\n');
  await ann.untilLine('users: [ann, bob]');
  expect(ann.lines.slice(2)).toEqual(['bob is connected', 'users: [ann, bob]']);
});

import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ReferenceClient } from '../support/reference-client.ts';
import { someBytes, startServer } from '../support/server-under-test.ts';
import { Ear, OTHER_ADDRESS, RawPeer } from './raw-peer.ts';
import { until } from './waiting.ts';

const REFUSED = "Can't download. Need your own address and a port from 1 to 65535";

async function open(port: number, file: string): Promise<RawPeer> {
  const peer = await RawPeer.open(port);
  await peer.write(`connect|ann\ndownload|${file}\n`);
  await until('the number of parts', () => peer.lines.some((line) => line.startsWith('|')));
  return peer;
}

test('who answers with an address and a port gets numbers in ASCII', async () => {
  const bytes = someBytes(120 * 2043 + 7);
  await using server = await startServer({ files: { 'f.bin': bytes } });
  const client = await ReferenceClient.connect({ port: server.port, framing: 'bare' });
  client.send('connect|ann');
  await until('the answer', () => client.received.includes('connected'));
  const { data, datagrams } = await client.download('f.bin', {
    address: 'ip-port',
    drop: (seq, nth) => seq % 3 === 0 && nth === 1,
  });
  expect(data.equals(bytes)).toBe(true);
  const byNumber = new Map(
    datagrams.map((one) => [one.toString('latin1', 0, one.indexOf(':') + 1), one]),
  );
  expect(
    byNumber.get('0:')?.equals(Buffer.concat([Buffer.from('0:'), bytes.subarray(0, 2043)])),
  ).toBe(true);
  expect(byNumber.get('17:')?.length).toBe(3 + 2043);
  expect(
    byNumber.get('120:')?.equals(Buffer.concat([Buffer.from('120:'), bytes.subarray(-7)])),
  ).toBe(true);
});

test('an address that is not the own one is refused, and nothing goes anywhere', async () => {
  await using server = await startServer({ files: { 'f.bin': someBytes(10_000) } });
  using peer = await open(server.port, 'f.bin');
  using third = await Ear.open(OTHER_ADDRESS);
  using own = await Ear.open();
  await peer.write(`127.0.0.2|${third.port}\n`);
  await peer.untilLine(REFUSED);
  await peer.write(`download|f.bin\n127.0.0.2|${own.port}\ndownload|f.bin\n${own.port}\n`);
  // The third attempt is a good one; had one before it sent anything, it would be here by now.
  await own.untilAllBelow(2);
  expect(own.datagrams).toHaveLength(2);
  expect(third.datagrams).toHaveLength(0);
});

test.each([
  '0',
  '65536',
  '-1',
  '1e3',
  ' 5000',
  'port',
  '5000|127.0.0.1',
  '127.0.0.1|',
  '127.0.0.1|0',
  '|5000',
  'localhost|5000',
  '::1|5000',
  'proceed',
])('the answer %j is no address: it is refused and ends the download', async (answer) => {
  await using server = await startServer({ files: { 'f.bin': 'f' } });
  using peer = await open(server.port, 'f.bin');
  await peer.write(`${answer}\ndownload|f.bin\n`);
  await until('two answers', () => peer.lines.length >= 5);
  expect(peer.lines.slice(3)).toEqual([REFUSED, '|1']);
});

test('a peer may stop before it tells a port', async () => {
  await using server = await startServer({ files: { 'f.bin': 'f' } });
  using peer = await open(server.port, 'f.bin');
  await peer.write('stop\ndownload|f.bin\n');
  await until('two answers', () => peer.lines.length >= 5);
  expect(peer.lines.slice(3)).toEqual(['download stopped', '|1']);
});

test('with numbers in ASCII, 10,000 parts go and one more does not', async () => {
  await using server = await startServer({ files: { 'fits.bin': '', 'large.bin': '' } });
  await truncate(join(server.folder, 'fits.bin'), 10_000 * 2043);
  await truncate(join(server.folder, 'large.bin'), 10_000 * 2043 + 1);
  using peer = await open(server.port, 'large.bin');
  using ear = await Ear.open();
  await peer.write(`127.0.0.1|${ear.port}\n`);
  await peer.untilLine("Can't download. File too large for this client");
  await peer.write(`download|fits.bin\n`);
  await peer.untilLine('|10000');
  await peer.write(`127.0.0.1|${ear.port}\n`);
  await until('a part', () => ear.datagrams.length > 0);
  expect(ear.datagrams[0]?.toString('latin1', 0, 2)).toBe('0:');
  await peer.write('enough\n');
  await peer.untilLine('download stopped');
  // Without an address of its own the same peer may have the large one: its numbers are binary.
  await peer.write(`download|large.bin\n`);
  await peer.untilLine('|10001');
  const before = ear.datagrams.length;
  await peer.write(`${ear.port}\n`);
  await until('a binary part', () =>
    ear.datagrams.slice(before).some((one) => one.toString('hex', 0, 5) === '000000003a'),
  );
});

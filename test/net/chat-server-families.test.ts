import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { type DownloadOptions, ReferenceClient } from '../support/reference-client.ts';
import { someBytes, startServer } from '../support/server-under-test.ts';
import { until } from './waiting.ts';

const BYTES = someBytes(20_000);

function hasIPv6(): boolean {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.some(({ address }) => address === '::1');
}

async function download(
  host: string,
  port: number,
  options: DownloadOptions = {},
): Promise<Buffer> {
  const client = await ReferenceClient.connect({ host, port, framing: 'line' });
  client.send('connect|ann');
  await until('the answer', () => client.received.includes('connected'));
  const { data } = await client.download('f.bin', options);
  client.send('disconnect');
  await client.ended;
  return data;
}

test('a server on all addresses serves IPv4 clients by their own address', async () => {
  await using server = await startServer({ files: { 'f.bin': BYTES }, everywhere: true });
  expect((await download('127.0.0.1', server.port)).equals(BYTES)).toBe(true);
  // The address that such a client names is the plain one, without the prefix of the other family.
  const own = await download('127.0.0.1', server.port, { address: 'ip-port' });
  expect(own.equals(BYTES)).toBe(true);
  expect(server.events.filter(({ client }) => client?.includes('ffff'))).toEqual([]);
});

test('a server on all addresses serves IPv6 clients, too', async (ctx) => {
  if (!hasIPv6()) ctx.skip('needs IPv6');
  await using server = await startServer({ files: { 'f.bin': BYTES }, everywhere: true });
  expect((await download('::1', server.port)).equals(BYTES)).toBe(true);
  const own = await download('::1', server.port, { address: 'ip-port' });
  expect(own.equals(BYTES)).toBe(true);
});

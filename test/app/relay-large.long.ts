import { readdir, stat } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { makeFile, sha256 } from '../../bench/processes.ts';
import { until } from '../net/waiting.ts';
import { RelayPrograms } from '../support/relay-programs.ts';

const GIB = 2 ** 30;
const BYTES = 5 * GIB;
const PATIENCE_MS = 600_000;

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

test('5 GiB arrive whole, though server, sender and reader are killed on the way', async () => {
  await using relay = await RelayPrograms.start({});
  const path = relay.path('f.bin');
  await makeFile(path, BYTES);
  const reaches = (bytes: number) =>
    until(
      `${bytes} bytes`,
      async () => (await sizeOf(relay.path('bob', 'f.bin.part'))) >= bytes,
      PATIENCE_MS,
    );
  const first = await relay.receiver('bob');
  const sender = relay.client('alice', 'send', path, 'bob');
  const [, port = ''] = await sender.waitFor(/sending through port (\d+)/);
  await reaches(GIB);
  await relay.killServer();
  await relay.startServer();
  await reaches(2 * GIB);
  sender.kill('SIGKILL');
  await sender.exit;
  const again = relay.client('alice', 'send', path, '--resume', port);
  await reaches(3 * GIB);
  first.kill('SIGKILL');
  await first.exit;
  const bob = await relay.receiver('bob');
  const [sent, received] = await Promise.all([again.exit, bob.exit]);
  expect({ sent, received }).toMatchObject({ sent: { status: 0 }, received: { status: 0 } });
  expect(await readdir(relay.path('bob'))).toEqual(['f.bin']);
  expect(await sha256(relay.path('bob', 'f.bin'))).toBe(await sha256(path));
  expect(await sizeOf(relay.path('bob', 'f.bin'))).toBe(BYTES);
});

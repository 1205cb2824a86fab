import { readdir, readFile, stat } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { until } from '../net/waiting.ts';
import { isLong } from '../support/long.ts';
import { RelayPrograms } from '../support/relay-programs.ts';
import { patternBytes } from './folders.ts';
import type { Program } from './programs.ts';

/** More than the sockets between three programs hold, so that a kill hits it under way. */
const BYTES = patternBytes(40_000_000);

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

/** Bytes that the server has in files. */
async function storedBytes(relay: RelayPrograms): Promise<number> {
  const folder = relay.path('store', 'files');
  const sizes = (await readdir(folder)).map((name) => sizeOf(`${folder}/${name}`));
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

async function expectWhole(relay: RelayPrograms, user: string, program: Program): Promise<void> {
  const { status, stderr } = await program.exit;
  expect({ status, stderr }).toMatchObject({ status: 0 });
  expect(await readdir(relay.path(user))).toEqual(['f.bin']);
  expect((await readFile(relay.path(user, 'f.bin'))).equals(BYTES)).toBe(true);
}

async function expectDone(program: Program): Promise<void> {
  const { status, stderr } = await program.exit;
  expect({ status, stderr }).toMatchObject({ status: 0 });
}

describe('a server that is killed', () => {
  test.each(isLong ? [0, 0.3, 0.9] : [0.3])('when it has %d of the file', async (part) => {
    await using relay = await RelayPrograms.start({ 'f.bin': BYTES });
    const bob = await relay.receiver('bob');
    const carol = await relay.receiver('carol');
    const alice = relay.client('alice', 'send', relay.path('f.bin'), 'bob', 'carol');
    await alice.waitFor(/sending through port/);
    await until('that part', async () => (await storedBytes(relay)) >= part * BYTES.length);
    await relay.killServer();
    await relay.startServer();
    await expectDone(alice);
    await expectWhole(relay, 'bob', bob);
    await expectWhole(relay, 'carol', carol);
  });

  test('when all is stored and nobody has read it', async () => {
    await using relay = await RelayPrograms.start({ 'f.bin': BYTES });
    const first = await relay.receiver('bob');
    const alice = relay.client('alice', 'send', relay.path('f.bin'), 'bob');
    await alice.waitFor(/sending through port/);
    first.kill('SIGKILL');
    await expectDone(alice);
    await relay.killServer();
    await relay.startServer();
    await expectWhole(relay, 'bob', await relay.receiver('bob'));
    await until('an empty store', async () => (await storedBytes(relay)) === 0);
  });
});

test('a reader that is killed goes on behind what it has', async () => {
  await using relay = await RelayPrograms.start({ 'f.bin': BYTES });
  const first = await relay.receiver('bob');
  const alice = relay.client('alice', 'send', relay.path('f.bin'), 'bob');
  await until('a part', async () => (await sizeOf(relay.path('bob', 'f.bin.part'))) > 1_000_000);
  first.kill('SIGKILL');
  await first.exit;
  await expectDone(alice);
  const bob = await relay.receiver('bob');
  await expectWhole(relay, 'bob', bob);
});

test('a sender that is killed is gone on with by --resume', async () => {
  await using relay = await RelayPrograms.start({ 'f.bin': BYTES });
  const bob = await relay.receiver('bob');
  const first = relay.client('alice', 'send', relay.path('f.bin'), 'bob');
  const [, port = ''] = await first.waitFor(/sending through port (\d+)/);
  await until('a part', async () => (await storedBytes(relay)) > 1_000_000);
  first.kill('SIGKILL');
  await first.exit;
  const again = relay.client('alice', 'send', relay.path('f.bin'), '--resume', port);
  await expectDone(again);
  await expectWhole(relay, 'bob', bob);
});

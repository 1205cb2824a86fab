import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { patternBytes, TemporaryFolder } from '../app/folders.ts';
import { agree, logIn, PlainPeer, startRelay } from '../support/relay-under-test.ts';
import { mountSmallDisk, NO_SMALL_DISK } from '../support/small-disk.ts';
import { until } from './waiting.ts';

const DISK_BYTES = 8_388_608;
const BYTES = patternBytes(6_000_000);

test('a disk that is full is told to the sender, and the server goes on', async (ctx) => {
  await using folder = await TemporaryFolder.create();
  await using disk = await mountSmallDisk(folder.path, DISK_BYTES);
  if (disk === undefined) return ctx.skip(NO_SMALL_DISK);
  const relay = await startRelay(join(folder.path, 'store'), { quota: 1e9 });
  try {
    using alice = await logIn(relay, 'alice');
    // Each of the two has room, as long as the other one is not there.
    const one = await agree(alice, [['alice', alice]], 'one', BYTES.length);
    const two = await agree(alice, [['alice', alice]], 'two', BYTES.length);
    using first = await PlainPeer.open(one);
    first.say('WRITE alice k');
    await first.hears('500 ');
    first.socket.write(BYTES);
    await first.ends();
    using second = await PlainPeer.open(two);
    second.say('WRITE alice k');
    await second.hears('500 ');
    // One that closes its half behind the last byte still hears it.
    second.socket.end(BYTES);
    await second.ends();
    expect(second.text).toContain('404 SERVER ERROR: the disk is full\r\n');
    using reader = await PlainPeer.open(one);
    reader.say('READ alice k 0');
    await reader.ends();
    expect(reader.body.equals(BYTES)).toBe(true);
    reader.socket.end();
    await until('room again', () => relay.driver.transfers === 1);
    await until('an answer', async () => {
      using again = await PlainPeer.open(two);
      again.say('WRITE alice k resume');
      await again.hears('500 "two" ');
      const stored = Number(/500 "two" (\d+)/.exec(again.text)?.[1]);
      again.socket.write(BYTES.subarray(stored));
      await again.ends();
      return !again.text.includes('404');
    });
    using late = await PlainPeer.open(two);
    late.say('READ alice k 0');
    await late.ends();
    expect(late.body.equals(BYTES)).toBe(true);
    expect((await readFile('/proc/self/mounts', 'utf8')).includes(folder.path)).toBe(true);
  } finally {
    await relay[Symbol.asyncDispose]();
  }
});

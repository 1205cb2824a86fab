import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readFrames } from '../../lib/capture/capture-file.ts';
import { cut, extract } from '../support/extracted.ts';
import { RelayPrograms } from '../support/relay-programs.ts';
import { patternBytes, TemporaryFolder } from './folders.ts';

const BYTES = patternBytes(300_000);

test('relay: out of the captures of sender, server, receiver, and of one who did not want it', async () => {
  await using captures = await TemporaryFolder.create();
  const capture = (name: string): string => join(captures.path, `${name}.pcapng`);
  const recorded = (name: string): string[] => ['--capture', capture(name)];
  await using relay = await RelayPrograms.start({ 'f.bin': BYTES, empty: '' }, recorded('server'));
  const bob = await relay.receiver('bob', ...recorded('bob'));
  const carol = relay.client('carol', 'receive', '--accept', 'none', ...recorded('carol'));
  await carol.waitFor(/carol is there/);
  const [file, empty] = [relay.path('f.bin'), relay.path('empty')];
  const alice = relay.client('alice', 'send', file, 'bob', 'carol', ...recorded('alice'));
  expect((await alice.exit).status).toBe(0);
  expect((await bob.exit).status).toBe(0);
  const again = await relay.receiver('bob', ...recorded('again'));
  await relay.client('alice', 'send', empty, 'bob', ...recorded('empty')).exit;
  expect((await again.exit).status).toBe(0);
  for (const program of [carol, relay.server]) {
    program.kill('SIGTERM');
    await program.exit;
  }

  for (const name of ['alice', 'bob']) {
    await using extracted = await extract(capture(name));
    expect(extracted).toMatchObject({ areWhole: true });
    expect(extracted.told).toMatch(/^f\.bin \(relay, [\d.:]+ to [\d.:]+\): whole, saved as .*$/);
    expect(await readdir(extracted.folder.path)).toEqual(['f.bin']);
    expect((await readFile(join(extracted.folder.path, 'f.bin'))).equals(BYTES)).toBe(true);
  }
  for (const name of ['empty', 'again']) {
    await using extracted = await extract(capture(name));
    expect(extracted, extracted.told).toMatchObject({ areWhole: true });
    expect(await readFile(join(extracted.folder.path, 'empty'), 'utf8')).toBe('');
  }
  // Of an empty file nothing is missing where nobody has come for it to the port.
  const data = await cut(capture('empty'), (packets) => {
    const ports = packets.filter((one) => one.includes('WRITE')).map((one) => one.readUInt16BE(22));
    return packets.filter((one) => [20, 22].every((at) => !ports.includes(one.readUInt16BE(at))));
  });
  await using alone = await extract(data);
  expect(alone, alone.told).toMatchObject({ areWhole: true });
  await using refused = await extract(capture('carol'));
  expect(refused.areWhole).toBe(true);
  expect(refused.told).toMatch(
    /^f\.bin .*: not in the capture: all of it \(carol did not want it\)$/m,
  );
  expect(await readdir(refused.folder.path)).toEqual([]);
  // In once, and out once.
  await using server = await extract(capture('server'));
  expect(server.areWhole).toBe(true);
  expect(server.told.match(/^f\.bin .* whole/gm)).toHaveLength(2);
  expect(server.told.match(/^empty .* whole/gm)).toHaveLength(2);
  expect(server.told.match(/carol did not want it/g)).toHaveLength(1);
  const comments = [...readFrames(capture('server'))].flatMap((frame) => frame.comments);
  expect(comments).toContain('0 of 300000 bytes are stored');
  for (const name of ['f.bin', 'f (1).bin']) {
    expect((await readFile(join(server.folder.path, name))).equals(BYTES)).toBe(true);
  }
  // Without what came last.
  const half = await cut(capture('bob'), (packets) => packets.slice(0, packets.length / 2));
  await using short = await extract(half);
  expect(short.areWhole).toBe(false);
  expect(short.told).toMatch(/: not in the capture: bytes \d+ to 299999; kept as .*f\.bin\.part$/m);
});

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFile,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { FileHash } from '../../lib/storage/file-hash.ts';
import { leftoverPath, readLeftover, writeLeftover } from '../../lib/storage/leftover.ts';
import { PartialFile } from '../../lib/storage/partial-file.ts';
import { someBytes } from '../support/server-under-test.ts';
import { TemporaryFolder } from './folder.ts';

const PAYLOAD = 1000;
const LEFTOVER = {
  id: 'abc',
  size: 5000,
  ranges: [
    [0, 2000],
    [3000, 4000],
  ],
} as const;

function create(folder: string, goOnWith?: string): Promise<PartialFile> {
  return PartialFile.create({
    folder,
    name: 'f',
    segmentPayload: PAYLOAD,
    size: 5000,
    goOnWith,
    onError: (error) => {
      throw error;
    },
  });
}

describe('what an attempt has left', () => {
  test('is gone on with by the next one, and hashed as a whole', async () => {
    await using folder = await TemporaryFolder.make();
    const bytes = someBytes(5000);
    const first = await create(folder.path);
    for (const seq of [0, 1, 3])
      first.write(seq, bytes.subarray(seq * PAYLOAD, (seq + 1) * PAYLOAD), 0);
    await first.note(LEFTOVER);
    await first.keep();
    expect(await PartialFile.leftover(folder.path, 'f')).toEqual(LEFTOVER);

    const second = await create(folder.path, 'abc');
    for (const seq of [2, 4])
      second.write(seq, bytes.subarray(seq * PAYLOAD, (seq + 1) * PAYLOAD), 0);
    expect(await second.sha256()).toBe(createHash('sha256').update(bytes).digest('hex'));
    const path = await second.finish('whole', { overwrite: false });
    expect((await readFile(path)).equals(bytes)).toBe(true);
    expect(await PartialFile.leftover(folder.path, 'f')).toBeUndefined();
  });

  test('is not gone on with as another file, and is forgotten by one that begins anew', async () => {
    await using folder = await TemporaryFolder.make();
    const first = await create(folder.path);
    first.write(0, someBytes(1000), 0);
    await first.note({ id: 'abc', size: 5000, ranges: [[0, 1000]] });
    await first.keep();
    await expect(create(folder.path, 'xyz')).rejects.toThrow(/changed meanwhile/);
    const anew = await create(folder.path);
    await anew.keep();
    expect(await PartialFile.leftover(folder.path, 'f')).toBeUndefined();
  });

  test.each([
    ['is cut off', '{"version":1,"id":"a","si'],
    ['is of another version', JSON.stringify({ version: 2, ...LEFTOVER })],
    [
      'is not in order',
      JSON.stringify({
        version: 1,
        ...LEFTOVER,
        ranges: [
          [3, 4],
          [1, 2],
        ],
      }),
    ],
    ['is beyond the size', JSON.stringify({ version: 1, ...LEFTOVER, ranges: [[0, 6000]] })],
    ['is no range', JSON.stringify({ version: 1, ...LEFTOVER, ranges: [['0', 1]] })],
    ['says nothing', 'null'],
  ])('counts as nothing when its description %s', async (_, text) => {
    await using folder = await TemporaryFolder.make();
    const path = join(folder.path, 'f.part');
    await writeFile(path, Buffer.alloc(5000));
    await writeFile(leftoverPath(path), text);
    expect(await readLeftover(path)).toBeUndefined();
  });

  test('counts as nothing when the file is shorter than it says', async () => {
    await using folder = await TemporaryFolder.make();
    const path = join(folder.path, 'f.part');
    await writeFile(path, Buffer.alloc(3999));
    await writeLeftover(path, LEFTOVER);
    expect(await readLeftover(path)).toBeUndefined();
  });
});

describe('there is nothing to go on with', () => {
  const CASES: Record<string, (part: string) => Promise<void>> = {
    'when the file has a second name': (part) => link(part, `${part}.other`),
    'when a link took its place': async (part) => {
      await rename(part, `${part}.other`);
      await symlink('f.part.other', part);
    },
    'when its description is a folder': async (part) => {
      await rename(leftoverPath(part), `${part}.other`);
      await mkdir(leftoverPath(part));
    },
    'when its description is a link that leads nowhere else': async (part) => {
      await rename(leftoverPath(part), `${part}.other`);
      await symlink('f.part.state', leftoverPath(part));
    },
  };
  test.each(Object.entries(CASES))('%s', async (_name, change) => {
    await using folder = await TemporaryFolder.make();
    const part = join(folder.path, 'f.part');
    await writeFile(part, Buffer.alloc(5000));
    await writeLeftover(part, LEFTOVER);
    expect(await PartialFile.leftover(folder.path, 'f')).toEqual(LEFTOVER);
    await change(part);
    expect(await PartialFile.leftover(folder.path, 'f')).toBeUndefined();
    await expect(create(folder.path, LEFTOVER.id)).rejects.toThrow(/changed meanwhile/);
    expect(await readdir(folder.path)).not.toContain('f.part.lock');
  });
});

test('there is nothing to go on with, and nothing to wait for, when its description is a pipe', async (ctx) => {
  await using folder = await TemporaryFolder.make();
  const part = join(folder.path, 'f.part');
  await writeFile(part, Buffer.alloc(5000));
  try {
    await promisify(execFile)('mkfifo', [leftoverPath(part)]);
  } catch {
    ctx.skip('needs mkfifo');
  }
  expect(await readLeftover(part)).toBeUndefined();
});

test('there is nothing to go on with where one cannot even look', async () => {
  await using folder = await TemporaryFolder.make();
  await writeFile(join(folder.path, 'a-file'), '');
  expect(await PartialFile.leftover(join(folder.path, 'a-file'), 'f')).toBeUndefined();
});

test('what somebody added to the end of a leftover does not come into the file', async () => {
  await using folder = await TemporaryFolder.make();
  const bytes = someBytes(5000);
  const part = join(folder.path, 'f.part');
  await writeFile(part, bytes.subarray(0, 4000));
  await writeLeftover(part, { ...LEFTOVER, ranges: [[0, 4000]] });
  await appendFile(part, someBytes(9000, 2));
  const file = await create(folder.path, LEFTOVER.id);
  file.write(4, bytes.subarray(4000), 0);
  expect(await file.sha256()).toBe(createHash('sha256').update(bytes).digest('hex'));
  expect((await readFile(await file.finish('f', { overwrite: false }))).equals(bytes)).toBe(true);
});

describe('notes at the same time', () => {
  /** Many short runs, so that it takes a while to write them. */
  const noted = (runs: number) => ({
    id: 'abc',
    size: 5000,
    ranges: Array.from({ length: runs }, (_, run): [number, number] => [2 * run, 2 * run + 1]),
  });

  test('do not destroy each other: the newest is what stays', async () => {
    await using folder = await TemporaryFolder.make();
    const file = await create(folder.path);
    for (let seq = 0; seq < 5; seq += 1) file.write(seq, someBytes(PAYLOAD), 0);
    for (let round = 0; round < 50; round += 1) {
      await Promise.all([2000, 1, 1500, 1000 + round].map((runs) => file.note(noted(runs))));
      expect(await readLeftover(file.path)).toEqual(noted(1000 + round));
    }
    await file.keep(noted(7));
    expect(await readLeftover(file.path)).toEqual(noted(7));
    expect((await readdir(folder.path)).sort()).toEqual(['f.part', 'f.part.state']);
  });

  test.each(['finish', 'discard'] as const)('leave nothing behind after %s', async (end) => {
    await using folder = await TemporaryFolder.make();
    for (let round = 0; round < 10; round += 1) {
      const file = await create(folder.path);
      for (let seq = 0; seq < 5; seq += 1) file.write(seq, someBytes(PAYLOAD), 0);
      const notes = [file.note(noted(2000))];
      let ended = false;
      const ending = (
        end === 'finish' ? file.finish('f', { overwrite: true }) : file.discard()
      ).finally(() => {
        ended = true;
      });
      while (!ended) {
        notes.push(file.note(noted(2000)));
        await turn();
      }
      await ending;
      notes.push(file.note(noted(2000)));
      await Promise.all(notes);
      expect(await readdir(folder.path)).toEqual(end === 'finish' ? ['f'] : []);
    }
  });
});

describe('the hash of a file', () => {
  test.each([0, 1000, 3_000_001])(
    'is that of all its %i bytes, also when it grows',
    async (size) => {
      await using folder = await TemporaryFolder.make();
      const bytes = someBytes(size);
      const path = join(folder.path, 'f');
      await writeFile(path, bytes);
      const handle = await open(path);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const hash = new FileHash(handle.fd);
      expect(await hash.finish(size)).toBe(sha256);
      const growing = new FileHash(handle.fd);
      growing.advance(Math.floor(size / 3));
      growing.advance(Math.floor(size / 2));
      expect(await growing.finish(size)).toBe(sha256);
      await handle.close();
    },
  );

  test('fails when the file is shorter, and when it is not wanted any more', async () => {
    await using folder = await TemporaryFolder.make();
    const path = join(folder.path, 'f');
    await writeFile(path, Buffer.alloc(2_000_000));
    const handle = await open(path);
    await expect(new FileHash(handle.fd).finish(2_000_001)).rejects.toThrow(/shorter/);
    const dropped = new FileHash(handle.fd);
    dropped.advance(1000);
    await dropped.drop();
    await handle.close();
  });
});

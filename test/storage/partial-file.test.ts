import {
  appendFile,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LockedError } from '../../lib/storage/lock.ts';
import { exists } from '../../lib/storage/naming.ts';
import { PartialFile } from '../../lib/storage/partial-file.ts';
import { segmentsPerBlock } from '../../lib/storage/segment-block.ts';
import { someBytes } from '../support/server-under-test.ts';
import { TemporaryFolder } from './folder.ts';

const PAYLOAD = 7;
const HEADER = 5;

function begin(folder: string, name = 'f', segmentPayload = PAYLOAD): Promise<PartialFile> {
  return PartialFile.create({
    folder,
    name,
    segmentPayload,
    onError: (error) => {
      throw error;
    },
  });
}

/** Hands over a segment of `bytes` as it would come, until it is taken. */
async function put(
  file: PartialFile,
  bytes: Buffer,
  seq: number,
  payload = PAYLOAD,
): Promise<void> {
  // The same memory for each, as a socket might have it.
  const part = bytes.subarray(seq * payload, (seq + 1) * payload);
  const datagram = Buffer.concat([Buffer.alloc(HEADER, 0xee), part]);
  while (!file.write(seq, datagram, HEADER)) await turn();
  datagram.fill(0xee);
}

const ALL = (count: number): number[] => Array.from({ length: count }, (_, seq) => seq);

describe('a file whose segments come', () => {
  test('in any order is whole in the end, whatever its size', async () => {
    const sizes = fc.oneof(fc.nat(60), fc.nat(1200 * PAYLOAD));
    const anyOrder = sizes.chain((size) => {
      const seqs = ALL(Math.ceil(size / PAYLOAD));
      return fc.tuple(
        fc.constant(size),
        fc.shuffledSubarray(seqs, { minLength: seqs.length, maxLength: seqs.length }),
      );
    });
    await using folder = await TemporaryFolder.make();
    let count = 0;
    const property = fc.asyncProperty(anyOrder, async ([size, order]) => {
      const bytes = someBytes(size);
      const file = await begin(folder.path);
      for (const seq of order) await put(file, bytes, seq);
      const path = await file.finish(`${count++}`, { overwrite: false });
      expect((await readFile(path)).equals(bytes)).toBe(true);
    });
    await fc.assert(property, { numRuns: 60 });
  });

  test('only in part has each at its place, and zeros between them', async () => {
    const some = fc.uniqueArray(fc.nat(3000), { minLength: 1, maxLength: 40 });
    await using folder = await TemporaryFolder.make();
    const property = fc.asyncProperty(some, async (seqs) => {
      const bytes = someBytes(3001 * PAYLOAD - 3);
      const file = await begin(folder.path);
      for (const seq of seqs) await put(file, bytes, seq);
      await file.keep();
      const expected = Buffer.alloc(Math.min(bytes.length, (Math.max(...seqs) + 1) * PAYLOAD));
      for (const seq of seqs) {
        bytes.copy(expected, seq * PAYLOAD, seq * PAYLOAD, (seq + 1) * PAYLOAD);
      }
      expect((await readFile(file.path)).equals(expected)).toBe(true);
    });
    await fc.assert(property, { numRuns: 40 });
  });

  test('backwards, with the size of the protocol, is whole', async () => {
    await using folder = await TemporaryFolder.make();
    const bytes = someBytes(600 * 2043 + 1);
    const file = await begin(folder.path, 'f', 2043);
    for (const seq of ALL(601).reverse()) await put(file, bytes, seq, 2043);
    const path = await file.finish('f', { overwrite: false });
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  test('not at all is an empty one', async () => {
    await using folder = await TemporaryFolder.make();
    const file = await begin(folder.path);
    const path = await file.finish('empty', { overwrite: false });
    expect(path).toBe(join(folder.path, 'empty'));
    expect(await readFile(path)).toHaveLength(0);
    expect(await readdir(folder.path)).toEqual(['empty']);
  });
});

test('a segment is refused while all blocks are busy, and taken later', async () => {
  await using folder = await TemporaryFolder.make();
  const payload = 2043;
  const perBlock = segmentsPerBlock(payload);
  const bytes = someBytes(40 * perBlock * payload);
  const file = await begin(folder.path, 'f', payload);
  // Each is of another block; nothing is written before this function lets go.
  const far = ALL(40).map((block) => block * perBlock);
  const taken = far.filter((seq) => {
    const datagram = bytes.subarray(seq * payload, (seq + 1) * payload);
    return file.write(seq, datagram, 0);
  });
  expect(taken.length).toBeGreaterThan(0);
  expect(taken.length).toBeLessThan(40);
  for (const seq of far.slice(taken.length)) await put(file, bytes, seq, payload);
  await file.keep();
  const kept = await readFile(file.path);
  for (const seq of far) {
    const [start, end] = [seq * payload, (seq + 1) * payload];
    expect(kept.subarray(start, end).equals(bytes.subarray(start, end))).toBe(true);
  }
});

test('gaps in many places leave room for what fills them', async () => {
  await using folder = await TemporaryFolder.make();
  const payload = 2043;
  const perBlock = segmentsPerBlock(payload);
  const bytes = someBytes(payload);
  const file = await begin(folder.path, 'f', payload);
  for (let block = 0; block < 100; block += 1) {
    while (!file.write(block * perBlock, bytes, 0)) await turn();
  }
  // With none, a server that is told so would never send what is missing.
  for (let round = 0; file.room === 0 && round < 10_000; round += 1) await turn();
  expect(file.room).toBeGreaterThan(0);
  await file.keep();
});

describe('the name of a finished file', () => {
  test('is not taken from another one: the partial file stays, and another name will do', async () => {
    await using folder = await TemporaryFolder.make();
    const bytes = someBytes(100);
    await writeFile(join(folder.path, 'taken'), 'old');
    const file = await begin(folder.path);
    for (const seq of ALL(15)) await put(file, bytes, seq);
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      await expect(file.finish('taken', { overwrite: false })).rejects.toMatchObject({
        code: 'EEXIST',
      });
    }
    expect(await readFile(join(folder.path, 'taken'), 'utf8')).toBe('old');
    expect((await readFile(file.path)).equals(bytes)).toBe(true);
    const path = await file.finish('free', { overwrite: false });
    expect((await readFile(path)).equals(bytes)).toBe(true);
    expect((await readdir(folder.path)).sort()).toEqual(['free', 'taken']);
  });

  test('is not taken from a folder either', async () => {
    await using folder = await TemporaryFolder.make();
    await mkdir(join(folder.path, 'taken'));
    const file = await begin(folder.path);
    await expect(file.finish('taken', { overwrite: false })).rejects.toMatchObject({
      code: 'EEXIST',
    });
    await expect(file.finish('taken', { overwrite: true })).rejects.toThrow();
    expect(await exists(file.path)).toBe(true);
    await file.keep();
  });

  test('is taken from another one when that is wanted', async () => {
    await using folder = await TemporaryFolder.make();
    await writeFile(join(folder.path, 'taken'), 'a longer old content');
    const file = await begin(folder.path);
    await put(file, Buffer.from('new'), 0);
    await file.finish('taken', { overwrite: true });
    expect(await readFile(join(folder.path, 'taken'), 'utf8')).toBe('new');
    expect(await readdir(folder.path)).toEqual(['taken']);
  });
});

test('what is kept is there under its partial name, and unlocked', async () => {
  await using folder = await TemporaryFolder.make();
  const file = await begin(folder.path);
  await put(file, Buffer.from('abcdefghij'), 0);
  await file.keep();
  await file.keep();
  expect(await readdir(folder.path)).toEqual(['f.part']);
  expect(await readFile(file.path, 'utf8')).toBe('abcdefg');
  expect(file.write(1, Buffer.from('too late'), 0)).toBe(false);
});

test('a new attempt begins anew', async () => {
  await using folder = await TemporaryFolder.make();
  await writeFile(join(folder.path, 'f.part'), 'from an earlier attempt');
  const file = await begin(folder.path);
  await put(file, Buffer.from('new'), 0);
  await file.finish('f', { overwrite: false });
  expect(await readFile(join(folder.path, 'f'), 'utf8')).toBe('new');
});

describe('beginning anew does no harm', () => {
  test('to a finished file that still has its partial name, too', async () => {
    await using folder = await TemporaryFolder.make();
    const first = await begin(folder.path);
    await put(first, Buffer.from('finished'), 0);
    await first.keep();
    // A process that was killed while it gave the file its name has left it like this.
    await link(first.path, join(folder.path, 'finished'));
    const second = await begin(folder.path);
    await put(second, Buffer.from('another'), 0);
    await second.keep();
    expect(await readFile(join(folder.path, 'finished'), 'utf8')).toBe('finishe');
    expect(await readFile(second.path, 'utf8')).toBe('another');
  });

  test('to what a link leads to that has the partial name', async () => {
    await using folder = await TemporaryFolder.make();
    await writeFile(join(folder.path, 'mine'), 'do not lose this');
    await symlink('mine', join(folder.path, 'f.part'));
    const file = await begin(folder.path);
    await put(file, Buffer.from('new'), 0);
    await file.finish('f', { overwrite: false });
    expect(await readFile(join(folder.path, 'mine'), 'utf8')).toBe('do not lose this');
    expect(await readFile(join(folder.path, 'f'), 'utf8')).toBe('new');
  });
});

describe('what is not what was received gets no name', () => {
  const REPLACEMENTS: Record<string, (path: string) => Promise<void>> = {
    'as another file took its place': async (path) => {
      await writeFile(`${path}.other`, 'changed');
      await rename(`${path}.other`, path);
    },
    'as it is gone': (path) => rm(path),
    'as somebody added to it': (path) => appendFile(path, 'junk'),
    'as somebody cut it short': (path) => truncate(path, 3),
  };
  test.each(Object.entries(REPLACEMENTS))('%s', async (_name, replace) => {
    await using folder = await TemporaryFolder.make();
    const onError = (error: Error): never => {
      throw error;
    };
    const options = { folder: folder.path, name: 'f', segmentPayload: PAYLOAD, size: 7, onError };
    const file = await PartialFile.create(options);
    await put(file, Buffer.from('content'), 0);
    await file.sha256();
    await replace(file.path);
    for (const overwrite of [false, true]) {
      await expect(file.finish('f', { overwrite })).rejects.toThrow(/another program|ENOENT/);
    }
    expect(await exists(join(folder.path, 'f'))).toBe(false);
    await file.keep();
  });
});

test('nothing is left of what is discarded', async () => {
  await using folder = await TemporaryFolder.make();
  const file = await begin(folder.path);
  await put(file, Buffer.from('content'), 0);
  await file.note({ id: 'a', size: 7, ranges: [[0, 7]] });
  await file.discard();
  await file.discard();
  expect(await readdir(folder.path)).toEqual([]);
  await (await begin(folder.path)).keep();
});

test('a second attempt at the same time is refused, and does the first no harm', async () => {
  await using folder = await TemporaryFolder.make();
  const first = await begin(folder.path);
  await put(first, Buffer.from('first'), 0);
  await expect(begin(folder.path)).rejects.toBeInstanceOf(LockedError);
  const other = await begin(folder.path, 'other');
  await other.keep();
  await first.finish('f', { overwrite: false });
  expect(await readFile(join(folder.path, 'f'), 'utf8')).toBe('first');
  await (await begin(folder.path)).keep();
});

test('the folder is made if need be, and the name leads nowhere else', async () => {
  await using folder = await TemporaryFolder.make();
  const inner = join(folder.path, 'a', 'b');
  for (const name of ['../../up', '/etc/passwd', 'C:\\x', '.hidden', '']) {
    const file = await begin(inner, name);
    await file.keep();
  }
  expect(await readdir(folder.path)).toEqual(['a']);
  expect(await readdir(join(folder.path, 'a'))).toEqual(['b']);
  const names = await readdir(inner);
  expect(names).toHaveLength(5);
  for (const name of names) expect(name).toMatch(/^[^.].*\.part$/);
});

test('a file that cannot be begun leaves no lock', async () => {
  await using folder = await TemporaryFolder.make();
  await mkdir(join(folder.path, 'f.part'));
  await expect(begin(folder.path)).rejects.toThrow(/EISDIR/);
  expect(await readdir(folder.path)).toEqual(['f.part']);
});

test('exists tells what is there', async () => {
  await using folder = await TemporaryFolder.make();
  await writeFile(join(folder.path, 'f'), '');
  expect(await exists(join(folder.path, 'f'))).toBe(true);
  expect(await exists(folder.path)).toBe(true);
  expect(await exists(join(folder.path, 'g'))).toBe(false);
});

import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BLOCK_BYTES, BlockPool } from '../../lib/storage/block-pool.ts';
import { StoredFile } from '../../lib/storage/stored-file.ts';
import { someBytes } from '../support/server-under-test.ts';
import { TemporaryFolder } from './folder.ts';

const BYTES = someBytes(3 * BLOCK_BYTES + 1000);

/** All that can be read from `offset` on. */
async function readAll(file: StoredFile, offset = 0): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let at = offset; ; ) {
    const slice = await file.read(at);
    if (slice === undefined) return Buffer.concat(chunks);
    chunks.push(Buffer.from(slice.bytes));
    at += slice.bytes.length;
    slice.release();
  }
}

test('many read what one writes, each where it is, with less memory than the file has', async () => {
  await using folder = await TemporaryFolder.make();
  const file = await StoredFile.open(join(folder.path, 'f'), 0, new BlockPool(2));
  for (let at = 0; at < BYTES.length; at += 70_001) {
    file.append(BYTES.subarray(at, at + 70_001));
    const offset = Math.max(0, at - 300_000);
    const now = await readAll(file, offset);
    expect(now.equals(BYTES.subarray(offset, at + 70_001))).toBe(true);
  }
  await file.flush();
  expect(await file.sync()).toBe(BYTES.length);
  const all = await Promise.all(
    [0, 1, BLOCK_BYTES, BYTES.length - 1].map((at) => readAll(file, at)),
  );
  expect(all.map(({ length }) => BYTES.length - length)).toEqual([
    0,
    1,
    BLOCK_BYTES,
    BYTES.length - 1,
  ]);
  expect(all[0]?.equals(BYTES)).toBe(true);
  await file.close();
  expect((await readFile(join(folder.path, 'f'))).equals(BYTES)).toBe(true);
});

test('a file that has become shorter is an error, not a wait without end', async () => {
  await using folder = await TemporaryFolder.make();
  const path = join(folder.path, 'f');
  await writeFile(path, BYTES);
  const file = await StoredFile.open(path, BYTES.length, new BlockPool(4));
  await truncate(path, 10);
  await expect(readAll(file)).rejects.toThrow('has become shorter');
  await file.close();
});

test('what is not there is not made out of nothing, and what counts is not more than there is', async () => {
  await using folder = await TemporaryFolder.make();
  const path = join(folder.path, 'f');
  await expect(StoredFile.open(path, 1, new BlockPool(1))).rejects.toThrow('ENOENT');
  await writeFile(path, 'abc');
  const file = await StoredFile.open(path, 5, new BlockPool(1));
  expect(file.written).toBe(3);
  await file.close();
});

test.each([4, 0])(
  'what was being read when all is written anew is not given: %i blocks',
  async (blocks) => {
    await using folder = await TemporaryFolder.make();
    const path = join(folder.path, 'f');
    await writeFile(path, BYTES);
    const file = await StoredFile.open(path, BYTES.length, new BlockPool(blocks));
    const reading = file.read(0);
    await file.clear();
    file.append(Buffer.from('new'));
    expect(await reading).toBeUndefined();
    expect((await readAll(file)).toString()).toBe('new');
    await file.close();
  },
);

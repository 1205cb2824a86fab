import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { PartialFile } from '../../lib/storage/partial-file.ts';
import { someBytes } from '../support/server-under-test.ts';
import { mountSmallDisk, NO_SMALL_DISK } from '../support/small-disk.ts';
import { TemporaryFolder } from './folder.ts';

const DISK_BYTES = 128 * 1024;
const PAYLOAD = 2043;

function begin(folder: string, errors: Error[]): Promise<PartialFile> {
  return PartialFile.create({
    folder,
    name: 'f',
    segmentPayload: PAYLOAD,
    onError: (error) => errors.push(error),
  });
}

test('a disk that is full is told once, and what fits is kept', async (ctx) => {
  await using folder = await TemporaryFolder.make();
  await using disk = await mountSmallDisk(folder.path, DISK_BYTES);
  if (disk === undefined) return ctx.skip(NO_SMALL_DISK);
  const errors: Error[] = [];
  const file = await begin(folder.path, errors);
  const bytes = someBytes(4 * DISK_BYTES);
  const count = Math.floor(bytes.length / PAYLOAD);
  for (let seq = 0; seq < count; seq += 1) {
    file.write(seq, bytes.subarray(seq * PAYLOAD, (seq + 1) * PAYLOAD), 0);
  }
  // What it gathers is written when a segment of another block comes.
  file.write(10_000, bytes.subarray(0, PAYLOAD), 0);
  await vi.waitFor(() => expect(errors).toHaveLength(1), { timeout: 10_000 });
  expect(errors[0]).toMatchObject({ code: 'ENOSPC' });
  expect(file.write(0, bytes.subarray(0, PAYLOAD), 0)).toBe(false);
  await expect(file.finish('whole', { overwrite: false })).rejects.toMatchObject({
    code: 'ENOSPC',
  });
  await expect(file.keep()).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(errors).toHaveLength(1);
  expect(await readdir(folder.path)).toEqual(['f.part']);
  const kept = await readFile(file.path);
  expect(kept.length).toBeGreaterThan(0);
  expect(kept.equals(bytes.subarray(0, kept.length))).toBe(true);
});

test('a disk that fills up with the last block is told when the file is finished', async (ctx) => {
  await using folder = await TemporaryFolder.make();
  await using disk = await mountSmallDisk(folder.path, DISK_BYTES);
  if (disk === undefined) return ctx.skip(NO_SMALL_DISK);
  const errors: Error[] = [];
  const file = await begin(folder.path, errors);
  const bytes = someBytes(100 * PAYLOAD);
  for (let seq = 0; seq < 100; seq += 1) {
    file.write(seq, bytes.subarray(seq * PAYLOAD, (seq + 1) * PAYLOAD), 0);
  }
  await expect(file.finish('whole', { overwrite: false })).rejects.toMatchObject({
    code: 'ENOSPC',
  });
  expect(errors).toHaveLength(1);
  await file.keep().catch(() => undefined);
  expect(await readdir(folder.path)).toEqual(['f.part']);
});

test('a disk that is full from the start is told with the first block, and no lock is left', async (ctx) => {
  await using folder = await TemporaryFolder.make();
  await using disk = await mountSmallDisk(folder.path, DISK_BYTES);
  if (disk === undefined) return ctx.skip(NO_SMALL_DISK);
  await writeFile(join(folder.path, 'big'), Buffer.alloc(2 * DISK_BYTES)).catch(() => undefined);
  const errors: Error[] = [];
  const file = await begin(folder.path, errors);
  file.write(0, Buffer.from('one byte is too many'), 0);
  await expect(file.keep()).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(errors).toHaveLength(1);
  expect((await readdir(folder.path)).sort()).toEqual(['big', 'f.part']);
});

test.for([0, 1])(
  'where there is room for %d more files, nothing is begun, and no lock is left',
  async (room, ctx) => {
    await using folder = await TemporaryFolder.make();
    // The folder itself is one, too.
    await using disk = await mountSmallDisk(folder.path, DISK_BYTES, `nr_inodes=${2 + room}`);
    if (disk === undefined) return ctx.skip(NO_SMALL_DISK);
    await writeFile(join(folder.path, 'mine'), '');
    await expect(begin(folder.path, [])).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await readdir(folder.path)).toEqual(['mine']);
  },
);

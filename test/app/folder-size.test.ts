import { existsSync } from 'node:fs';
import { mkdir, open, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { deletedSize, folderSize } from '../../lib/app/folder-size.ts';
import { openFilesOf } from '../../lib/app/process-tree.ts';
import { TemporaryFolder } from './folders.ts';

const MB = 1_000_000;

test('counts what a folder takes of the disk: no links, no holes, and each entry', async () => {
  await using folder = await TemporaryFolder.create({ 'outside.bin': Buffer.alloc(5 * MB, 1) });
  const at = (name: string): string => join(folder.path, 'inside', name);
  await mkdir(at('a/b'), { recursive: true });
  await writeFile(at('a/b/file.bin'), Buffer.alloc(MB, 1));
  await symlink(join(folder.path, 'outside.bin'), at('to-file'));
  await symlink(folder.path, at('to-folder'));
  const file = await open(at('holes.bin'), 'w');
  await file.truncate(50 * MB);
  await file.close();
  const size = await folderSize(at(''));
  expect(size).toBeGreaterThan(MB);
  expect(size).toBeLessThan(3 * MB);
  const before = size;
  for (let number = 0; number < 20; number += 1) await writeFile(at(`empty${number}`), '');
  expect(await folderSize(at(''))).toBeGreaterThan(before + MB);
});

test('counts no further than it has to, and what is not there as nothing', async () => {
  await using folder = await TemporaryFolder.create({});
  for (let number = 0; number < 9; number += 1) {
    await writeFile(join(folder.path, `file${number}`), Buffer.alloc(MB, 1));
  }
  const size = await folderSize(folder.path, 2 * MB);
  expect(size).toBeGreaterThan(2 * MB);
  expect(size).toBeLessThan(4 * MB);
  expect(await folderSize(join(folder.path, 'nowhere'))).toBe(0);
});

const hasProc = existsSync('/proc/self/fd');
if (!hasProc) console.warn('Left out: files that are deleted and still open. They need /proc.');

test.skipIf(!hasProc)('counts what is deleted and still open, once', async () => {
  await using folder = await TemporaryFolder.create({ 'a.bin': Buffer.alloc(MB, 1) });
  const at = join(folder.path, 'a.bin');
  const files = [await open(at), await open(at)];
  const own = openFilesOf(process.pid)?.filter((path) =>
    files.some(({ fd }) => path.endsWith(`/fd/${fd}`)),
  );
  expect(own).toHaveLength(2);
  const deleted = async (): Promise<number> => await deletedSize(folder.path, own ?? []);
  expect(await deleted()).toBe(0);
  await rm(at);
  const size = await deleted();
  expect(size).toBeGreaterThanOrEqual(MB);
  expect(size).toBeLessThan(2 * MB);
  for (const file of files) await file.close();
});

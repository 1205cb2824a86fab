import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { storeSmallFile } from '../../lib/storage/small-file.ts';
import { TemporaryFolder } from './folder.ts';

const bytes = Buffer.from('new');

test('a small file gets the first name that is free, and nothing else is left', async () => {
  await using folder = await TemporaryFolder.make();
  await writeFile(join(folder.path, 'f.txt'), 'old');
  await mkdir(join(folder.path, 'f (1).txt'));
  const path = storeSmallFile(folder.path, 'f.txt', bytes);
  expect(path).toBe(join(folder.path, 'f (2).txt'));
  expect(await readFile(join(folder.path, 'f (2).txt'), 'utf8')).toBe('new');
  expect(await readFile(join(folder.path, 'f.txt'), 'utf8')).toBe('old');
  expect((await readdir(folder.path)).sort()).toEqual(['f (1).txt', 'f (2).txt', 'f.txt']);
});

test('what cannot be stored leaves nothing', async () => {
  await using folder = await TemporaryFolder.make();
  expect(storeSmallFile(join(folder.path, 'nowhere'), 'f', bytes)).toBeUndefined();
  for (const name of ['f', ...Array.from({ length: 20 }, (_, index) => `f (${index + 1})`)]) {
    await writeFile(join(folder.path, name), '');
  }
  const before = await readdir(folder.path);
  expect(storeSmallFile(folder.path, 'f', bytes)).toBeUndefined();
  expect(await readdir(folder.path)).toEqual(before);
});

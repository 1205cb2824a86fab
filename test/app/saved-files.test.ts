import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SavedFiles } from '../../lib/app/saved-files.ts';
import { TemporaryFolder } from './folders.ts';

/** What is found of `new.bin` when a client has saved it there. */
async function foundAt(...path: readonly string[]): Promise<string | undefined> {
  await using folder = await TemporaryFolder.create({ 'other.bin': 'other', 'new.bin2': 'other' });
  const place = join(folder.path, ...path);
  await mkdir(join(place, '..'), { recursive: true });
  await writeFile(place, 'saved');
  return new SavedFiles(folder.path).find('new.bin')?.toString();
}

describe('what a client has saved under a new name', () => {
  test.each([
    ['in its folder', ['new.bin']],
    ['with an ending', ['new.bin.txt']],
    ['in a folder', ['downloads', 'new.bin']],
    ['in a folder of a folder, with an ending', ['my', 'downloads', 'new.bin.txt']],
  ])('is found %s', async (_, path) => {
    expect(await foundAt(...path)).toBe('saved');
  });

  test.each([
    ['with another name', ['a-new.bin']],
    ['with a name that only begins so', ['new.binary']],
    ['too deep', ['a', 'b', 'c', 'd', 'e', 'new.bin']],
    ['in what is not looked at', ['.git', 'new.bin']],
  ])('is not found %s', async (_, path) => {
    expect(await foundAt(...path)).toBeUndefined();
  });

  test('is found at once where others were', async () => {
    await using folder = await TemporaryFolder.create({});
    const saved = new SavedFiles(folder.path);
    await mkdir(join(folder.path, 'downloads'));
    for (const name of ['one', 'two', 'three']) {
      await writeFile(join(folder.path, 'downloads', `${name}.txt`), name);
      expect(saved.find(name)?.toString()).toBe(name);
    }
  });

  test('is nothing behind a link, whether to a file or to a folder', async () => {
    await using outside = await TemporaryFolder.create({ 'new.bin': 'secret' });
    await using folder = await TemporaryFolder.create({});
    await symlink(join(outside.path, 'new.bin'), join(folder.path, 'new.bin'));
    await symlink(outside.path, join(folder.path, 'downloads'));
    const saved = new SavedFiles(folder.path);
    expect(saved.find('new.bin')).toBeUndefined();
    expect(saved.read('new.bin')).toBeUndefined();
  });

  test('is nothing behind a link that has come in place of a folder', async () => {
    await using outside = await TemporaryFolder.create({ 'two.bin': 'secret' });
    await using folder = await TemporaryFolder.create({});
    const downloads = join(folder.path, 'downloads');
    await mkdir(downloads);
    await writeFile(join(downloads, 'one.bin'), 'saved');
    const saved = new SavedFiles(folder.path);
    expect(saved.find('one.bin')?.toString()).toBe('saved');
    await rm(downloads, { recursive: true });
    await symlink(outside.path, downloads);
    expect(saved.find('two.bin')).toBeUndefined();
  });
});

import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { extractedFolder } from '../../lib/storage/extracted-folder.ts';
import { TemporaryFolder } from './folder.ts';

test('what a peer calls a folder never leads out of it, by its name or through a link', async () => {
  await using folder = await TemporaryFolder.make();
  const root = join(folder.path, 'root');
  await mkdir(join(root, 'there'), { recursive: true });
  await symlink(folder.path, join(root, 'link'));
  await symlink('loop', join(root, 'loop'));
  await writeFile(join(root, 'file'), '');
  const below = (...names: readonly string[]) => extractedFolder(root, names).slice(root.length);
  expect(below()).toBe('');
  expect(below('there', '.hidden')).toBe('/there/.hidden');
  expect(below('there', '.hidden')).toBe('/there/.hidden');
  expect(below('..', '.', '', '/etc')).toBe('/_/_/download/_etc');
  expect(below('link', 'a')).toBe('/link (1)/a');
  expect(below('loop')).toBe('/loop (1)');
  expect(below('file')).toBe('/file (1)');
});

test('a path that is too long ends where there is room for a file', async () => {
  await using folder = await TemporaryFolder.make();
  const names = Array.from({ length: 128 }, () => 'x'.repeat(255));
  const path = extractedFolder(folder.path, names);
  expect(path.startsWith(join(folder.path, 'x'.repeat(255)))).toBe(true);
  await writeFile(join(path, 'y'.repeat(255)), '');
});

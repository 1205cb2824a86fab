import { execFile } from 'node:child_process';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { SharedFolder } from '../../lib/storage/shared-folder.ts';
import { TemporaryFolder } from './folder.ts';

test('lists the regular files by name, and reads the folder each time', async () => {
  await using folder = await TemporaryFolder.make();
  const shared = new SharedFolder(folder.path);
  expect(await shared.list()).toEqual([]);
  for (const name of ['b', 'a', 'C', 'é', '10', '9']) await writeFile(join(folder.path, name), '');
  expect(await shared.list()).toEqual(['10', '9', 'C', 'a', 'b', 'é']);
  await rm(join(folder.path, 'a'));
  expect(await shared.list()).toEqual(['10', '9', 'C', 'b', 'é']);
});

test('lists neither hidden files, nor folders, nor links, nor names with control characters', async () => {
  await using folder = await TemporaryFolder.make();
  await writeFile(join(folder.path, 'f'), 'f');
  await writeFile(join(folder.path, '.hidden'), '');
  await mkdir(join(folder.path, 'sub'));
  await symlink('f', join(folder.path, 'link'));
  for (const name of ['a\nb', 'a\rb', 'a\x1b[2Jb', 'a\u2028b', 'a\u202eb']) {
    await writeFile(join(folder.path, name), '');
  }
  expect(await new SharedFolder(folder.path).list()).toEqual(['f']);
});

test('opens what it lists, and nothing else', async () => {
  await using folder = await TemporaryFolder.make();
  await writeFile(join(folder.path, 'f'), 'four');
  await writeFile(join(folder.path, '.hidden'), '');
  await mkdir(join(folder.path, 'sub'));
  await writeFile(join(folder.path, 'sub', 'inner'), '');
  await symlink('f', join(folder.path, 'link'));
  const shared = new SharedFolder(folder.path);
  const file = await shared.open('f');
  expect(file?.size).toBe(4);
  await file?.close();
  const others = [
    '',
    '.',
    '..',
    'nothing',
    '.hidden',
    'sub',
    'sub/inner',
    'link',
    './f',
    'f/',
    'F',
  ];
  for (const name of [...others, join(folder.path, 'f'), 'f\0']) {
    expect([name, await shared.open(name)]).toEqual([name, undefined]);
  }
});

test('a pipe is neither listed nor opened, and does not make one wait', async (ctx) => {
  await using folder = await TemporaryFolder.make();
  try {
    await promisify(execFile)('mkfifo', [join(folder.path, 'pipe')]);
  } catch {
    ctx.skip('needs mkfifo');
  }
  const shared = new SharedFolder(folder.path);
  expect(await shared.list()).toEqual([]);
  expect(await shared.open('pipe')).toBeUndefined();
});

test('a folder that is not there is an error', async () => {
  await using folder = await TemporaryFolder.make();
  const shared = new SharedFolder(join(folder.path, 'nowhere'));
  await expect(shared.list()).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(shared.open('f')).rejects.toMatchObject({ code: 'ENOENT' });
});

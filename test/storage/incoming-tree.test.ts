import { mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { IncomingTree, type IncomingTreeOptions } from '../../lib/storage/incoming-tree.ts';
import { TemporaryFolder } from './folder.ts';

function treeIn(folder: string, options: Partial<IncomingTreeOptions> = {}): IncomingTree {
  return new IncomingTree({ folder, onConflict: 'rename', onFolderConflict: 'merge', ...options });
}

async function put(tree: IncomingTree, name: string, content = 'new'): Promise<string | undefined> {
  const { type } = await tree.beginFile(name);
  if (type === 'skipped') return undefined;
  if (content !== '') await tree.write(Buffer.from(content));
  return tree.endFile();
}

/** Every file below, by its path, with what is in it; folders with a slash. */
async function contents(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(folder.length + 1);
    if (entry.isFile()) found[name] = await readFile(path, 'utf8');
    else found[`${name}/`] = '';
  }
  return found;
}

test('folders in one another, empty ones and empty files come as they were', async () => {
  await using folder = await TemporaryFolder.make();
  const tree = treeIn(join(folder.path, 'to'));
  await tree.beginFolder('a');
  await put(tree, 'f', '');
  await tree.beginFolder('b');
  await put(tree, '.hidden');
  tree.endFolder();
  tree.endFolder();
  await put(tree, 'g');
  expect(await contents(join(folder.path, 'to'))).toEqual({
    ...{ 'a/': '', 'a/f': '', 'a/b/': '', 'a/b/.hidden': 'new', g: 'new' },
  });
});

test.each([1, 65_536, 65_537, 300_000])('a file of %i bytes comes whole', async (size) => {
  await using folder = await TemporaryFolder.make();
  const bytes = Buffer.from(Array.from({ length: size }, (_, index) => (index * 7) % 251));
  const tree = treeIn(folder.path);
  await tree.beginFile('f');
  for (let at = 0; at < size; at += 10_000) await tree.write(bytes.subarray(at, at + 10_000));
  const path = await tree.endFile();
  expect((await readFile(path)).equals(bytes)).toBe(true);
  expect(await readdir(folder.path)).toEqual(['f']);
});

test('a name that is taken many times is found a free one all the same', async () => {
  await using folder = await TemporaryFolder.make();
  const tree = treeIn(folder.path);
  for (let number = 0; number < 40; number += 1) await put(tree, 'f', String(number));
  expect(await readFile(join(folder.path, 'f (39)'), 'utf8')).toBe('39');
});

describe('a file whose name is taken', () => {
  const POLICIES: [IncomingTreeOptions['onConflict'], Record<string, string>][] = [
    ['rename', { f: 'old', 'f (1)': 'new' }],
    ['overwrite', { f: 'new' }],
    ['skip', { f: 'old' }],
    ['resume', { f: 'old', 'f (1)': 'new' }],
  ];
  test.each(POLICIES)('with %s', async (onConflict, expected) => {
    await using folder = await TemporaryFolder.make();
    await writeFile(join(folder.path, 'f'), 'old');
    const tree = treeIn(folder.path, { onConflict });
    await put(tree, 'f');
    expect(await contents(folder.path)).toEqual(expected);
  });

  test('by a folder or a link is not written into, nor through it', async () => {
    await using folder = await TemporaryFolder.make();
    await writeFile(join(folder.path, 'mine'), 'old');
    await mkdir(join(folder.path, 'd'));
    await symlink('mine', join(folder.path, 'l'));
    for (const onConflict of ['rename', 'overwrite', 'skip', 'resume'] as const) {
      const tree = treeIn(folder.path, { onConflict });
      await put(tree, 'd');
      await put(tree, 'l');
      await tree.abandonFile(false);
    }
    expect(await readFile(join(folder.path, 'mine'), 'utf8')).toBe('old');
    expect(await readdir(join(folder.path, 'd'))).toEqual([]);
  });
});

describe('a folder whose name is taken', () => {
  const POLICIES: [IncomingTreeOptions['onFolderConflict'], Record<string, string>][] = [
    ['merge', { 'd/': '', 'd/f': 'old', 'd/f (1)': 'new' }],
    ['rename', { 'd/': '', 'd/f': 'old', 'd (1)/': '', 'd (1)/f': 'new' }],
    ['skip', { 'd/': '', 'd/f': 'old' }],
  ];
  test.each(POLICIES)('with %s', async (onFolderConflict, expected) => {
    await using folder = await TemporaryFolder.make();
    await mkdir(join(folder.path, 'd'));
    await writeFile(join(folder.path, 'd', 'f'), 'old');
    const tree = treeIn(folder.path, { onFolderConflict });
    if ((await tree.beginFolder('d')).type === 'begun') await put(tree, 'f');
    expect(await contents(folder.path)).toEqual(expected);
  });

  test('by a link is made beside it: nothing leads out of the folder', async () => {
    await using folder = await TemporaryFolder.make();
    await using outside = await TemporaryFolder.make();
    await symlink(outside.path, join(folder.path, 'd'));
    const tree = treeIn(folder.path);
    await tree.beginFolder('d');
    await put(tree, 'f');
    expect(await readdir(outside.path)).toEqual([]);
    expect(await readFile(join(folder.path, 'd (1)', 'f'), 'utf8')).toBe('new');
  });
});

test('what came is not replaced by what comes later in the same transfer', async () => {
  await using folder = await TemporaryFolder.make();
  await writeFile(join(folder.path, 'f'), 'old');
  const tree = treeIn(folder.path, { onConflict: 'overwrite' });
  await put(tree, 'f', 'first');
  await put(tree, 'f', 'second');
  // Both become the same when they are made safe.
  await put(tree, 'a?', 'third');
  await put(tree, 'a:', 'x'.repeat(100_000));
  for (const name of ['d?', 'd:', 'd?']) {
    await tree.beginFolder(name);
    await put(tree, name === 'd:' ? 'other' : 'g', 'in');
    tree.endFolder();
  }
  expect(await contents(folder.path)).toEqual({
    ...{ f: 'first', 'f (1)': 'second', a_: 'third', 'a_ (1)': 'x'.repeat(100_000) },
    ...{ 'd_/': '', 'd_/g': 'in', 'd_/g (1)': 'in', 'd_ (1)/': '', 'd_ (1)/other': 'in' },
  });
});

test('an empty file that is here already is not made a second time', async () => {
  await using folder = await TemporaryFolder.make();
  await writeFile(join(folder.path, 'empty'), '');
  const tree = treeIn(folder.path, { onConflict: 'resume' });
  const begun = await tree.beginFile('empty');
  expect(begun).toMatchObject({ type: 'present', present: { offset: 0, whole: true } });
  tree.goOn();
  await tree.endFile();
  expect(await readdir(folder.path)).toEqual(['empty']);
});

test('no name leads out of the folder', async () => {
  await using folder = await TemporaryFolder.make();
  const inner = join(folder.path, 'inner');
  const names = ['..', '.', '../up', '/etc/passwd', 'a/b', 'C:\\x', 'con', 'x.', ' ', '\0', '...'];
  for (const onConflict of ['rename', 'overwrite', 'resume'] as const) {
    const tree = treeIn(inner, { onConflict });
    for (const name of names) await put(tree, name);
    for (const name of names) {
      await tree.beginFolder(name);
      await put(tree, name);
      await put(tree, 'f');
    }
  }
  expect(await readdir(folder.path)).toEqual(['inner']);
  for (const name of await readdir(inner)) expect(name).not.toMatch(/^\.|[. ]$|[/\\:\0]|^con$/i);
});

describe('what was cut off', () => {
  async function cutOff(
    folder: string,
    onConflict: 'resume' | 'rename',
    content = 'first ',
  ): Promise<void> {
    const tree = treeIn(folder, { onConflict });
    await tree.beginFile('f');
    await tree.write(Buffer.from(content));
    await tree.abandonFile(true);
  }

  test('is kept and offered where it can be gone on with', async () => {
    await using folder = await TemporaryFolder.make();
    await cutOff(folder.path, 'resume');
    const tree = treeIn(folder.path, { onConflict: 'resume' });
    const begun = await tree.beginFile('f');
    expect(begun).toMatchObject({ type: 'present', present: { offset: 6, whole: false } });
    tree.goOn();
    await tree.write(Buffer.from('second'));
    await tree.endFile();
    expect(await contents(folder.path)).toEqual({ f: 'first second' });
  });

  test('is begun anew when the sender does so', async () => {
    await using folder = await TemporaryFolder.make();
    await cutOff(folder.path, 'resume');
    const tree = treeIn(folder.path, { onConflict: 'resume' });
    await put(tree, 'f');
    expect(await contents(folder.path)).toEqual({ f: 'new' });
  });

  test('leaves nothing otherwise', async () => {
    await using folder = await TemporaryFolder.make();
    await cutOff(folder.path, 'rename');
    await cutOff(folder.path, 'rename', 'long'.repeat(100_000));
    expect(await contents(folder.path)).toEqual({});
  });
});

test('a file that is there whole stays as it is, and nothing is added to it', async () => {
  await using folder = await TemporaryFolder.make();
  await writeFile(join(folder.path, 'f'), 'whole');
  const tree = treeIn(folder.path, { onConflict: 'resume' });
  const begun = await tree.beginFile('f');
  expect(begun).toMatchObject({ type: 'present', present: { offset: 5, whole: true } });
  tree.goOn();
  expect(await tree.endFile()).toBe(join(folder.path, 'f'));
  await tree.beginFile('f');
  tree.goOn();
  await expect(tree.write(Buffer.from('more'))).rejects.toThrow();
  expect(await contents(folder.path)).toEqual({ f: 'whole' });
});

test('a sender that is gone is not hashed for to the end', async () => {
  await using folder = await TemporaryFolder.make();
  const path = join(folder.path, 'f');
  // Without blocks on the disk; hashing all of it would take minutes.
  await writeFile(path, '');
  await truncate(path, 200_000_000_000);
  const tree = treeIn(folder.path, { onConflict: 'resume' });
  const begun = tree.beginFile('f').catch((error: Error) => error.message);
  for (let over = false; !over; ) {
    tree.cancel();
    over = await Promise.race([begun.then(() => true), delay(20).then(() => false)]);
  }
  expect(await begun).toBe('the hash is not wanted any more');
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, readlink, symlink, unlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { LockedError, lock, MAKERS } from '../../lib/storage/lock.ts';
import { TemporaryFolder } from './folder.ts';

/** What this process's locks say. */
const OWN = `${process.pid} ${hostname()}`;

/** The number of a process that was, and is no more. */
async function deadProcess(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' });
  await once(child, 'exit');
  return child.pid ?? 0;
}

test('names this process and its machine, and is gone once it is given back', async () => {
  await using folder = await TemporaryFolder.make();
  const path = join(folder.path, 'f.lock');
  const unlock = await lock(path);
  expect(await readlink(path)).toBe(OWN);
  await unlock();
  expect(await readdir(folder.path)).toEqual([]);
  // Giving it back again is no error, and it can be had again.
  await unlock();
  await (await lock(path))();
});

test.each(Object.entries(MAKERS))(
  'is refused while this process has it as %s, and only then',
  async (_what, maker) => {
    await using folder = await TemporaryFolder.make();
    const path = join(folder.path, 'f.lock');
    const unlock = await lock(path, [maker]);
    await expect(lock(path, [maker])).rejects.toThrow(`process ${process.pid}`);
    expect(await readdir(folder.path)).toEqual(['f.lock']);
    await unlock();
    // One that is gone may have had the same number, as in a container.
    await maker(path);
    await (await lock(path, [maker]))();
    expect(await readdir(folder.path)).toEqual([]);
  },
);

test('is refused while the lock of another process is there', async () => {
  await using folder = await TemporaryFolder.make();
  const path = join(folder.path, 'f.lock');
  const owner = process.ppid;
  await writeFile(path, `${owner}\n`);
  const error = await lock(path).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(LockedError);
  expect(error).toMatchObject({ message: expect.stringContaining(`process ${owner}`) });
  expect(error).toMatchObject({ message: expect.stringContaining(path) });
  expect(await readFile(path, 'utf8')).toBe(`${owner}\n`);
});

test('the lock of a process that is gone is taken over', async () => {
  await using folder = await TemporaryFolder.make();
  const path = join(folder.path, 'f.lock');
  await writeFile(path, `${await deadProcess()}\n`);
  const unlock = await lock(path);
  expect(await readlink(path)).toBe(OWN);
  await unlock();
});

test('the lock of another machine is left alone: nobody here sees whether its process lives', async () => {
  await using folder = await TemporaryFolder.make();
  const path = join(folder.path, 'f.lock');
  const content = `${await deadProcess()} not-${hostname()}\n`;
  await writeFile(path, content);
  const error = await lock(path).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(LockedError);
  for (const says of [`on not-${hostname()}`, `delete ${path} if that download is over`]) {
    expect(error).toMatchObject({ message: expect.stringContaining(says) });
  }
  expect(await readFile(path, 'utf8')).toBe(content);
  await unlink(path);
  await symlink(content.trim(), path);
  await expect(lock(path)).rejects.toBeInstanceOf(LockedError);
  expect(await readlink(path)).toBe(content.trim());
});

test('who finds it held by this process can wait until it is given back', async () => {
  await using folder = await TemporaryFolder.make();
  const path = join(folder.path, 'f.lock');
  const unlock = await lock(path);
  const refused = await lock(path).catch((error: unknown) => error as LockedError);
  if (!(refused instanceof LockedError)) throw new Error('there are two locks');
  void unlock();
  await refused.givenBack;
  await (await lock(path))();
});

test('is made in another way where one does not do', async () => {
  await using folder = await TemporaryFolder.make();
  const path = join(folder.path, 'f.lock');
  const fails = (): never => {
    throw Object.assign(new Error('operation not permitted'), { code: 'EPERM' });
  };
  const unlock = await lock(path, [fails, MAKERS['a file']]);
  expect(await readFile(path, 'utf8')).toBe(`${OWN}\n`);
  await unlock();
  await expect(lock(path, [fails])).rejects.toMatchObject({ code: 'EPERM' });
});

test('the dead lock of this machine is taken over, be it a link or a file', async () => {
  await using folder = await TemporaryFolder.make();
  const path = join(folder.path, 'f.lock');
  const owner = `${await deadProcess()} ${hostname()}`;
  await writeFile(path, `${owner}\n`);
  await (await lock(path))();
  await symlink(owner, path);
  await (await lock(path))();
  expect(await readdir(folder.path)).toEqual([]);
});

test.each(['', 'nonsense', '-1', '0', '1.5', '1e3x'])(
  'a lock file that holds %j is nobody’s, and is taken over',
  async (content) => {
    await using folder = await TemporaryFolder.make();
    const path = join(folder.path, 'f.lock');
    await writeFile(path, content);
    await (await lock(path))();
  },
);

test('a folder that is not there is an error', async () => {
  await using folder = await TemporaryFolder.make();
  await expect(lock(join(folder.path, 'nowhere', 'f.lock'))).rejects.toMatchObject({
    code: 'ENOENT',
  });
});

/** How many of those who try at the same moment get the lock. */
async function winners(path: string): Promise<number> {
  const tries = await Promise.allSettled(Array.from({ length: 16 }, () => lock(path)));
  const won = tries.filter((one) => one.status === 'fulfilled');
  for (const one of won) await one.value();
  return won.length;
}

test('of many who try at the same moment, one gets it', async () => {
  await using folder = await TemporaryFolder.make();
  for (let round = 0; round < 100; round += 1) {
    expect(await winners(join(folder.path, `${round}.lock`))).toBe(1);
  }
});

test('of many who would take over a dead lock at the same moment, one gets it', async () => {
  await using folder = await TemporaryFolder.make();
  const dead = await deadProcess();
  for (let round = 0; round < 100; round += 1) {
    const path = join(folder.path, `${round}.lock`);
    await writeFile(path, `${dead}\n`);
    expect(await winners(path)).toBe(1);
  }
});

test('of several processes that want it again and again, only one has it at a time', async () => {
  await using folder = await TemporaryFolder.make();
  const script = join(import.meta.dirname, 'lock-contender.ts');
  const children = Array.from({ length: 3 }, () =>
    spawn(process.execPath, ['--import', 'tsx', script, join(folder.path, 'f.lock')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );
  try {
    const said = children.map(() => '');
    for (const [index, child] of children.entries()) {
      child.stdout.on('data', (chunk: Buffer) => {
        said[index] += chunk.toString();
      });
    }
    const lines = (count: number): boolean => {
      return said.every((text) => text.split('\n').length > count);
    };
    await vi.waitFor(() => expect(lines(1)).toBe(true), { timeout: 30_000 });
    for (const child of children) child.stdin.end('go\n');
    await vi.waitFor(() => expect(lines(2)).toBe(true), { timeout: 30_000 });
    const results = said.map((text) => JSON.parse(text.split('\n')[1] ?? '') as unknown);
    for (const result of results) expect(result).toMatchObject({ shared: 0, errors: [] });
  } finally {
    for (const child of children) child.kill();
  }
});

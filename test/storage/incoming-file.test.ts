import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { link, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IncomingFile, type IncomingFileOptions } from '../../lib/storage/incoming-file.ts';
import { LockedError } from '../../lib/storage/lock.ts';
import { numberedName } from '../../lib/storage/naming.ts';
import { PartialFile } from '../../lib/storage/partial-file.ts';
import { isLong } from '../support/long.ts';
import { someBytes } from '../support/server-under-test.ts';
import { TemporaryFolder } from './folder.ts';

type Options = Omit<IncomingFileOptions, 'note'> & { readonly note?: string };

const open = (options: Options) => IncomingFile.open({ note: 'test', ...options });

/** Receives `bytes` in one go and leaves the file open. */
async function receive(
  options: Options,
  bytes: Uint8Array = Buffer.from('new'),
): Promise<IncomingFile> {
  const file = await open(options);
  await file.write(bytes);
  return file;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('a file that comes in order', () => {
  test('is whole in the end, however it is cut, and so is its hash', async () => {
    await using folder = await TemporaryFolder.make();
    const cuts = fc.array(fc.nat(70_000), { maxLength: 40 });
    let count = 0;
    const property = fc.asyncProperty(
      cuts,
      fc.option(fc.constant('sha256' as const), { nil: undefined }),
      async (lengths, hash) => {
        const bytes = someBytes(lengths.reduce((sum, length) => sum + length, 0));
        const name = `${count++}`;
        const file = await open({ folder: folder.path, name, ...(hash && { hash }) });
        let at = 0;
        for (const length of lengths) {
          await file.write(bytes.subarray(at, at + length));
          at += length;
        }
        expect(await file.digest()).toBe(sha256(bytes));
        const path = await file.finish('fail');
        expect(path).toBe(join(folder.path, name));
        expect((await readFile(path)).equals(bytes)).toBe(true);
      },
    );
    await fc.assert(property, { numRuns: 50 });
    expect(await readdir(folder.path)).toHaveLength(count);
  });

  test('makes whoever writes wait when much is not written yet', async () => {
    await using folder = await TemporaryFolder.make();
    const chunk = someBytes(65_536);
    const file = await open({ folder: folder.path, name: 'f', hash: 'sha256' });
    // What is waited for takes turns of the loop; what is not, takes none.
    let turns = 0;
    const count = (): void => {
      turns += 1;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    for (let at = 0; at < 32; at += 1) await file.write(chunk);
    expect(turns).toBe(0);
    for (let at = 32; at < 256; at += 1) await file.write(chunk);
    expect(turns).toBeGreaterThan(0);
    clearImmediate(timer);
    const whole = Buffer.concat(Array.from({ length: 256 }, () => chunk));
    expect(await file.digest()).toBe(sha256(whole));
    expect((await readFile(await file.finish('fail'))).equals(whole)).toBe(true);
  });

  test('of another size than was said gets no name', async () => {
    await using folder = await TemporaryFolder.make();
    for (const size of [2, 4]) {
      const file = await receive({ folder: folder.path, name: 'f', size });
      await expect(file.finish('overwrite')).rejects.toThrow(/should have/);
      await file.discard();
    }
    expect(await readdir(folder.path)).toEqual([]);
  });
});

describe('a name that is taken', () => {
  const taken = async (): Promise<TemporaryFolder> => {
    const folder = await TemporaryFolder.make();
    await writeFile(join(folder.path, 'a.txt'), 'old');
    return folder;
  };

  test('is replaced where that is wanted', async () => {
    await using folder = await taken();
    await (await receive({ folder: folder.path, name: 'a.txt' })).finish('overwrite');
    expect(await readFile(join(folder.path, 'a.txt'), 'utf8')).toBe('new');
    expect(await readdir(folder.path)).toEqual(['a.txt']);
  });

  test('gets a number where that is wanted, the first that is free', async () => {
    await using folder = await taken();
    await mkdir(join(folder.path, 'a (1).txt'));
    const path = await (await receive({ folder: folder.path, name: 'a.txt' })).finish('rename');
    expect(basename(path)).toBe('a (2).txt');
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readFile(join(folder.path, 'a.txt'), 'utf8')).toBe('old');
  });

  test('is refused otherwise; the file can still be kept, or get another one', async () => {
    await using folder = await taken();
    const file = await receive({ folder: folder.path, name: 'a.txt' });
    await expect(file.finish('fail')).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await readFile(join(folder.path, 'a.txt'), 'utf8')).toBe('old');
    expect(basename(await file.finish('rename'))).toBe('a (1).txt');
  });

  test('of a link is taken from the link, not from what it leads to', async () => {
    await using folder = await taken();
    await symlink('a.txt', join(folder.path, 'b'));
    await (await receive({ folder: folder.path, name: 'b' })).finish('overwrite');
    expect(await readFile(join(folder.path, 'a.txt'), 'utf8')).toBe('old');
    expect(await readFile(join(folder.path, 'b'), 'utf8')).toBe('new');
  });
});

describe('another attempt', () => {
  test('goes on behind what was kept', async () => {
    await using folder = await TemporaryFolder.make();
    const options = { folder: folder.path, name: 'f', offset: 'resume' } as const;
    await (await receive(options, Buffer.from('first '))).keep();
    expect(await IncomingFile.kept(folder.path, 'f', 'test')).toBe(6);
    const file = await receive(options, Buffer.from('second'));
    expect(file.offset).toBe(6);
    expect(await file.digest()).toBe(sha256(Buffer.from('first second')));
    expect(await readFile(await file.finish('fail'), 'utf8')).toBe('first second');
    expect(await IncomingFile.kept(folder.path, 'f', 'test')).toBe(0);
  });

  test('finds nothing where nothing had come', async () => {
    await using folder = await TemporaryFolder.make();
    await (await open({ folder: folder.path, name: 'f' })).keep();
    expect(await readdir(folder.path)).toEqual([]);
  });

  test('begins anew unless told otherwise', async () => {
    await using folder = await TemporaryFolder.make();
    const options = { folder: folder.path, name: 'f' };
    await (await receive(options, Buffer.from('first '))).keep();
    expect(await readFile(await (await receive(options)).finish('fail'), 'utf8')).toBe('new');
  });

  test('begins anew when more is there than the file has', async () => {
    await using folder = await TemporaryFolder.make();
    const options = { folder: folder.path, name: 'f' };
    await (await receive(options, Buffer.from('too long'))).keep();
    const file = await receive({ ...options, offset: 'resume', size: 3 });
    expect(file.offset).toBe(0);
    expect(await readFile(await file.finish('fail'), 'utf8')).toBe('new');
  });

  test('does not go on with a file that has gaps', async () => {
    await using folder = await TemporaryFolder.make();
    const onError = (error: Error): never => {
      throw error;
    };
    const gaps = await PartialFile.create({
      folder: folder.path,
      name: 'f',
      segmentPayload: 4,
      onError,
    });
    gaps.write(2, Buffer.from('late'), 0);
    await gaps.keep({ id: 'x', size: 12, ranges: [[8, 12]] });
    expect(await IncomingFile.kept(folder.path, 'f', 'test')).toBe(0);
    const file = await receive({ folder: folder.path, name: 'f', offset: 'resume' });
    expect(file.offset).toBe(0);
    await file.keep();
    expect(await readFile(join(folder.path, 'f.part'), 'utf8')).toMatch(/late$/);
    expect(await readFile(join(folder.path, 'f (1).part'), 'utf8')).toBe('new');
  });

  test.each([
    ['a link', (path: string, mine: string) => symlink(mine, path)],
    ['a second name of a file', (path: string, mine: string) => link(mine, path)],
  ])('does not write through %s', async (_what, place) => {
    await using folder = await TemporaryFolder.make();
    const mine = join(folder.path, 'mine');
    await writeFile(mine, 'do not lose this');
    await place(join(folder.path, 'f.part'), mine);
    const opened = open({ folder: folder.path, name: 'f', offset: 'resume' });
    await opened
      .then((file) => file.write(Buffer.from('new')).then(() => file.keep()))
      .catch(() => undefined);
    expect(await readFile(mine, 'utf8')).toBe('do not lose this');
  });

  test.each(['resume', 0] as const)(
    'leaves what is not its own, with offset %s',
    async (offset) => {
      await using folder = await TemporaryFolder.make();
      const options = { folder: folder.path, name: 'f', offset };
      await (await receive({ ...options, note: 'of another file' }, Buffer.from('theirs'))).keep();
      await writeFile(join(folder.path, 'f (1).part'), 'mine');
      // A note that somebody has put there for a file that it was not made for.
      await writeFile(join(folder.path, 'f (1).part.note'), '1 test\n');
      await mkdir(join(folder.path, 'f (2).part'));
      const file = await receive(options);
      expect(file.offset).toBe(0);
      expect(await readFile(await file.finish('fail'), 'utf8')).toBe('new');
      expect(await readFile(join(folder.path, 'f.part'), 'utf8')).toBe('theirs');
      expect(await readFile(join(folder.path, 'f (1).part'), 'utf8')).toBe('mine');
      expect(await readdir(folder.path)).not.toContain('f (3).part.note');
    },
  );

  test.each(['resume', 0] as const)(
    'takes the place of one that was killed before it wrote anything, with offset %s',
    async (offset) => {
      await using folder = await TemporaryFolder.make();
      const options = { folder: folder.path, name: 'f', offset };
      await writeFile(join(folder.path, 'f.part'), '');
      await writeFile(join(folder.path, 'f.part.note'), '');
      const file = await receive(options);
      expect(await readFile(await file.finish('fail'), 'utf8')).toBe('new');
      expect(await readdir(folder.path)).toEqual(['f']);
    },
  );

  test('writes no note anew, as a kill meanwhile would leave bytes without one', async () => {
    await using folder = await TemporaryFolder.make();
    const options = { folder: folder.path, name: 'f', offset: 'resume' } as const;
    await (await receive(options)).keep();
    const note = join(folder.path, 'f.part.note');
    await utimes(note, 1, 1);
    await (await open(options)).keep();
    expect((await stat(note)).mtimeMs).toBe(1000);
  });

  test('at the same time is refused, and does the first no harm', async () => {
    await using folder = await TemporaryFolder.make();
    const options = { folder: folder.path, name: 'f' };
    const first = await receive(options);
    await expect(open({ ...options, patience: 0 })).rejects.toBeInstanceOf(LockedError);
    expect(await readFile(await first.finish('fail'), 'utf8')).toBe('new');
    await (await open(options)).discard();
    expect(await readdir(folder.path)).toEqual(['f']);
  });
});

test('one that is begun before an earlier one has ended waits for its end', async () => {
  await using folder = await TemporaryFolder.make();
  const options = { folder: folder.path, name: 'f', offset: 'resume' } as const;
  const first = await receive(options, Buffer.from('first '));
  const opening = receive(options, Buffer.from('second'));
  await first.keep();
  const second = await opening;
  expect(second.offset).toBe(6);
  expect(await readFile(await second.finish('fail'), 'utf8')).toBe('first second');
  const third = await receive(options);
  await expect(open({ ...options, patience: 1 })).rejects.toBeInstanceOf(LockedError);
  await third.discard();
});

test('whenever one is killed, the next leaves the file alone', async () => {
  const script = join(import.meta.dirname, 'killed-receiver.ts');
  for (let round = 0; round < (isLong ? 500 : 10); round += 1) {
    await using folder = await TemporaryFolder.make();
    const args = ['--import', 'tsx', script, folder.path];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    await setTimeout(Math.random() * 20);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const file = await receive({ folder: folder.path, name: 'f' });
    expect(await readFile(await file.finish('fail'), 'utf8')).toBe('new');
    expect(await readdir(folder.path)).toEqual(['f']);
  }
});

test('nothing is left of what is discarded, however often', async () => {
  await using folder = await TemporaryFolder.make();
  const file = await receive({ folder: folder.path, name: 'f' });
  await file.discard();
  await file.discard();
  await expect(file.write(Buffer.from('more'))).rejects.toThrow(/closed/);
  expect(await readdir(folder.path)).toEqual([]);
});

test('the name leads nowhere else, and is kept at full length', async () => {
  await using folder = await TemporaryFolder.make();
  const inner = join(folder.path, 'inner');
  const long = `${'文'.repeat(83)}.txt`;
  for (const name of ['../../up', '/etc/passwd', 'C:\\x', '.hidden', '', long]) {
    const file = await receive({ folder: inner, name });
    expect(join(await file.finish('fail'), '..')).toBe(inner);
  }
  expect(await readdir(folder.path)).toEqual(['inner']);
  const names = await readdir(inner);
  expect(names).toHaveLength(6);
  expect(names).toContain(long);
  const hidden = await receive({ folder: inner, name: '.hidden', hidden: true });
  expect(basename(await hidden.finish('fail'))).toBe('.hidden');
});

test.each([
  ['a.txt', 0, 'a.txt'],
  ['a.txt', 1, 'a (1).txt'],
  ['.hidden', 2, '.hidden (2)'],
  [`1. ${'y'.repeat(252)}`, 1, `1. ${'y'.repeat(248)} (1)`],
  [`${'x'.repeat(251)}.txt`, 3, `${'x'.repeat(247)} (3).txt`],
])('%s with number %i', (name, number, expected) => {
  expect(numberedName(name, number)).toBe(expected);
});

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { FileDownload, type FileDownloadOptions } from '../../lib/app/file-download.ts';
import { millis, type Port } from '../../lib/core/brands.ts';
import { leftoverPath, readLeftover } from '../../lib/storage/leftover.ts';
import type * as locks from '../../lib/storage/lock.ts';
import { exists } from '../../lib/storage/naming.ts';
import { Receiver } from '../../lib/udp-reliable/receiver.ts';
import { mountSmallDisk, NO_SMALL_DISK } from '../support/small-disk.ts';
import { patternBytes, TemporaryFolder } from './folders.ts';

const PAYLOAD = 1000;
const COUNT = 10;
const HEADER = 5;
const part = Buffer.concat([Buffer.alloc(HEADER), patternBytes(PAYLOAD)]);

/** What is in the folder at the moment when its lock is given back. */
const atUnlock = vi.hoisted(() => ({ look: async (_lock: string): Promise<void> => undefined }));
vi.mock('../../lib/storage/lock.ts', async (original) => {
  const { lock, ...others } = await original<typeof locks>();
  return {
    ...others,
    lock: async (path: string) => {
      const unlock = await lock(path);
      return async () => {
        await atUnlock.look(path);
        await unlock();
      };
    },
  };
});

afterEach(() => {
  vi.useRealTimers();
});

/** A download of ten parts by the fast profile, and what takes part `seq`. */
async function begin(
  folder: string,
  onError: FileDownloadOptions['onError'] = ({ type }) => {
    throw new Error(type);
  },
) {
  // The timers of notes only ring when a test lets them.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const receiver = new Receiver(COUNT, millis(0), {
    id: 'abc',
    port: 1 as Port,
    key: 1,
    size: COUNT * PAYLOAD,
    payload: PAYLOAD,
    have: [],
    proceed: false,
  });
  const download = await FileDownload.open({
    folder,
    file: 'f',
    receiver,
    barPlace: undefined,
    onError,
  });
  const take = (seq: number): void => {
    expect(download.write(seq, part, HEADER)).toBe(true);
    receiver.accept(seq);
  };
  return { download, receiver, take, path: join(folder, 'f.part') };
}

/** Waits for the note of the first `count` parts, however long that takes. */
async function noted(path: string, count: number): Promise<void> {
  const wanted = JSON.stringify([[0, count * PAYLOAD]]);
  while (JSON.stringify((await readLeftover(path))?.ranges) !== wanted) await turn();
}

test('of a disk that is full it is not said that all that came is kept', async (ctx) => {
  await using folder = await TemporaryFolder.create();
  await using disk = await mountSmallDisk(folder.path, 2 * 4096);
  if (disk === undefined) return ctx.skip(NO_SMALL_DISK);
  const { download, take, path } = await begin(folder.path, () => undefined);
  for (let seq = 0; seq < COUNT; seq += 1) take(seq);
  const said = await download.keep();
  expect(said).toBe(`What could be written of it is in ${path}; 10 of 10 parts, 10.0 kB had come.`);
  expect((await stat(path)).size).toBeLessThan(COUNT * PAYLOAD);
});

test('what has come is noted when the user is asked at 50 %, before he answers', async () => {
  await using folder = await TemporaryFolder.create();
  const { download, receiver, take, path } = await begin(folder.path);
  for (let seq = 0; seq < COUNT / 2; seq += 1) take(seq);
  expect(receiver.phase).toBe('asking');
  download.pause();
  await noted(path, 5);
  await download.keep();
});

test('what has come is noted within a second, though nothing more comes and no block is full', async () => {
  await using folder = await TemporaryFolder.create();
  const { download, take, path } = await begin(folder.path);
  take(0);
  vi.advanceTimersByTime(999);
  expect(await exists(leftoverPath(path))).toBe(false);
  vi.advanceTimersByTime(1);
  await noted(path, 1);
  take(1);
  vi.advanceTimersByTime(1000);
  await noted(path, 2);
  // With nothing new there is nothing to note.
  expect(vi.getTimerCount()).toBe(0);
  await download.keep();
});

test('when it has ended, no note follows', async () => {
  await using folder = await TemporaryFolder.create();
  const { download, take } = await begin(folder.path);
  for (let seq = 0; seq < COUNT; seq += 1) take(seq);
  download.endProgress();
  await download.partial.finish('f', { overwrite: false });
  vi.advanceTimersByTime(10_000);
  for (let turns = 0; turns < 100; turns += 1) await turn();
  expect(await readdir(folder.path)).toEqual(['f']);
});

test.each([
  ['what is discarded', 3, (download: FileDownload) => download.discard()],
  ['a download of which nothing came', 0, (download: FileDownload) => download.keep()],
])('%s is gone before another attempt may begin', async (_name, parts, end) => {
  await using folder = await TemporaryFolder.create();
  const { download, take } = await begin(folder.path);
  for (let seq = 0; seq < parts; seq += 1) take(seq);
  download.pause();
  const seen: string[][] = [];
  atUnlock.look = async () => void seen.push(await readdir(folder.path));
  await end(download);
  expect(seen).toEqual([['f.part.lock']]);
  expect(vi.getTimerCount()).toBe(0);
  expect(await readdir(folder.path)).toEqual([]);
});

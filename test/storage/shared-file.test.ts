import { execFile } from 'node:child_process';
import {
  appendFile,
  mkdir,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { SharedFile, SharedFolder } from '../../lib/storage/shared-folder.ts';
import { someBytes, writeOldFile } from '../support/server-under-test.ts';
import { TemporaryFolder } from './folder.ts';

const BYTES = someBytes(10_000);

/** Other bytes, as many as before, and the time of the file is what it was. */
async function rewriteUnseen(path: string): Promise<void> {
  const before = await stat(path, { bigint: true });
  // The clock of files is coarse: until it has gone on, no change can be seen by it.
  do {
    await writeFile(path, someBytes(Number(before.size), 2));
    await utimes(path, before.atime, before.mtime);
  } while ((await stat(path, { bigint: true })).ctimeNs === before.ctimeNs);
}

async function open(path: string): Promise<SharedFile> {
  const file = await SharedFile.open(path);
  if (file === undefined) throw new Error(`${path} is no file`);
  return file;
}

test('knows its size and its last byte', async () => {
  await using folder = await TemporaryFolder.make();
  const path = join(folder.path, 'f');
  for (const [content, lastByte] of [
    ['', undefined],
    ['\0', 0],
    ['ab', 98],
    [Buffer.of(1, 255), 255],
  ] as const) {
    await writeFile(path, content);
    const file = await open(path);
    expect([file.size, file.lastByte]).toEqual([content.length, lastByte]);
    await file.close();
  }
});

test('reads into several buffers, from a place on', async () => {
  await using folder = await TemporaryFolder.make();
  await writeFile(join(folder.path, 'f'), BYTES);
  const file = await open(join(folder.path, 'f'));
  const buffers = [Buffer.alloc(100), Buffer.alloc(1), Buffer.alloc(2043)];
  expect(await file.read(buffers, 4000)).toBe(2144);
  expect(Buffer.concat(buffers).equals(BYTES.subarray(4000, 6144))).toBe(true);
  // Beyond the end there is less, or nothing.
  expect(await file.read([Buffer.alloc(500)], 9900)).toBe(100);
  expect(await file.read([Buffer.alloc(500)], 10_000)).toBe(0);
  expect(await file.isUnchanged()).toBe(true);
  await file.close();
});

describe('is changed', () => {
  const CHANGES: Record<string, (path: string) => Promise<unknown>> = {
    'when it grew': (path) => appendFile(path, 'x'),
    'when it was cut short': (path) => truncate(path, 9999),
    'when it was written anew with as many bytes': (path) => writeFile(path, someBytes(10_000, 2)),
    'when another file took its name': async (path) => {
      await writeOldFile(`${path}.new`, BYTES);
      await rename(`${path}.new`, path);
    },
    'when it is gone': (path) => rm(path),
    'when its folder is gone': (path) => rm(join(path, '..'), { recursive: true }),
    'when a link to it took its name': async (path) => {
      await rename(path, `${path}.old`);
      await symlink('f.old', path);
    },
    'when it was written anew and its time set back': rewriteUnseen,
    'when it was touched': (path) => utimes(path, 1_700_000_000, 1_700_000_000),
  };

  test.each(Object.entries(CHANGES))('%s', async (_name, change) => {
    await using folder = await TemporaryFolder.make();
    await mkdir(join(folder.path, 'inner'));
    const path = join(folder.path, 'inner', 'f');
    await writeOldFile(path, BYTES);
    const file = await open(path);
    try {
      expect(await file.isUnchanged()).toBe(true);
      await change(path);
      expect(await file.isUnchanged()).toBe(false);
    } finally {
      await file.close();
    }
  });
});

test('has another id and another hash when it was written anew and its time set back', async () => {
  await using folder = await TemporaryFolder.make();
  const path = join(folder.path, 'f');
  await writeOldFile(path, BYTES);
  const shared = new SharedFolder(folder.path);
  const seen: string[] = [];
  for (let turn = 0; turn < 2; turn += 1) {
    const file = await shared.open('f');
    seen.push(file?.id ?? '', (await file?.sha256()) ?? '');
    await file?.close();
    await rewriteUnseen(path);
  }
  expect(new Set(seen).size).toBe(4);
});

test('is still the old one for who has it open when another took its name', async () => {
  await using folder = await TemporaryFolder.make();
  const path = join(folder.path, 'f');
  await writeFile(path, BYTES);
  const file = await open(path);
  await writeFile(`${path}.new`, someBytes(10_000, 2));
  await rename(`${path}.new`, path);
  const buffer = Buffer.alloc(10_000);
  expect(await file.read([buffer], 0)).toBe(10_000);
  expect(buffer.equals(BYTES)).toBe(true);
  await file.close();
});

test('a link is not followed', async () => {
  await using folder = await TemporaryFolder.make();
  await writeFile(join(folder.path, 'f'), BYTES);
  await symlink('f', join(folder.path, 'link'));
  await expect(SharedFile.open(join(folder.path, 'link'))).rejects.toMatchObject({ code: 'ELOOP' });
});

test('a folder and a pipe are no files, and are not kept open', async (ctx) => {
  await using folder = await TemporaryFolder.make();
  await mkdir(join(folder.path, 'sub'));
  const openBefore = await countOpen();
  expect(await SharedFile.open(join(folder.path, 'sub'))).toBeUndefined();
  try {
    await promisify(execFile)('mkfifo', [join(folder.path, 'pipe')]);
  } catch {
    ctx.skip('needs mkfifo');
  }
  expect(await SharedFile.open(join(folder.path, 'pipe'))).toBeUndefined();
  expect(await countOpen()).toBeLessThanOrEqual(openBefore);
});

/** Open descriptors; 0 where the system does not show them. */
async function countOpen(): Promise<number> {
  return (await readdir('/proc/self/fd').catch(() => [])).length;
}

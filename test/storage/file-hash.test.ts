import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FileHash } from '../../lib/storage/file-hash.ts';
import { someBytes } from '../support/server-under-test.ts';
import { TemporaryFolder } from './folder.ts';

test('a hash that two drop at once is dropped for both', async () => {
  await using folder = await TemporaryFolder.make();
  const path = join(folder.path, 'f');
  await writeFile(path, someBytes(4_000_000));
  const file = await open(path);
  try {
    const hash = new FileHash(file.fd);
    const wanted = hash.finish(4_000_000);
    const drops = Promise.all([hash.drop(), hash.drop()]);
    await Promise.allSettled([wanted]);
    expect(await drops).toEqual([undefined, undefined]);
  } finally {
    await file.close();
  }
});

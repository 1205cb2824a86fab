import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { TransferRecord } from '../../lib/relay/transfer.ts';
import { TransferStore } from '../../lib/storage/transfer-store.ts';
import { mountSmallDisk, NO_SMALL_DISK } from '../support/small-disk.ts';
import { TemporaryFolder } from './folder.ts';

const DISK_BYTES = 8_388_608;

function recordOf(id: string, changes: Partial<TransferRecord> = {}): TransferRecord {
  const reader = { user: 'bob', keyHash: 'x'.repeat(100), read: 0, done: false };
  return {
    ...{ id, file: 'f', size: 10, sender: { user: 'alice', keyHash: 'h' }, port: 1 },
    ...{ readers: Array.from({ length: 100 }, () => reader), created: 0, stored: 0, begun: true },
    ...changes,
  };
}

async function begin(store: TransferStore): Promise<TransferRecord> {
  const id = store.newId();
  await store.reserve(id, 10);
  const record = recordOf(id);
  await store.save(record, { safe: true });
  return record;
}

function inOrder(records: readonly TransferRecord[]): TransferRecord[] {
  return [...records].sort((a, b) => a.id.localeCompare(b.id));
}

/** What a server would find that was started after a `kill -9` at this moment. */
async function foundAfterKill(folder: string, copy: string): Promise<readonly TransferRecord[]> {
  await cp(folder, copy, { recursive: true });
  const store = await TransferStore.open({ folder: copy, quota: 1e9 });
  await store.close();
  return inOrder(store.found);
}

test('what was saved last counts, however many save at once', async () => {
  await using folder = await TemporaryFolder.make();
  const store = await TransferStore.open({ folder: join(folder.path, 'a'), quota: 1e9 });
  const one = await begin(store);
  const two = await begin(store);
  const saving = Array.from({ length: 50 }, (_, stored) =>
    store.save({ ...one, stored }, { safe: stored === 3 }),
  );
  saving.push(store.remove(two.id), store.save(two, { safe: true }));
  await Promise.all(saving);
  const found = await foundAfterKill(join(folder.path, 'a'), join(folder.path, 'b'));
  expect(found).toEqual([{ ...one, stored: 49 }]);
  await store.close();
});

test('after a full disk everything that is acknowledged is there again', async (ctx) => {
  await using folder = await TemporaryFolder.make();
  await using copy = await TemporaryFolder.make();
  await using disk = await mountSmallDisk(folder.path, DISK_BYTES);
  if (disk === undefined) return ctx.skip(NO_SMALL_DISK);
  const place = join(folder.path, 'store');
  const store = await TransferStore.open({ folder: place, quota: 1e9 });
  const records = [await begin(store), await begin(store)];
  const filler = join(folder.path, 'filler');
  await expect(writeFile(filler, Buffer.alloc(DISK_BYTES))).rejects.toThrow('ENOSPC');
  let stored = 0;
  const saveAll = async (): Promise<void> => {
    stored += 1;
    for (const [at, record] of records.entries()) {
      const changed = { ...record, stored };
      await store.save(changed, { safe: true });
      records[at] = changed;
    }
  };
  const failing = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn += 1) await saveAll();
  };
  await expect(failing()).rejects.toThrow();
  await rm(filler);
  for (let turn = 0; turn < 5; turn += 1) await saveAll();
  records.push(await begin(store));
  expect(await foundAfterKill(place, join(copy.path, 'copy'))).toEqual(inOrder(records));
  await store.close();
});

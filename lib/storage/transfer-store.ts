import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { systemCode } from '../core/errors.ts';
import type { TransferRecord } from '../relay/transfer.ts';
import { BlockPool } from './block-pool.ts';
import { StoredFile } from './stored-file.ts';

/** Memory for what is sent: 40 MiB. */
const POOL_BLOCKS = 160;
/** Of what is free at the start, if nothing else is said. */
const QUOTA_OF_FREE = 0.9;
/** What a name of a stored file looks like; anything else in the folder is not ours. */
const ID = /^\d{8}T\d{9}-[0-9a-f]{12}$/;

export interface TransferStoreOptions {
  readonly folder: string;
  /** Bytes that all files together may have. */
  readonly quota?: number | undefined;
}

/** The files that a relay server keeps, and an index of them that survives it. */
export class TransferStore {
  readonly #index: ClassicLevel<string, TransferRecord>;
  readonly #files: string;
  readonly #pool = new BlockPool(POOL_BLOCKS);
  /** Bytes that each transfer may come to have. */
  readonly #reserved = new Map<string, number>();
  #turn: Promise<void> = Promise.resolve();
  readonly quota: number;
  /** The transfers that were there at the start. */
  readonly found: readonly TransferRecord[];

  private constructor(
    index: ClassicLevel<string, TransferRecord>,
    files: string,
    quota: number,
    found: readonly TransferRecord[],
  ) {
    this.#index = index;
    this.#files = files;
    this.quota = quota;
    this.found = found;
    for (const { id, size } of found) this.#reserved.set(id, size);
  }

  /** @throws Error when another server uses the folder, or it cannot be written to. */
  static async open({ folder, quota }: TransferStoreOptions): Promise<TransferStore> {
    const files = join(folder, 'files');
    await mkdir(files, { recursive: true });
    const index = new ClassicLevel<string, TransferRecord>(join(folder, 'index'), {
      valueEncoding: 'json',
    });
    await index.open().catch((error: Error) => {
      const why = error.cause instanceof Error ? error.cause : error;
      throw systemCode(why) === 'LEVEL_LOCKED'
        ? new Error('another server uses it')
        : new Error(why.message);
    });
    try {
      const found = await index.values().all();
      await removeOthers(files, new Set(found.map(({ id }) => id)));
      const free = await freeBytes(files);
      const stored = found.reduce((sum, record) => sum + record.stored, 0);
      const limit = quota ?? Math.floor(free * QUOTA_OF_FREE) + stored;
      return new TransferStore(index, files, limit, found);
    } catch (error) {
      await index.close();
      throw error;
    }
  }

  /** The document's "id+timestamp", without what a peer has said: it becomes a path. */
  newId(): string {
    const time = new Date().toISOString().replaceAll(/[-:.Z]/g, '');
    return `${time}-${randomBytes(6).toString('hex')}`;
  }

  /** @throws Error that says why there is no room for so many bytes. */
  async reserve(id: string, size: number): Promise<void> {
    const reserved = [...this.#reserved.values()].reduce((sum, bytes) => sum + bytes, 0);
    if (reserved + size > this.quota) throw new Error('no room for that many bytes');
    // At once: while the disk is asked, another one may come.
    this.#reserved.set(id, size);
    if ((await freeBytes(this.#files)) < size) {
      this.#reserved.delete(id);
      throw new Error('the disk has no room for that many bytes');
    }
  }

  openFile({ id, stored }: TransferRecord): Promise<StoredFile> {
    return StoredFile.open(join(this.#files, id), stored, this.#pool);
  }

  /** @param options `safe`: on the disk before this resolves, even if the power fails. */
  async save(record: TransferRecord, options: { readonly safe: boolean }): Promise<void> {
    await this.#inTurn(async () => {
      // It may be over by now.
      if (!this.#reserved.has(record.id)) return;
      await this.#index.put(record.id, record, { sync: options.safe });
    });
  }

  async remove(id: string): Promise<void> {
    this.#reserved.delete(id);
    await this.#inTurn(() => this.#index.del(id));
    await rm(join(this.#files, id), { force: true });
  }

  /** What is noted later must not be overtaken by what was noted before. */
  #inTurn(step: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(step);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async close(): Promise<void> {
    await this.#turn;
    await this.#index.close();
  }
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Files that no transfer knows: the server ended between making one and noting it. */
async function removeOthers(folder: string, known: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder)) {
    if (ID.test(name) && !known.has(name)) await rm(join(folder, name), { force: true });
  }
}

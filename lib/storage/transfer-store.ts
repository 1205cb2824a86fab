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
/** Each takes a port and a place in the index. */
const MOST_TRANSFERS = 1000;
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
  /** What the index is to have. */
  readonly #records = new Map<string, TransferRecord>();
  /** Which of them it does not have yet, as they are now, or still has. */
  readonly #changed = new Set<string>();
  /** What has changed must be on the disk when it is written. */
  #safe = false;
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  /** Something could not be written: what is written behind it may be lost. */
  #broken = false;
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
    for (const record of found) {
      this.#reserved.set(record.id, record.size);
      this.#records.set(record.id, record);
    }
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
    if (this.#reserved.size >= MOST_TRANSFERS) throw new Error('too many transfers are going on');
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
    // It may be over by now.
    if (!this.#reserved.has(record.id)) return;
    this.#records.set(record.id, record);
    this.#safe ||= options.safe;
    await this.#note(record.id);
  }

  async remove(id: string): Promise<void> {
    this.#reserved.delete(id);
    this.#records.delete(id);
    try {
      await this.#note(id);
    } finally {
      await rm(join(this.#files, id), { force: true });
    }
  }

  async close(): Promise<void> {
    await this.#next?.catch(() => undefined);
    await this.#writing;
    await this.#index.close();
  }

  /** All that changes while something is being written goes into the index together. */
  #note(id: string): Promise<void> {
    this.#changed.add(id);
    this.#next ??= this.#writing.then(() => this.#writeChanged());
    return this.#next;
  }

  #writeChanged(): Promise<void> {
    const ids = [...this.#changed];
    const safe = this.#safe;
    this.#changed.clear();
    this.#safe = false;
    this.#next = undefined;
    const written = this.#write(ids, safe);
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async #write(ids: readonly string[], safe: boolean): Promise<void> {
    if (!this.#broken) {
      try {
        await this.#put(ids, safe);
        return;
      } catch {
        this.#broken = true;
      }
    }
    await this.#index.close();
    await this.#index.open();
    const known = await this.#index.keys().all();
    await this.#put([...new Set([...known, ...this.#records.keys()])], true);
    this.#broken = false;
  }

  #put(ids: readonly string[], safe: boolean): Promise<void> {
    const changes = ids.map((key) => {
      const value = this.#records.get(key);
      return value === undefined
        ? ({ type: 'del', key } as const)
        : ({ type: 'put', key, value } as const);
    });
    return this.#index.batch(changes, { sync: safe });
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

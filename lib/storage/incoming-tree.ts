import { accessSync, constants } from 'node:fs';
import { lstat, mkdir, open, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemCode } from '../core/errors.ts';
import { FileHash } from './file-hash.ts';
import { IncomingFile, type OnConflict } from './incoming-file.ts';
import { numberedName } from './naming.ts';
import { LONGEST_NAME_BYTES, safeName } from './safe-name.ts';
import { storeSmallFile } from './small-file.ts';

/** Who has sent a part is not known; whoever goes on with it has it checked. */
const NOTE = 'tree';
/** A new file up to this size is kept in memory until it is whole. */
const SMALL_BYTES = 65_536;

/** What happens to a file whose name is taken. */
export const FILE_POLICIES = ['rename', 'overwrite', 'skip', 'resume'] as const;
export type FilePolicy = (typeof FILE_POLICIES)[number];
/** What happens to a folder whose name is taken. */
export const FOLDER_POLICIES = ['merge', 'skip', 'rename'] as const;
export type FolderPolicy = (typeof FOLDER_POLICIES)[number];

export interface IncomingTreeOptions {
  /** Everything goes here; made if need be. */
  readonly folder: string;
  readonly onConflict: FilePolicy;
  readonly onFolderConflict: FolderPolicy;
}

/** What is here of a file already. */
export interface Present {
  readonly offset: number;
  /** Of these bytes, in hex. */
  readonly sha256: string;
  /** It is a whole file, to which nothing is added. */
  readonly whole: boolean;
}

/** What a beginning has led to. */
export type Begun =
  | { readonly type: 'begun' }
  | { readonly type: 'present'; readonly present: Present }
  | { readonly type: 'skipped' };

/** A file whose first bytes are not decided upon yet, or that is here already. */
interface Undecided {
  readonly name: string;
  readonly kept: IncomingFile | undefined;
  /** Where the whole file is. */
  readonly path: string | undefined;
}

/** What came of a new file that may turn out to be small. */
interface Small {
  readonly name: string;
  readonly chunks: Uint8Array[];
  bytes: number;
}

/**
 * Files and folders that come one after the other, under names that a peer has chosen: none leads
 * out of the folder, through a link or not. One that begins with a dot is kept within folders only.
 */
export class IncomingTree {
  readonly #options: IncomingTreeOptions;
  /** The folders that have begun, from the outermost on. */
  readonly #folders: string[] = [];
  /** Files that have come, where others are replaced: what comes later does not replace them. */
  readonly #stored = new Set<string>();
  /** The folders that have come, each with its name as it came. */
  readonly #known = new Map<string, string>();
  #small: Small | undefined;
  #file: IncomingFile | undefined;
  #undecided: Undecided | undefined;
  #hashing: FileHash | undefined;
  /** The file that is here already, when that is what the sender has, too. */
  #whole: string | undefined;
  #onConflict: OnConflict = 'rename';

  constructor(options: IncomingTreeOptions) {
    this.#options = options;
  }

  /** Where what comes next goes. */
  get folder(): string {
    return this.#folders.at(-1) ?? this.#options.folder;
  }

  /** @throws as {@link IncomingFile.open}; of a new file, as soon as it has more than 64 KiB. */
  async beginFile(name: string): Promise<Begun> {
    const { onConflict } = this.#options;
    const path = join(this.folder, this.#safe(name));
    await this.abandonFile(true);
    this.#onConflict = 'rename';
    if (onConflict === 'skip' && (await this.#isTaken(path))) return { type: 'skipped' };
    if (onConflict === 'resume') return this.#look(name, path);
    if (onConflict === 'overwrite' && (await this.#isReplaceable(path))) {
      this.#onConflict = 'overwrite';
      this.#file = await this.#open(name);
    } else if (!isWritable(this.folder)) this.#file = await this.#open(name);
    else this.#small = { name, chunks: [], bytes: 0 };
    return { type: 'begun' };
  }

  /** What was present is to be taken for the beginning. */
  goOn(): void {
    this.#file = this.#undecided?.kept;
    this.#whole = this.#undecided?.path;
    this.#undecided = undefined;
  }

  /** @throws as {@link IncomingFile.write}; then nothing is left of the file. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#undecided !== undefined) await this.#beginAnew(this.#undecided);
    const small = this.#small;
    if (small !== undefined && small.bytes + bytes.length <= SMALL_BYTES) {
      small.chunks.push(bytes);
      small.bytes += bytes.length;
      return;
    }
    try {
      if (small !== undefined) await this.#openFor(small);
      if (this.#file === undefined) throw new Error('no file has begun');
      await this.#file.write(bytes);
    } catch (error) {
      await this.abandonFile(true);
      throw error;
    }
  }

  /** The file is whole. @returns its path. @throws when it cannot be; nothing is left then. */
  async endFile(): Promise<string> {
    const whole = this.#whole;
    this.#whole = undefined;
    if (whole !== undefined) return whole;
    if (this.#undecided !== undefined) await this.#beginAnew(this.#undecided);
    const small = this.#small;
    try {
      if (small !== undefined) {
        const name = this.#safe(small.name);
        const path = storeSmallFile(this.folder, name, Buffer.concat(small.chunks));
        if (path === undefined) await this.#openFor(small);
        else {
          this.#small = undefined;
          this.#note(path);
          return path;
        }
      }
      if (this.#file === undefined) throw new Error('no file has begun');
      const path = await this.#file.finish(this.#onConflict);
      this.#file = undefined;
      this.#note(path);
      return path;
    } catch (error) {
      await this.abandonFile(true);
      throw error;
    }
  }

  async beginFolder(name: string): Promise<Begun> {
    const safe = this.#safe(name);
    await mkdir(this.#options.folder, { recursive: true });
    for (let number = 0; ; number += 1) {
      const path = join(this.folder, numberedName(safe, number));
      if (await isMade(path)) {
        this.#known.set(path, name);
        this.#folders.push(path);
        return { type: 'begun' };
      }
      const { onFolderConflict } = this.#options;
      if (onFolderConflict === 'skip') return { type: 'skipped' };
      // A link may lead anywhere, and a name in other letters is another folder's.
      const isMine = (await lstat(path)).isDirectory() && (await isSpelledSo(path));
      // Two names may have become the same.
      const isSame = (this.#known.get(path) ?? name) === name;
      if (onFolderConflict === 'merge' && isMine && isSame) {
        this.#known.set(path, name);
        this.#folders.push(path);
        return { type: 'begun' };
      }
    }
  }

  endFolder(): void {
    this.#folders.pop();
  }

  /** Nobody waits for what is being hashed any more. */
  cancel(): void {
    this.#undecided?.kept?.cancelHash();
    void this.#hashing?.drop();
  }

  /** No more of the file will come. @param keep what came, for another attempt. */
  async abandonFile(keep: boolean): Promise<void> {
    const file = this.#file ?? this.#undecided?.kept;
    this.#small = undefined;
    this.#file = undefined;
    this.#undecided = undefined;
    this.#whole = undefined;
    // Why the rest could not be written was told before.
    if (keep && this.#options.onConflict === 'resume') await file?.keep().catch(() => undefined);
    else await file?.discard();
  }

  #note(path: string): void {
    if (this.#options.onConflict === 'overwrite') this.#stored.add(path);
  }

  #safe(name: string): string {
    return safeName(name, { maxBytes: LONGEST_NAME_BYTES, hidden: this.#isInFolder });
  }

  get #isInFolder(): boolean {
    return this.#folders.length > 0;
  }

  #open(name: string, offset: 'resume' | 0 = 0): Promise<IncomingFile> {
    const folder = this.folder;
    return IncomingFile.open({ folder, name, note: NOTE, hidden: this.#isInFolder, offset });
  }

  /** It is not small, or cannot be stored as such. */
  async #openFor({ name, chunks }: Small): Promise<void> {
    this.#small = undefined;
    this.#file = await this.#open(name);
    for (const chunk of chunks) await this.#file.write(chunk);
  }

  /** Looks what is here of a file: a part of it, or a whole one. */
  async #look(name: string, path: string): Promise<Begun> {
    if ((await IncomingFile.kept(this.folder, name, NOTE)) > 0) {
      const kept = await this.#open(name, 'resume');
      this.#undecided = { name, kept, path: undefined };
      if (kept.offset > 0) {
        try {
          const present = { offset: kept.offset, sha256: await kept.digest(), whole: false };
          return { type: 'present', present };
        } catch (error) {
          await this.abandonFile(true);
          throw error;
        }
      }
      this.goOn();
      return { type: 'begun' };
    }
    const present = (await this.#isTaken(path)) ? await this.#describeWhole(path) : undefined;
    if (present !== undefined) {
      this.#undecided = { name, kept: undefined, path };
      return { type: 'present', present };
    }
    this.#file = await this.#open(name);
    return { type: 'begun' };
  }

  /** `undefined` for anything but a file that can be read. */
  async #describeWhole(path: string): Promise<Present | undefined> {
    const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
    const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(() => undefined);
    if (handle === undefined) return undefined;
    try {
      const found = await handle.stat();
      if (!found.isFile()) return undefined;
      this.#hashing = new FileHash(handle.fd);
      const sha256 = await this.#hashing.finish(found.size);
      return { offset: found.size, sha256, whole: true };
    } finally {
      await this.#hashing?.drop();
      await handle.close();
    }
  }

  /** The sender begins at the beginning, whatever is here. */
  async #beginAnew({ name, kept }: Undecided): Promise<void> {
    this.#undecided = undefined;
    await kept?.discard();
    this.#file = await this.#open(name);
  }

  async #isTaken(path: string): Promise<boolean> {
    try {
      await lstat(path);
      return true;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  /** Whether a file of exactly that name is there (or a link, which is replaced itself). */
  async #isReplaceable(path: string): Promise<boolean> {
    if (this.#stored.has(path) || !(await this.#isTaken(path))) return false;
    const found = await lstat(path);
    return found.isSymbolicLink() || (found.isFile() && (await isSpelledSo(path)));
  }
}

/** Whether the folder was made just now; `false` when the name is taken. */
async function isMade(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Some file systems do not tell `README` from `readme`: whether what is there is spelled so. */
async function isSpelledSo(path: string): Promise<boolean> {
  const wanted = basename(path).normalize('NFC');
  return (await readdir(dirname(path))).some((name) => name.normalize('NFC') === wanted);
}

/** One that is not there yet can be made. */
function isWritable(folder: string): boolean {
  try {
    // Not waited for: with many small files, a turn of the thread pool costs more than all the rest.
    accessSync(folder, constants.W_OK);
    return true;
  } catch (error) {
    return systemCode(error) === 'ENOENT';
  }
}

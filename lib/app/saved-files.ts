import {
  closeSync,
  constants,
  type Dir,
  type Dirent,
  fstatSync,
  opendirSync,
  openSync,
  readFileSync,
  realpathSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { NOT_HANDED_IN } from './handed-in.ts';

/** Larger than any file that is sent to a client. */
const MAX_SAVED_BYTES = 16 * 2 ** 20;
const LOOK_EVERY_MS = 200;
/** Folders in each other that are looked into. */
const DEEPEST = 4;
/** Files and folders that are looked at, at most. */
const MOST_ENTRIES = 2000;

/** What a client under test has saved in its folder: under a name, perhaps with an ending, perhaps in a folder. */
export class SavedFiles {
  readonly #folder: string;
  /** Where it has saved others: folder and ending. */
  readonly #places = new Map<string, readonly [folder: string, ending: string]>();
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** What is there under exactly that name. */
  read(name: string): Buffer | undefined {
    return readSaved(join(this.#folder, name));
  }

  /**
   * What is there under a name that the client was given.
   * @param name nothing else has it: the document does not say where the file is to be saved
   */
  find(name: string): Buffer | undefined {
    const known = this.read(name) ?? this.#readIn(this.#places.values(), name);
    if (known !== undefined) return known;
    const time = performance.now();
    if (time - this.#lookedAt < LOOK_EVERY_MS) return undefined;
    this.#lookedAt = time;
    return this.#readIn(this.#placesOf(name), name);
  }

  /** Never what is in a folder: the client may put a link in place of it meanwhile. */
  remove(name: string): void {
    try {
      unlinkSync(join(this.#folder, name));
    } catch {
      // There is nothing, or no file; then nothing is saved there.
    }
  }

  #readIn(
    places: Iterable<readonly [folder: string, ending: string]>,
    name: string,
  ): Buffer | undefined {
    for (const [folder, ending] of places) {
      const saved = this.#isWithin(folder) && readSaved(join(this.#folder, folder, name + ending));
      if (!saved) continue;
      this.#places.set(join(folder, ending), [folder, ending]);
      return saved;
    }
    return undefined;
  }

  /** The client may have put a link in place of a folder. */
  #isWithin(folder: string): boolean {
    try {
      const path = realpathSync(join(this.#folder, folder));
      return path === join(realpathSync(this.#folder), folder);
    } catch {
      return false;
    }
  }

  /** Looks for it, and does not follow links. */
  *#placesOf(name: string): Generator<readonly [folder: string, ending: string]> {
    let left = MOST_ENTRIES;
    const folders = [''];
    for (const folder of folders) {
      for (const entry of entriesOf(join(this.#folder, folder))) {
        left -= 1;
        if (left < 0) return;
        if (entry.isFile() && isNamed(entry.name, name)) {
          yield [folder, entry.name.slice(name.length)];
        }
        const isDeep = folder !== '' && folder.split(/[\\/]/).length >= DEEPEST;
        if (!entry.isDirectory() || isDeep || NOT_HANDED_IN.has(entry.name)) continue;
        folders.push(join(folder, entry.name));
      }
    }
  }
}

/** By itself, or with the ending of a file. */
function isNamed(entry: string, name: string): boolean {
  return (
    entry === name || (entry.startsWith(`${name}.`) && /^\.\w{1,8}$/.test(entry.slice(name.length)))
  );
}

/** One after the other: a client may have very many of them. */
function* entriesOf(folder: string): Generator<Dirent> {
  let open: Dir | undefined;
  try {
    open = opendirSync(folder);
    for (let entry = open.readSync(); entry !== null; entry = open.readSync()) yield entry;
  } catch {
    // It is not there any more.
  } finally {
    open?.closeSync();
  }
}

/** What a client has saved; a link or a pipe in its place leads elsewhere, or never ends. */
function readSaved(path: string): Buffer | undefined {
  let fd: number | undefined;
  try {
    // Windows has neither of these flags, nor such links.
    const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const info = fstatSync(fd);
    return info.isFile() && info.size <= MAX_SAVED_BYTES ? readFileSync(fd) : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { UploadFile } from '../net/lanshare-upload.ts';
import { OutgoingFile } from '../storage/outgoing-tree.ts';

/** Hashes that are remembered: one file is often offered to many. */
const MAX_HASHES = 64;

/** The files that an engine offers; each is hashed once, however many are asked to take it. */
export class UploadFiles {
  /** By what tells a file, and a state of it, from others. */
  readonly #hashes = new Map<string, Promise<string>>();

  /** @throws Error that says why it cannot be offered. */
  async open(path: string): Promise<UploadFile> {
    const file = await openFile(path);
    return {
      name: basename(resolve(path)),
      source: { size: file.size, read: (buffer, position) => file.readAt(buffer, position) },
      sha256: () => this.#hashOf(path, file.identity),
      [Symbol.asyncDispose]: () => file.close(),
    };
  }

  #hashOf(path: string, identity: string): Promise<string> {
    const known = this.#hashes.get(identity);
    if (known !== undefined) return known;
    const hash = hashFile(path, identity);
    this.#hashes.set(identity, hash);
    const [oldest] = this.#hashes.keys();
    if (this.#hashes.size > MAX_HASHES && oldest !== undefined) this.#hashes.delete(oldest);
    hash.catch(() => this.#hashes.delete(identity));
    return hash;
  }
}

/** @throws Error when nothing can be put into the folder. */
export async function checkFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() !== true) throw new Error(`${path} is no folder`);
}

async function openFile(path: string): Promise<OutgoingFile> {
  const file = await OutgoingFile.open(path).catch((error: Error) => {
    throw new Error(`${path} cannot be read: ${error.message}`);
  });
  if (file === undefined) throw new Error(`${path} cannot be sent: it is no file`);
  return file;
}

/** Has the file open by itself: whoever wanted the hash first may stop, and others go on. */
async function hashFile(path: string, identity: string): Promise<string> {
  const file = await openFile(path);
  try {
    const hash = await file.digest('sha256');
    if (file.identity !== identity || !file.isUnchanged()) throw new Error(`${path} has changed`);
    return hash;
  } finally {
    await file.close();
  }
}

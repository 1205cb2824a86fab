import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../core/errors.ts';
import { extractedFolder } from './extracted-folder.ts';
import type { Algorithm } from './hash-worker.ts';
import { numberedName, renameWithoutOverwriting } from './naming.ts';
import { cutToBytes, LONGEST_NAME_BYTES, safeName } from './safe-name.ts';

const CHUNK_BYTES = 1_048_576;
const ENDING = '.part';

/**
 * A file that is written in any order, as `NAME.part` until it is whole. What is there already stays: the
 * new one gets another name.
 */
export class ExtractedFile {
  readonly path: string;
  readonly #folder: string;
  readonly #name: string;
  readonly #fd: number;

  /**
   * @param root is made if need be. @param name as it came: it is made safe here, as are the `folders` that
   * it is in, below `root`. @throws errors of the system
   */
  constructor(root: string, name: string, folders: readonly string[] = []) {
    this.#folder = extractedFolder(root, folders);
    this.#name = safeName(name, { maxBytes: LONGEST_NAME_BYTES, hidden: folders.length > 0 });
    const { path, fd } = openFree(this.#folder, this.#name);
    this.path = path;
    this.#fd = fd;
  }

  write(position: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      at += writeSync(this.#fd, bytes, at, bytes.length - at, position + at);
    }
  }

  /** In lower-case hex. */
  digest(algorithm: Algorithm): string {
    const hash = createHash(algorithm);
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let at = 0; ; ) {
      const read = readSync(this.#fd, chunk, 0, chunk.length, at);
      if (read === 0) return hash.digest('hex');
      hash.update(chunk.subarray(0, read));
      at += read;
    }
  }

  /** It is whole: gives it its name. @returns its path */
  async finish(): Promise<string> {
    closeSync(this.#fd);
    for (let number = 0; ; number += 1) {
      const path = join(this.#folder, numberedName(this.#name, number));
      try {
        await renameWithoutOverwriting(this.path, path);
        return path;
      } catch (error) {
        if (systemCode(error) !== 'EEXIST') throw error;
      }
    }
  }

  /** It is not whole, and keeps the name that says so. */
  keep(): void {
    closeSync(this.#fd);
  }
}

function openFree(folder: string, name: string): { readonly path: string; readonly fd: number } {
  for (let number = 0; ; number += 1) {
    const part = cutToBytes(numberedName(name, number), LONGEST_NAME_BYTES - ENDING.length);
    const path = join(folder, `${part}${ENDING}`);
    try {
      return { path, fd: openSync(path, 'wx+') };
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
  }
}

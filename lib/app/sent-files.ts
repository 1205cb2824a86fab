import { basename, resolve } from 'node:path';
import { lookup } from 'mrmime';
import type { OfferedSink } from '../net/intake.ts';
import type { PourSource } from '../net/pour.ts';
import type { FileInfo } from '../sent/messages.ts';
import { IncomingFile } from '../storage/incoming-file.ts';
import { OutgoingFile } from '../storage/outgoing-tree.ts';
import { UserError } from './exit-status.ts';

/** For what has no ending that is known (RFC 2046, section 4.5.1). */
const UNKNOWN_TYPE = 'application/octet-stream';

/** A file of this user that is offered to others. */
export interface OfferedFile extends AsyncDisposable {
  readonly info: FileInfo;
  readonly source: PourSource;
  /** Whether it is still what it was when it was hashed. */
  isUnchanged(): boolean;
}

/** Opens the file and hashes it. @throws UserError when it cannot be offered */
export async function openForOffer(path: string): Promise<OfferedFile> {
  const name = basename(resolve(path));
  const file = await OutgoingFile.open(path).catch((error: Error) => {
    throw new UserError(`${path} cannot be read: ${error.message}`);
  });
  if (file === undefined) throw new UserError(`${path} cannot be sent: it is no file`);
  try {
    const sha256 = await file.digest('sha256');
    const md5 = await file.digest('md5');
    const { size } = file;
    return {
      info: { name, size, type: lookup(name) ?? UNKNOWN_TYPE, md5, sha256 },
      source: { size, read: (buffer, position) => file.readAt(buffer, position) },
      isUnchanged: () => file.isUnchanged(),
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw new UserError(`${path} cannot be read: ${(error as Error).message}`);
  }
}

/** A file that is received: hashed while it comes, under its name when it is what was offered. */
export class ReceivedFile implements OfferedSink {
  readonly #info: FileInfo;
  readonly #folder: string;
  readonly #onProgress: (bytes: number) => void;
  #file: IncomingFile;
  #received: number;
  /** Where it is, once it is whole. */
  path: string | undefined;

  private constructor(
    info: FileInfo,
    folder: string,
    file: IncomingFile,
    onProgress: (bytes: number) => void,
  ) {
    this.#info = info;
    this.#folder = folder;
    this.#file = file;
    this.#received = file.offset;
    this.#onProgress = onProgress;
  }

  /** @throws as {@link IncomingFile.open} */
  static async open(
    folder: string,
    info: FileInfo,
    onProgress: (bytes: number) => void,
  ): Promise<ReceivedFile> {
    const file = await openPart(folder, info, 'resume');
    return new ReceivedFile(info, folder, file, onProgress);
  }

  get offset(): number {
    return this.#file.offset;
  }

  async beginAnew(): Promise<void> {
    await this.#file.discard();
    this.#file = await openPart(this.#folder, this.#info, 0);
    this.#received = 0;
  }

  async write(chunk: Buffer): Promise<void> {
    await this.#file.write(chunk);
    this.#received += chunk.length;
    this.#onProgress(this.#received);
  }

  async finish(): Promise<string | undefined> {
    const [algorithm, wanted] = checkOf(this.#info);
    if ((await this.#file.digest(algorithm)) !== wanted) {
      await this.#file.discard();
      return 'what came is not what was offered: its hash is another one';
    }
    this.path = await this.#file.finish('rename');
    return undefined;
  }

  async end(): Promise<void> {
    if (this.path === undefined) await this.#file.keep();
  }
}

/** The hash that counts. */
function checkOf({ sha256, md5 }: FileInfo): ['sha256' | 'md5', string] {
  return sha256 === undefined ? ['md5', md5] : ['sha256', sha256];
}

function openPart(folder: string, info: FileInfo, offset: 'resume' | 0): Promise<IncomingFile> {
  const [algorithm, digest] = checkOf(info);
  const { name, size } = info;
  return IncomingFile.open({
    ...{ folder, name, size, offset, hash: algorithm },
    note: `${algorithm} ${digest} ${size}`,
  });
}

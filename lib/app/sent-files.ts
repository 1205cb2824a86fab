import { basename, resolve } from 'node:path';
import { lookup } from 'mrmime';
import type { PourSource } from '../net/pour.ts';
import type { FileInfo } from '../sent/messages.ts';
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

/** Opens the file and hashes it. @throws UserError when it cannot be offered, or `signal` is aborted */
export async function openForOffer(path: string, signal?: AbortSignal): Promise<OfferedFile> {
  const name = basename(resolve(path));
  const file = await OutgoingFile.open(path).catch((error: Error) => {
    throw new UserError(`${path} cannot be read: ${error.message}`);
  });
  if (file === undefined) throw new UserError(`${path} cannot be sent: it is no file`);
  // A large one takes long; without the file there is no hash of it.
  const abort = (): void => void file.close();
  signal?.addEventListener('abort', abort, { once: true });
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
    if (signal?.aborted) throw new UserError('it was stopped');
    throw new UserError(`${path} cannot be read: ${(error as Error).message}`);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

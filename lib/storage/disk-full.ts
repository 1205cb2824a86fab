import { systemCode } from '../core/errors.ts';
import { LockedError } from './lock.ts';

/** There is no room for what is to be written. */
export class DiskFullError extends Error {
  readonly code = 'ENOSPC';

  constructor(options?: ErrorOptions) {
    super('the disk is full', options);
    this.name = 'DiskFullError';
  }
}

/** The same error, or a {@link DiskFullError} if that is what a system call has failed for. */
export function asDiskError(error: unknown): Error {
  const code = systemCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return new DiskFullError({ cause: error });
  return error instanceof Error ? error : new Error(String(error));
}

/** Why something cannot be stored, without a path: for whoever sends it. */
export function describeForPeer(error: unknown): string {
  if (error instanceof DiskFullError) return error.message;
  if (error instanceof LockedError) return 'a file of that name is being received already';
  const code = systemCode(error);
  switch (code) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'it is not allowed to write there';
    case 'ENAMETOOLONG':
      return 'the name, with those of its folders, is too long';
    default:
      return `it cannot be stored${code === undefined ? '' : ` (${code})`}`;
  }
}

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Why a test is left out where {@link mountSmallDisk} finds that it may not. */
export const NO_SMALL_DISK = 'needs root on Linux to mount a small file system';

/**
 * A file system of its own in `folder`, until it is disposed of; `undefined` where one may not be mounted.
 * @param options of a tmpfs. @throws when one might and it fails, so that no test is left out by mistake.
 */
export async function mountSmallDisk(
  folder: string,
  bytes: number,
  ...options: readonly string[]
): Promise<AsyncDisposable | undefined> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
  const all = [`size=${bytes}`, ...options].join(',');
  try {
    await run('mount', ['-t', 'tmpfs', '-o', all, 'wirelab-test', folder]);
  } catch (error) {
    // In a container root may not.
    if (/permission denied|not permitted/.test(String(error))) return undefined;
    throw error;
  }
  return { [Symbol.asyncDispose]: async () => void (await run('umount', [folder])) };
}

import type { Stats } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';

/** Of a disk; many small files take more of it than their bytes. */
const ENTRY_BYTES = 65_536;
const BLOCK_BYTES = 512;

/**
 * What a folder takes of the disk, in bytes, with so much for each entry that their number is limited as well.
 * Follows no links, and counts no further than `most`.
 */
export async function folderSize(folder: string, most = Number.POSITIVE_INFINITY): Promise<number> {
  let size = 0;
  try {
    for await (const entry of await opendir(folder)) {
      const path = join(folder, entry.name);
      size += entry.isDirectory()
        ? ENTRY_BYTES + (await folderSize(path, most - size))
        : ENTRY_BYTES + takenBy(await lstat(path));
      if (size > most) break;
    }
  } catch {
    // It is being changed, or cannot be read: what is there is counted the next time.
  }
  return size;
}

/** A file with holes takes less than its length; Windows does not tell. */
function takenBy({ blocks, size }: Stats): number {
  return blocks === undefined ? size : blocks * BLOCK_BYTES;
}

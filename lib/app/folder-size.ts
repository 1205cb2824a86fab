import { lstat, opendir, stat } from 'node:fs/promises';
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
      size += ENTRY_BYTES;
      size += entry.isDirectory() ? await folderSize(path, most - size) : await fileSize(path);
      if (size > most) break;
    }
  } catch {
    // It is not there any more, or cannot be read.
  }
  return size;
}

/** Without its holes, where the system tells (Windows does not); nothing when it has just gone. */
async function fileSize(path: string): Promise<number> {
  const info = await lstat(path).catch(() => undefined);
  if (info === undefined) return 0;
  return info.blocks === undefined ? info.size : info.blocks * BLOCK_BYTES;
}

/**
 * What files on the disk of `folder` take that have no name any more and are still open: in bytes. Nothing where the
 * system does not tell (it needs /proc). Counts no further than `most`.
 * @param open their paths, see `openFilesOf`; one file may have several
 */
export async function deletedSize(
  folder: string,
  open: Iterable<string>,
  most = Number.POSITIVE_INFINITY,
): Promise<number> {
  const disk = await stat(folder).catch(() => undefined);
  const counted = new Set<number>();
  let size = 0;
  for (const path of open) {
    const info = await stat(path).catch(() => undefined);
    if (info?.isFile() !== true || info.nlink > 0 || info.dev !== disk?.dev) continue;
    if (counted.has(info.ino)) continue;
    counted.add(info.ino);
    size += info.blocks * BLOCK_BYTES;
    if (size > most) break;
  }
  return size;
}

import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { cp, lchown, lstat, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { UsageError, UserError } from './exit-status.ts';
import { NOT_HANDED_IN } from './handed-in.ts';
import type { Owner } from './sandbox.ts';

/** A copy of a submission to run it in, so that nothing of the original is changed. */
export class Workspace implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
    process.once('exit', this.#removeNow);
  }

  /** @throws UsageError when there is no such folder */
  static async copyOf(folder: string): Promise<Workspace> {
    const info = await stat(folder).catch(() => undefined);
    if (!info?.isDirectory()) throw new UsageError(`there is no folder ${folder}`);
    // At once: whenever the process ends, the folder is known.
    const workspace = new Workspace(realpathSync(mkdtempSync(join(tmpdir(), 'wirelab-check-'))));
    try {
      await cp(folder, workspace.path, {
        recursive: true,
        verbatimSymlinks: true,
        filter: async (source) =>
          source === folder || (!NOT_HANDED_IN.has(basename(source)) && (await isOrdinary(source))),
      });
    } catch (error) {
      await workspace[Symbol.asyncDispose]();
      throw new UserError(`${folder} cannot be copied: ${(error as Error).message}`);
    }
    return workspace;
  }

  /** Puts files into a folder of it, in place of what is there. */
  async fill(folder: string, files: Readonly<Record<string, Buffer>>): Promise<void> {
    const path = join(this.path, folder);
    await rm(path, { recursive: true, force: true });
    await mkdir(path, { recursive: true });
    for (const [name, bytes] of Object.entries(files)) await this.write(join(folder, name), bytes);
  }

  /** Writes a file in place of what is there: a link of that name leads nowhere any more. */
  async write(name: string, bytes: Buffer): Promise<void> {
    const path = join(this.path, name);
    await rm(path, { recursive: true, force: true });
    await writeFile(path, bytes, { flag: 'wx' });
  }

  /** Makes it somebody else's, with all that is in it. */
  async giveTo({ uid, gid }: Owner): Promise<void> {
    await lchown(this.path, uid, gid);
    // With their types: otherwise links to folders are followed.
    const entries = await readdir(this.path, { recursive: true, withFileTypes: true });
    for (const { parentPath, name } of entries) await lchown(join(parentPath, name), uid, gid);
  }

  readonly #removeNow = (): void => {
    try {
      rmSync(this.path, { recursive: true, force: true, maxRetries: 3 });
    } catch {
      // What else is to be done at the end must be done.
    }
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true, maxRetries: 3 });
    // Not before: the process may end while it is removed.
    process.off('exit', this.#removeNow);
  }
}

/** Pipes and sockets cannot be copied, and nobody hands them in. */
async function isOrdinary(path: string): Promise<boolean> {
  const info = await lstat(path).catch(() => undefined);
  return info !== undefined && (info.isFile() || info.isDirectory() || info.isSymbolicLink());
}

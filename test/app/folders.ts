import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';

/** An empty folder that is removed at the end. */
export class TemporaryFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** With the given files in it. */
  static async create(files: Readonly<Record<string, string | Uint8Array>> = {}) {
    const folder = new TemporaryFolder(await mkdtemp(join(tmpdir(), 'wirelab-test-')));
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(folder.path, name), content);
    }
    return folder;
  }

  /** Waits until there is something of that name in it. */
  async shows(name: string): Promise<void> {
    while (!(await readdir(this.path)).includes(name)) await turn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Bytes of which no two parts are the same. */
export function patternBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 1) bytes[at] = (at * 31 + (at >>> 8) * 7 + (at >>> 16)) & 255;
  return bytes;
}

import { rm } from 'node:fs/promises';
import { temporaryFolder } from '../support/server-under-test.ts';

/** A folder that is removed with all that is in it at the end of the block. */
export class TemporaryFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<TemporaryFolder> {
    return new TemporaryFolder(await temporaryFolder());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

import type { OfferedSink } from '../net/intake.ts';
import { IncomingFile } from '../storage/incoming-file.ts';

/** What a file that was offered has to be, to be what was offered; one hash, or both, in hex. */
export interface ExpectedFile {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  readonly sha256?: string | undefined;
  readonly md5?: string;
}

/** A file that is received: hashed while it comes, under its name when it is what was offered. */
export class ReceivedFile implements OfferedSink {
  readonly #info: ExpectedFile;
  readonly #folder: string;
  readonly #onProgress: (bytes: number) => void;
  #file: IncomingFile;
  #received: number;
  #doing: Promise<unknown> = Promise.resolve();
  /** Where it is, once it is whole. */
  path: string | undefined;

  private constructor(
    info: ExpectedFile,
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
    info: ExpectedFile,
    onProgress: (bytes: number) => void,
  ): Promise<ReceivedFile> {
    const file = await openPart(folder, info, 'resume');
    return new ReceivedFile(info, folder, file, onProgress);
  }

  get offset(): number {
    return this.#file.offset;
  }

  beginAnew(): Promise<void> {
    return this.#do(async () => {
      await this.#file.discard();
      this.#file = await openPart(this.#folder, this.#info, 0);
      this.#received = 0;
    });
  }

  async write(chunk: Buffer): Promise<void> {
    await this.#file.write(chunk);
    this.#received += chunk.length;
    this.#onProgress(this.#received);
  }

  finish(): Promise<string | undefined> {
    return this.#do(async () => {
      const [algorithm, wanted] = checkOf(this.#info);
      if ((await this.#file.digest(algorithm)) !== wanted) {
        await this.#file.discard();
        return 'what came is not what was offered: its hash is another one';
      }
      this.path = await this.#file.finish('rename');
      return undefined;
    });
  }

  cancel(): void {
    this.#file.cancelHash();
  }

  async end(): Promise<void> {
    await this.#doing;
    if (this.path === undefined) await this.#file.keep();
  }

  /** The end of the file waits for what is being done with it. */
  #do<Result>(act: () => Promise<Result>): Promise<Result> {
    const done = act();
    this.#doing = done.catch(() => undefined);
    return done;
  }
}

/** The hash that counts. */
function checkOf({ sha256, md5 = '' }: ExpectedFile): ['sha256' | 'md5', string] {
  return sha256 === undefined ? ['md5', md5] : ['sha256', sha256];
}

function openPart(folder: string, info: ExpectedFile, offset: 'resume' | 0): Promise<IncomingFile> {
  const [algorithm, digest] = checkOf(info);
  const { name, size } = info;
  return IncomingFile.open({
    ...{ folder, name, size, offset, hash: algorithm },
    note: `${algorithm} ${digest} ${size}`,
  });
}

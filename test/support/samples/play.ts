import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TemporaryFolder } from '../../app/folders.ts';
import { type Finished, type Program, start, WIRELAB } from '../../app/programs.ts';
import { isFree } from '../../app/servers.ts';

const HOST_PORTS = { first: 55_000, last: 55_015 };

/** Some captures of one run of programs. */
export interface Recipe {
  readonly samples: readonly Sample[];
  /** @param at where the capture of that name goes. */
  readonly make: (at: (name: string) => string) => Promise<void>;
}

export interface Sample {
  readonly name: string;
  /** What one sees in it, in a sentence. */
  readonly shows: string;
}

/** Programs in a folder of their own, which is not to be seen in what they say. */
export class Play implements AsyncDisposable {
  readonly #folder: TemporaryFolder;
  readonly #programs: Program[] = [];

  private constructor(folder: TemporaryFolder) {
    this.#folder = folder;
  }

  static async begin(files: Readonly<Record<string, string | Uint8Array>> = {}): Promise<Play> {
    return new Play(await TemporaryFolder.create(files));
  }

  get folder(): string {
    return this.#folder.path;
  }

  async write(path: string, content: string | Uint8Array): Promise<void> {
    const target = join(this.folder, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
  }

  async makeFolder(name: string): Promise<void> {
    await mkdir(join(this.folder, name));
  }

  /** `wirelab` with these arguments. */
  start(...args: readonly string[]): Program {
    const program = start(WIRELAB, args, { cwd: this.folder });
    this.#programs.push(program);
    return program;
  }

  /** The same, until it has ended. @throws Error when it ends with another status. */
  async run(status: number, ...args: readonly string[]): Promise<Finished> {
    const program = this.start(...args);
    program.endInput();
    const finished = await program.exit;
    if (finished.status === status) return finished;
    throw new Error(`${args.join(' ')} ended with ${finished.status}: ${finished.stderr}`);
  }

  /** A classroom server on the first of the document's ports that is free. */
  async serve(host: string, ...flags: readonly string[]): Promise<Server> {
    const port = await freeDocumentPort(host);
    const where = ['--host', host, '--ports', String(port), '--files', '.'];
    const program = this.start('serve', ...where, ...flags);
    await program.waitFor(/listening on TCP ports/);
    return { program, port, stop: () => end(program) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) await program[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}

export interface Server {
  readonly program: Program;
  readonly port: number;
  readonly stop: () => Promise<void>;
}

/** Asks a program to end, and waits until its capture is whole. */
export async function end(program: Program): Promise<void> {
  program.kill('SIGTERM');
  await program.exit;
}

async function freeDocumentPort(host: string): Promise<number> {
  for (let port = HOST_PORTS.first; port <= HOST_PORTS.last; port += 1) {
    if (await isFree(port, host)) return port;
  }
  throw new Error('none of the ports 55000 to 55015 is free');
}

/**
 * A text of so many parts; each says which it is, so that one sees it among the bytes of a packet.
 * @param last bytes of the last part
 */
export function numberedParts(count: number, last = 1000): Buffer {
  const parts = Array.from({ length: count }, (_, seq) => {
    const bytes = Buffer.alloc(seq === count - 1 ? last : PART_BYTES, `${'.'.repeat(63)}\n`);
    bytes.write(`This is part ${seq} of ${count}. `);
    bytes.write('\n', bytes.length - 1);
    return bytes;
  });
  return Buffer.concat(parts);
}

const PART_BYTES = 2043;

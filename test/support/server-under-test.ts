import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Dialect } from '../../lib/commands/codec.ts';
import { randomFrom } from '../../lib/core/random.ts';
import {
  ChatServerDriver,
  type ServedFolder,
  type ServerEvent,
} from '../../lib/net/chat-server-driver.ts';
import { SharedFolder } from '../../lib/storage/shared-folder.ts';

/** A running server with a folder of its own; disposing of it closes the one, removes the other. */
export interface ServerUnderTest extends AsyncDisposable {
  readonly driver: ChatServerDriver;
  /** The first of its ports. */
  readonly port: number;
  /** Where its files are. */
  readonly folder: string;
  /** What it logged so far. */
  readonly events: readonly ServerEvent[];
}

export interface ServerUnderTestOptions {
  readonly files?: Readonly<Record<string, Uint8Array | string>>;
  readonly dialect?: Dialect;
  /** How many ports it listens on; all are the system's choice. */
  readonly ports?: number;
  /** Listens on all addresses of both families, not only on 127.0.0.1. */
  readonly everywhere?: boolean;
  /** Is waited for whenever a file is to be opened. */
  readonly beforeOpen?: () => Promise<void>;
  /** Is waited for before the hash of this file is told. */
  readonly beforeHash?: (name: string) => Promise<void>;
}

export async function startServer(options: ServerUnderTestOptions = {}): Promise<ServerUnderTest> {
  const { files = {}, dialect = 'document', ports = 1 } = options;
  const folder = await temporaryFolder();
  for (const [name, bytes] of Object.entries(files)) await writeOldFile(join(folder, name), bytes);
  const events: ServerEvent[] = [];
  const driver = await ChatServerDriver.start({
    host: options.everywhere === true ? undefined : '127.0.0.1',
    ports: Array.from({ length: ports }, () => 0),
    folder: waitingFolder(new SharedFolder(folder), options),
    room: { dialect },
    onEvent: (event) => events.push(event),
  });
  return {
    driver,
    port: driver.ports[0] ?? 0,
    folder,
    events,
    [Symbol.asyncDispose]: async () => {
      await driver.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function waitingFolder(
  folder: SharedFolder,
  { beforeOpen, beforeHash }: ServerUnderTestOptions,
): ServedFolder {
  return {
    list: () => folder.list(),
    open: async (name) => {
      await beforeOpen?.();
      const file = await folder.open(name);
      if (file === undefined || beforeHash === undefined) return file;
      const hash = file.sha256.bind(file);
      file.sha256 = async () => {
        await beforeHash(name);
        return hash();
      };
      return file;
    },
  };
}

/** A new empty folder; whoever asks for it removes it. */
export function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'wirelab-test-'));
}

/** Writes a file as if long ago, so that a change shows even where clocks of files are coarse. */
export async function writeOldFile(path: string, bytes: Uint8Array | string): Promise<void> {
  await writeFile(path, bytes);
  await utimes(path, 1_600_000_000, 1_600_000_000);
}

/** Bytes that look random, the same at each call. No two parts of them are alike. */
export function someBytes(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at += 4) {
    const word = Math.floor(randomFrom(seed, at) * 2 ** 32);
    for (let byte = 0; byte < 4 && at + byte < size; byte += 1) {
      bytes[at + byte] = (word >>> (8 * byte)) & 0xff;
    }
  }
  return bytes;
}

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parsePorts } from '../lib/app/flags.ts';
import { seededRandom } from '../lib/core/random.ts';

const ROOT = join(import.meta.dirname, '..');

/** Runs a TypeScript file of the project as a process of its own. */
export function start(
  script: string,
  args: readonly string[],
  stdin: 'ignore' | 'pipe' = 'ignore',
): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', join(ROOT, script), ...args], {
    stdio: [stdin, 'pipe', 'pipe'],
    cwd: ROOT,
  });
}

/** Runs a JavaScript file of the project as a process of its own. */
export function startPlain(
  script: string,
  args: readonly string[],
  stdin: 'ignore' | 'pipe' = 'ignore',
): ChildProcess {
  return spawn(process.execPath, [resolve(ROOT, script), ...args], {
    stdio: [stdin, 'pipe', 'pipe'],
  });
}

/** Runs the built `wirelab`, as those who install it have it. */
export function startBuilt(
  args: readonly string[],
  stdin: 'ignore' | 'pipe' = 'ignore',
): ChildProcess {
  return startPlain('dist/cli.js', args, stdin);
}

/** The first line that a process writes. */
export async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no output');
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error('it says nothing');
}

/** Starts a server; resolves with the ports that it listens on. */
export async function startServer(
  args: readonly string[],
): Promise<{ server: ChildProcess; ports: number[] }> {
  const server = startBuilt(['serve', ...args]);
  const [, ports = ''] = await said(server.stderr, /listening on TCP ports (.*)/);
  return { server, ports: parsePorts(ports) };
}

/** What a process says, as soon as it does. */
export async function said(output: Readable | null, words: RegExp): Promise<RegExpExecArray> {
  if (output === null) throw new Error('no output');
  for await (const line of createInterface({ input: output })) {
    const found = words.exec(line);
    if (found === null) continue;
    output.resume();
    return found;
  }
  throw new Error(`it does not say ${words}`);
}

/** Everything that a process writes, once it has ended well. */
export async function outputOf(child: ChildProcess): Promise<string> {
  let output = '';
  let errors = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    errors += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`a process failed with ${code}: ${errors.trim()}`);
  return output;
}

/** The most memory that a process ever held, in MiB; `undefined` where /proc does not tell. */
export async function peakMemory(child: ChildProcess): Promise<number | undefined> {
  try {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
    const kib = /VmHWM:\s+(\d+) kB/.exec(status)?.[1];
    return kib === undefined ? undefined : Number(kib) / 1024;
  } catch {
    return undefined;
  }
}

/** Writes a file of `bytes` bytes in which no two MiB are alike. */
export async function makeFile(path: string, bytes: number): Promise<void> {
  const random = seededRandom(bytes);
  const block = Buffer.from(Uint8Array.from({ length: 2 ** 20 }, () => Math.floor(random() * 256)));
  await pipeline(function* () {
    for (let at = 0; at < bytes; at += block.length) {
      block.writeDoubleBE(at, 0);
      yield Buffer.from(block.subarray(0, Math.min(block.length, bytes - at)));
    }
  }, createWriteStream(path));
}

export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

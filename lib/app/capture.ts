import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { SECTION_HEADER } from '../capture/pcapng.ts';
import { formatBytes } from '../core/text.ts';
import { interfaceOf } from '../net/addresses.ts';
import { recordTo } from '../net/tap.ts';
import { UserError } from './exit-status.ts';
import { parseBytes } from './flags.ts';

/** Bytes of a capture, unless it is said otherwise. */
const LIMIT_BYTES = 2 ** 30;

export interface CaptureFlags {
  readonly capture?: string;
  readonly captureLimit: number;
}

/** The flags by which a program records its own traffic. */
export function withCaptureFlags(command: Command): Command {
  return command
    .option('--capture <file>', 'record what it sends and receives, for Wireshark (pcapng)')
    .addOption(
      new Option('--capture-limit <bytes>', 'most bytes of that file, like 500M')
        .argParser(parseBytes)
        .default(LIMIT_BYTES, '1 GiB'),
    );
}

/** Programs that read captures, and have no traffic of their own. */
const READERS: ReadonlySet<string> = new Set(['chart', 'extract', 'check']);

/** Gives them to every program of `command` that has none of its own; they are obeyed before it begins. */
export function recordPrograms(command: Command): void {
  for (const one of command.commands) recordPrograms(one);
  const isGroup = command.commands.length > 0 && (!command.parent || command.options.length === 0);
  if (READERS.has(command.name())) return;
  if (isGroup || command.options.some(({ long }) => long === '--capture')) return;
  withCaptureFlags(command).hook('preAction', async (_, program) => {
    // Those of a program with others below it are obeyed by those, too.
    if (program !== command) return;
    const { capture, captureLimit } = command.opts<CaptureFlags>();
    if (capture !== undefined) await record(resolve(capture), captureLimit, command.name());
  });
}

/** As flags of another program that is to do it. */
export function captureFlags({ capture, captureLimit }: CaptureFlags): string[] {
  if (capture === undefined) return [];
  const folder = dirname(resolve(capture));
  if (!existsSync(folder)) throw new UserError(`nothing can be recorded: there is no ${folder}`);
  return ['--capture', resolve(capture), '--capture-limit', String(captureLimit)];
}

async function record(path: string, limit: number, program: string): Promise<void> {
  // Whoever records nothing does not wait for it.
  const { Recorder } = await import('../capture/recorder.ts');
  const options = {
    ...{ path, limit, interfaceOf, application: `wirelab ${program}` },
    onStopped: (reason: string) => {
      recordTo(undefined);
      process.stderr.write(`No more is recorded in ${path} (${formatBytes(limit)}): ${reason}.\n`);
    },
  };
  try {
    if (!isCaptureOrFree(path)) throw new Error(`${path} is there, and no capture`);
    const recorder = new Recorder(options);
    recordTo(recorder);
    process.once('exit', () => recorder.close());
  } catch (error) {
    throw new UserError(`nothing can be recorded: ${(error as Error).message}`);
  }
}

/** An earlier capture is replaced, and nothing else. */
function isCaptureOrFree(path: string): boolean {
  if (!existsSync(path) || !statSync(path).isFile()) return true;
  const fd = openSync(path, 'r');
  try {
    const start = Buffer.alloc(4);
    return readSync(fd, start) === 0 || start.readUInt32BE(0) === SECTION_HEADER;
  } finally {
    closeSync(fd);
  }
}

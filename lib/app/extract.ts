import { relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { systemCode } from '../core/errors.ts';
import { visible } from '../core/text.ts';
import type { CapturedFile, FileEvent, FileReader } from '../lab/captured-files.ts';
import { ClassroomFiles } from '../lab/classroom-files.ts';
import { IsendFiles } from '../lab/isend-files.ts';
import { LanshareFiles } from '../lab/lanshare-files.ts';
import { RelayFiles } from '../lab/relay-files.ts';
import { SentFiles } from '../lab/sent-files.ts';
import { TcpFiles } from '../lab/tcp-files.ts';
import { ExtractedFile } from '../storage/extracted-file.ts';
import { packetsOf } from './capture-packets.ts';
import { EXIT, UserError } from './exit-status.ts';
import { newCommand } from './flags.ts';

/** `wirelab extract` */
export function extractCommand(): Command {
  return newCommand('extract')
    .description('Write the files that a capture shows, checked for completeness.')
    .argument('<capture>', 'pcapng or pcap, by --capture or by Wireshark, tcpdump, dumpcap')
    .option('--to <folder>', 'where to', '.')
    .action((capture: string, { to }: { to: string }) => extract(capture, resolve(to)));
}

async function extract(capture: string, folder: string): Promise<void> {
  const extraction = new Extraction(folder);
  const readers: readonly FileReader[] = [
    new ClassroomFiles(),
    new TcpFiles([new RelayFiles(), new IsendFiles(), new SentFiles(), new LanshareFiles()]),
  ];
  try {
    for (const packet of packetsOf(capture)) {
      for (const reader of readers) {
        for (const event of reader.push(packet)) await extraction.on(event);
      }
    }
    for (const reader of readers) {
      for (const event of reader.end()) await extraction.on(event);
    }
  } catch (error) {
    // Of the folder: what is wrong with the capture is told there.
    throw systemCode(error) === undefined ? error : new UserError((error as Error).message);
  } finally {
    extraction.close();
  }
  if (extraction.count === 0) throw new UserError(`${capture} shows no file that was transferred`);
  process.exitCode = extraction.isWhole ? EXIT.done : EXIT.failed;
}

/** Writes files as they come out of a capture, and says what has become of each. */
class Extraction {
  count = 0;
  isWhole = true;
  readonly #folder: string;
  readonly #open = new Map<CapturedFile, ExtractedFile>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async on(event: FileEvent): Promise<void> {
    const { file } = event;
    if (event.type === 'bytes') {
      this.#fileOf(file).write(event.position, event.bytes);
      return;
    }
    this.count += 1;
    const problem = this.#problemOf(event);
    if (problem === undefined) {
      const whole = this.#fileOf(file);
      this.#open.delete(file);
      const path = await whole.finish();
      tell(file, `whole, saved as ${shortest(path)}`);
      return;
    }
    this.isWhole = false;
    const part = this.#open.get(file);
    this.#open.delete(file);
    part?.keep();
    tell(file, part === undefined ? problem : `${problem}; kept as ${shortest(part.path)}`);
  }

  /** Keeps what is not done as it is. */
  close(): void {
    for (const file of this.#open.values()) file.keep();
  }

  #fileOf(file: CapturedFile): ExtractedFile {
    const open = this.#open.get(file) ?? new ExtractedFile(this.#folder, file.name, file.folders);
    this.#open.set(file, open);
    return open;
  }

  #problemOf(event: Extract<FileEvent, { type: 'done' }>): string | undefined {
    const { file, missing, failure, digest } = event;
    const why = failure === undefined || missing === undefined ? failure : `(${failure})`;
    if (missing !== undefined)
      return ['not in the capture:', missing, why].filter(Boolean).join(' ');
    if (failure !== undefined) return failure;
    if (digest === undefined) return undefined;
    const { algorithm, hex } = digest;
    return this.#fileOf(file).digest(algorithm) === hex
      ? undefined
      : `it is not the file that was announced: its ${algorithm.toUpperCase()} is another`;
  }
}

function tell({ protocol, name, folders = [], from, to }: CapturedFile, what: string): void {
  const path = [...folders, name].join('/');
  process.stdout.write(`${visible(path)} (${protocol}, ${from} to ${to}): ${what}\n`);
}

/** As seen from here, unless that leads upwards. */
function shortest(path: string): string {
  const fromHere = relative('', path);
  return fromHere.startsWith('..') ? path : fromHere;
}

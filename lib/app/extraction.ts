import { relative } from 'node:path';
import { systemCode } from '../core/errors.ts';
import { visible } from '../core/text.ts';
import { filesOf } from '../lab/all-files.ts';
import type { CapturedFile, FileEvent } from '../lab/captured-files.ts';
import { ExtractedFile } from '../storage/extracted-file.ts';
import { packetsOf } from './capture-packets.ts';
import { UserError } from './exit-status.ts';

/**
 * Writes the files that a capture shows into `folder`.
 * @param print is given a line for each: what has become of it.
 * @returns whether all that were transferred are whole. @throws UserError when there are none, or it cannot be done.
 */
export async function extractFiles(
  capture: string,
  folder: string,
  print: (line: string) => void,
): Promise<boolean> {
  const extraction = new Extraction(folder, print);
  try {
    for (const event of filesOf(packetsOf(capture))) await extraction.on(event);
  } catch (error) {
    // Of the folder: what is wrong with the capture is told there.
    throw systemCode(error) === undefined ? error : new UserError((error as Error).message);
  } finally {
    extraction.close();
  }
  if (extraction.count === 0) throw new UserError(`${capture} shows no file that was transferred`);
  return extraction.isWhole;
}

/** Writes files as they come out of a capture, and says what has become of each. */
class Extraction {
  count = 0;
  isWhole = true;
  readonly #folder: string;
  readonly #print: (line: string) => void;
  readonly #open = new Map<CapturedFile, ExtractedFile>();

  constructor(folder: string, print: (line: string) => void) {
    this.#folder = folder;
    this.#print = print;
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
      this.#tell(file, `whole, saved as ${shortest(path)}`);
      return;
    }
    const part = this.#open.get(file);
    // What was not wanted was not transferred.
    if (part !== undefined || event.failure === undefined) this.isWhole = false;
    this.#open.delete(file);
    part?.keep();
    this.#tell(file, part === undefined ? problem : `${problem}; kept as ${shortest(part.path)}`);
  }

  /** Keeps what is not done as it is. */
  close(): void {
    for (const file of this.#open.values()) file.keep();
  }

  #tell({ protocol, name, folders = [], from, to }: CapturedFile, what: string): void {
    const path = visible([...folders, name].join('/'));
    // Reasons come from peers, too.
    this.#print(`${path} (${protocol}, ${from} to ${to}): ${visible(what)}`);
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

/** As seen from here, unless that leads upwards. */
function shortest(path: string): string {
  const fromHere = relative('', path);
  return fromHere.startsWith('..') ? path : fromHere;
}

import { open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { visible } from '../core/text.ts';
import type { OpenOffer, RelayLogIn } from '../net/relay-client.ts';
import { download } from '../net/relay-download.ts';
import { type UploadSource, upload } from '../net/relay-upload.ts';
import { isFileName } from '../relay/names.ts';
import { IncomingFile } from '../storage/incoming-file.ts';
import { partPath } from '../storage/part.ts';
import { type BarPlace, type Progress, showProgress } from '../terminal/progress.ts';
import { UserError } from './exit-status.ts';

/** What a transfer tells the person in front of it. */
export interface TransferView {
  readonly print: (text: string) => void;
  /** Where a bar can be drawn, if it can. */
  readonly bar: BarPlace | undefined;
}

/** A file of this user, open for reading. */
export interface OfferedFile extends AsyncDisposable {
  readonly name: string;
  readonly source: UploadSource;
}

/** @throws UserError when it is none that can be sent. */
export async function openOffered(path: string): Promise<OfferedFile> {
  const name = basename(resolve(path));
  const handle = await open(path, 'r').catch((error: Error) => {
    throw new UserError(`${path} cannot be read: ${error.message}`);
  });
  const found = await handle.stat();
  const problem = found.isFile() ? undefined : 'it is no file';
  const wrong = isFileName(name) ? problem : 'its name has control characters, or is too long';
  if (wrong !== undefined) {
    await handle.close();
    throw new UserError(`${visible(path)} cannot be sent: ${wrong}`);
  }
  return {
    name,
    source: {
      size: found.size,
      read: async (buffer, position) =>
        (await handle.read(buffer, 0, buffer.length, position)).bytesRead,
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

/** Sends a file through `port`, with a bar. @throws Error that says why it failed. */
export async function sendFile(
  logIn: RelayLogIn,
  file: OfferedFile,
  port: number,
  options: { readonly resume: boolean; readonly signal: AbortSignal; readonly view: TransferView },
): Promise<void> {
  const bar = new Bar(options.view, file.name);
  bar.begin(file.source.size);
  try {
    await upload({
      ...logIn,
      port,
      source: file.source,
      resume: options.resume,
      signal: options.signal,
      onProgress: (bytes) => bar.update(bytes),
      onRetry: (reason) => bar.note(reason),
    });
  } finally {
    bar.end();
  }
}

/** What a part belongs to: another file of the same name must not be glued to it. */
interface PartNote {
  readonly server: string;
  readonly sender: string;
  readonly port: number;
  readonly size: number | null;
}

/**
 * Reads what was agreed on into `folder`; goes on behind what an earlier attempt has left.
 * @returns where the file is.
 * @throws Error that says why it failed; what came is kept.
 */
export async function receiveFile(
  logIn: RelayLogIn,
  offer: OpenOffer,
  folder: string,
  options: {
    readonly size: number | undefined;
    readonly signal: AbortSignal;
    readonly view: TransferView;
  },
): Promise<string> {
  const bar = new Bar(options.view, offer.file);
  const note = `${partPath(folder, offer.file)}.relay`;
  let incoming: IncomingFile | undefined;
  let path = '';
  try {
    await download({
      ...logIn,
      port: offer.port,
      size: options.size,
      signal: options.signal,
      onProgress: (bytes) => bar.update(bytes),
      onRetry: (reason) => bar.note(reason),
      openSink: async (size) => {
        const wanted: PartNote = {
          server: logIn.server,
          sender: offer.sender,
          port: offer.port,
          size: size ?? null,
        };
        const offset = (await belongsTo(note, wanted)) ? 'resume' : 0;
        incoming = await IncomingFile.open({
          folder,
          name: offer.file,
          offset,
          ...(size !== undefined && { size }),
        });
        await writeFile(note, JSON.stringify(wanted));
        bar.begin(size);
        return incoming;
      },
      finish: async () => {
        path = (await incoming?.finish('rename')) ?? '';
        await rm(note, { force: true });
      },
    });
    return path;
  } finally {
    bar.end();
    await incoming?.keep().catch(() => undefined);
  }
}

/** Whether a part that is there is one of this transfer; one without a note was put there by hand. */
async function belongsTo(note: string, wanted: PartNote): Promise<boolean> {
  const text = await readFile(note, 'utf8').catch(() => undefined);
  return text === undefined || text === JSON.stringify(wanted);
}

/** Whether something of this file is there already, and where. */
export async function partOf(folder: string, file: string): Promise<string | undefined> {
  const path = partPath(folder, file);
  return (await stat(path).catch(() => undefined)) === undefined ? undefined : join(path);
}

/** A bar, where there is room for one. */
class Bar {
  readonly #view: TransferView;
  readonly #file: string;
  #progress: Progress | undefined;
  #told = false;

  constructor(view: TransferView, file: string) {
    this.#view = view;
    this.#file = file;
  }

  begin(size: number | undefined): void {
    const place = this.#view.bar;
    if (place === undefined || size === undefined) return;
    this.#progress = showProgress({
      place,
      file: this.#file,
      segmentCount: Math.max(1, size),
      segmentPayload: 1,
    });
  }

  update(bytes: number): void {
    this.#told = false;
    this.#progress?.update(bytes);
  }

  /** Said once for each time that it stands still. */
  note(reason: string): void {
    if (this.#told) return;
    this.#told = true;
    this.#view.print(`${visible(this.#file)}: ${visible(reason)}; trying again …`);
  }

  end(): void {
    this.#progress?.stop();
    this.#progress = undefined;
  }
}

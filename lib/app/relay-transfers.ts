import { open } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { visible } from '../core/text.ts';
import type { PourSource } from '../net/pour.ts';
import type { OpenOffer, RelayLogIn } from '../net/relay-client.ts';
import { download } from '../net/relay-download.ts';
import { upload } from '../net/relay-upload.ts';
import { isFileName } from '../relay/names.ts';
import { IncomingFile } from '../storage/incoming-file.ts';
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
  readonly source: PourSource;
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
      file: file.name,
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
        const { sender, port } = offer;
        incoming = await IncomingFile.open({
          folder,
          name: nameFor(offer.file),
          // Another file of the same name must not be glued to it.
          note: JSON.stringify({ server: logIn.server, sender, port, size: size ?? null }),
          offset: 'resume',
          ...(size !== undefined && { size }),
        });
        bar.begin(size);
        return incoming;
      },
      finish: async () => {
        // The server deletes its copy as soon as it hears of it.
        path = (await incoming?.finish('rename', true)) ?? '';
      },
    });
    return path;
  } finally {
    bar.end();
    await incoming?.keep().catch(() => undefined);
  }
}

/** One that looks like a part of ours, or what belongs to it, is called otherwise. */
function nameFor(file: string): string {
  return /\.part(\.[a-z]+)?$/i.test(file) ? `${file}_` : file;
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

import type { Socket } from 'node:net';
import { systemCode } from '../core/errors.ts';
import { decodeRefusal, refusal } from '../relay/codec.ts';
import type { RelayError } from '../relay/messages.ts';
import { Retries } from '../relay/retries.ts';
import { delay, now } from './clock.ts';
import { type PourSource, pour } from './pour.ts';
import type { RelayLogIn } from './relay-client.ts';
import { requestData } from './relay-data-client.ts';
import { PortWatch } from './relay-greeting.ts';
import { describeRefusal } from './relay-refusals.ts';

/** A server that takes nothing for so long is gone. */
const STALLED_MS = 90_000;
/** So often the server may say that it has nothing new. */
const MOST_REPEATS = 5;

export interface UploadOptions extends RelayLogIn {
  /** The name that it was offered under. */
  readonly file: string;
  readonly port: number;
  readonly source: PourSource;
  /** The server has something of it already. */
  readonly resume: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (bytes: number) => void;
  /** A connection was lost; it is tried again. */
  readonly onRetry: (reason: string) => void;
}

/** What a connection came to. */
type Outcome =
  /** The server has everything, or everybody has read it. */
  | { readonly type: 'stored' }
  /** All bytes were sent; whether they were stored is not known. */
  | { readonly type: 'sent' }
  | {
      readonly type: 'lost';
      readonly reason: string;
      readonly moved: boolean;
      readonly error?: Error | undefined;
    }
  /** `midway`: not the answer to the request. */
  | { readonly type: 'refused'; readonly error: RelayError; readonly midway: boolean };

/**
 * Hands a file to the server, over as many connections as it takes. The document has no
 * acknowledgement: that all is stored is asked with `WRITE USER KEY resume` at the end.
 * @throws Error that says why it failed.
 */
export async function upload(options: UploadOptions): Promise<void> {
  const retries = new Retries();
  const progress = new UploadProgress();
  const port = new PortWatch(options.server, options.commandPort);
  let resume = options.resume;
  let allSent = false;
  for (;;) {
    const outcome = await attempt(options, resume, allSent, progress).catch((error: Error) =>
      lost(error.message, false, error),
    );
    options.signal.throwIfAborted();
    if (outcome.type === 'stored') return;
    if (outcome.type === 'refused') {
      // The transfer is over, everybody has read what was sent; or the server knows no resume.
      const isOver = ['DENIED', 'BAD_REQUEST'].includes(outcome.error.code);
      if (allSent && isOver && !outcome.midway) return;
      throw new Error(describeRefusal(outcome.error));
    }
    resume = true;
    if (outcome.type === 'sent') {
      allSent = true;
      continue;
    }
    if (outcome.moved) retries.succeeded();
    if (await port.isClosed(outcome.error)) {
      if (allSent) return;
      throw new Error(`the transfer is over: ${outcome.reason}`);
    }
    const pause = retries.failed(now());
    if (pause === undefined) throw new Error(`the server cannot be reached: ${outcome.reason}`);
    // When all is sent, a closed port is as a rule the end, and nothing to be told.
    if (!allSent || systemCode(outcome.error) !== 'ECONNREFUSED') options.onRetry(outcome.reason);
    await delay(pause, options.signal);
    options.signal.throwIfAborted();
  }
}

function lost(reason: string, moved: boolean, error?: Error): Outcome {
  return { type: 'lost', reason, moved, error };
}

/** No other connection would help. */
function impossible(reason: string): Outcome {
  return { type: 'refused', error: refusal('SERVER_ERROR', reason), midway: true };
}

async function attempt(
  options: UploadOptions,
  resume: boolean,
  allSent: boolean,
  progress: UploadProgress,
): Promise<Outcome> {
  const { server, port, user, key, source, signal } = options;
  const request = { type: 'write', user, key, resume } as const;
  const granted = await requestData(server, port, request, signal);
  if (granted.type === 'refused') return { type: 'refused', error: granted.error, midway: false };
  if (granted.reply.file !== undefined && granted.reply.file !== options.file) {
    granted.socket.destroy();
    return impossible(`the server waits for ${granted.reply.file} there`);
  }
  if (allSent && granted.reply.bytes === undefined) {
    // A server that cannot tell: it would take everything once more.
    granted.socket.destroy();
    return { type: 'stored' };
  }
  const from = resume ? (granted.reply.bytes ?? 0) : 0;
  if (from > source.size) {
    granted.socket.destroy();
    return impossible('the server has more bytes than the file');
  }
  if (resume && from === source.size) {
    granted.socket.destroy();
    options.onProgress(from);
    return { type: 'stored' };
  }
  if (progress.standsStillAt(from)) {
    granted.socket.destroy();
    return impossible('the server does not take the rest; has the file changed?');
  }
  return new Sending(options, granted.socket, from).run();
}

/** Whether the server has more from attempt to attempt: it keeps whatever has come to it. */
class UploadProgress {
  #from = -1;
  #times = 0;

  standsStillAt(from: number): boolean {
    this.#times = from > this.#from ? 0 : this.#times + 1;
    this.#from = from;
    return from > 0 && this.#times >= MOST_REPEATS;
  }
}

/** One connection that bytes go through. */
class Sending {
  readonly #options: UploadOptions;
  readonly #socket: Socket;
  #position: number;
  readonly #from: number;
  #said = '';
  #ended: (outcome: Outcome) => void = () => undefined;

  constructor(options: UploadOptions, socket: Socket, from: number) {
    this.#options = options;
    this.#socket = socket;
    this.#from = from;
    this.#position = from;
  }

  run(): Promise<Outcome> {
    const socket = this.#socket;
    const outcome = new Promise<Outcome>((resolve) => {
      this.#ended = resolve;
    });
    socket.on('data', (chunk) => {
      // Whatever it says now is why it does not go on.
      this.#said = (this.#said + chunk.toString()).slice(0, 4096);
    });
    socket.on('error', (error) => this.#end(error.message));
    socket.on('end', () => this.#end('the server closed the connection'));
    socket.on('close', () => this.#end('the connection was closed'));
    socket.setTimeout(STALLED_MS, () => this.#end('the server takes nothing more'));
    socket.resume();
    this.#sendAll().catch((error: Error) => {
      // The file cannot be read: no other connection would help.
      this.#ended(impossible(error.message));
      socket.destroy();
    });
    return outcome;
  }

  async #sendAll(): Promise<void> {
    const { source, onProgress } = this.#options;
    await pour(this.#socket, source, this.#position, (position) => {
      this.#position = position;
      onProgress(position);
    });
    this.#socket.end();
  }

  #end(reason: string): void {
    this.#socket.destroy();
    const error = decodeRefusal(this.#said.split(/\r?\n/, 1)[0] ?? '');
    if (error !== undefined) this.#ended({ type: 'refused', error, midway: true });
    else if (this.#position === this.#options.source.size) this.#ended({ type: 'sent' });
    else this.#ended(lost(reason, this.#position > this.#from));
  }
}

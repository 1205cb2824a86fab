import type { Socket } from 'node:net';
import { ACKNOWLEDGEMENT } from '../relay/codec.ts';
import type { RelayError } from '../relay/messages.ts';
import { Retries } from '../relay/retries.ts';
import { breakConnection } from './break-connection.ts';
import { delay, now } from './clock.ts';
import type { RelayLogIn } from './relay-client.ts';
import { requestData } from './relay-data-client.ts';
import { PortWatch } from './relay-greeting.ts';
import { describeRefusal } from './relay-refusals.ts';

/** Where the bytes go. */
export interface DownloadSink {
  /** Bytes that are there already: what is written follows them. */
  readonly offset: number;
  /** Resolves when more can be taken. */
  write(chunk: Buffer): Promise<void>;
}

export interface DownloadOptions extends RelayLogIn {
  readonly port: number;
  /** In bytes, if it is known; the server is asked otherwise. */
  readonly size: number | undefined;
  /** Called once, when the size is known or cannot be. */
  readonly openSink: (size: number | undefined) => Promise<DownloadSink>;
  /** All bytes are written. The server learns it only after this has resolved. */
  readonly finish: () => Promise<void>;
  readonly signal: AbortSignal;
  readonly onProgress: (bytes: number) => void;
  readonly onRetry: (reason: string) => void;
}

type Outcome =
  | { readonly type: 'complete' }
  | { readonly type: 'lost'; readonly reason: string; readonly error?: Error }
  | { readonly type: 'refused'; readonly error: RelayError };

/** What was received cannot be used. */
class SinkError extends Error {}

/** Reads a file from the server, over as many connections as it takes. @throws Error: why not */
export async function download(options: DownloadOptions): Promise<void> {
  await new Download(options).run();
}

class Download {
  readonly #options: DownloadOptions;
  readonly #retries = new Retries();
  #size: number | undefined;
  #sink: DownloadSink | undefined;
  #received = 0;
  /** Whether the server is asked for the size. */
  #details = true;

  constructor(options: DownloadOptions) {
    this.#options = options;
    this.#size = options.size;
  }

  async run(): Promise<void> {
    const { signal, onRetry, server, commandPort } = this.#options;
    // What is there already tells where to begin; that needs the size if it can be had.
    if (this.#size !== undefined) {
      await this.#open().catch((error: Error) => {
        throw error.cause;
      });
    }
    const port = new PortWatch(server, commandPort);
    for (;;) {
      const before = this.#received;
      const outcome = await this.#attempt().catch((error: Error) => {
        if (error instanceof SinkError) throw error.cause;
        return { type: 'lost', reason: error.message, error } as const;
      });
      signal.throwIfAborted();
      if (outcome.type === 'complete') return;
      if (outcome.type === 'refused') {
        if (outcome.error.code !== 'BAD_REQUEST' || !this.#details) {
          throw new Error(describeRefusal(outcome.error));
        }
        // A server that does not know the word.
        this.#details = false;
        continue;
      }
      if (this.#received > before) this.#retries.succeeded();
      if (await port.isClosed(outcome.error)) {
        throw new Error(`the transfer is over: ${outcome.reason}`);
      }
      const pause = this.#retries.failed(now());
      if (pause === undefined) throw new Error(`the server cannot be reached: ${outcome.reason}`);
      onRetry(outcome.reason);
      await delay(pause, signal);
      signal.throwIfAborted();
    }
  }

  async #open(): Promise<DownloadSink> {
    if (this.#sink !== undefined) return this.#sink;
    const sink = await this.#options.openSink(this.#size).catch(asSinkError);
    this.#sink = sink;
    this.#received = sink.offset;
    this.#options.onProgress(this.#received);
    return sink;
  }

  async #attempt(): Promise<Outcome> {
    const { server, port, user, key, signal } = this.#options;
    // Without details nothing is learned by asking: what is there already counts.
    if (!this.#details) await this.#open();
    const request = {
      type: 'read',
      user,
      key,
      offset: this.#received,
      details: this.#details,
    } as const;
    const granted = await requestData(server, port, request, signal);
    if (granted.type === 'refused') return granted;
    const { socket, reply, rest } = granted;
    this.#size ??= reply.bytes;
    if (this.#sink === undefined) {
      const sink = await this.#open();
      if (sink.offset > 0) {
        // Asked from the start, only to learn the size.
        breakConnection(socket);
        return this.#attempt();
      }
    }
    return this.#receive(socket, rest, reply.bytes !== undefined);
  }

  /** @param acknowledges the server waits for a word when everything is there. */
  async #receive(socket: Socket, rest: Buffer, acknowledges: boolean): Promise<Outcome> {
    let broken: Error | undefined;
    socket.on('error', (error) => {
      broken = error;
    });
    try {
      if (rest.length > 0) await this.#take(rest);
      if (this.#received !== this.#size) {
        // A stream that breaks throws here.
        for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
          await this.#take(chunk);
          if (this.#received === this.#size) break;
        }
      }
      if (this.#size !== undefined && this.#received !== this.#size) {
        breakConnection(socket);
        return { type: 'lost', reason: broken?.message ?? 'the server closed the connection' };
      }
      await this.#options.finish().catch(asSinkError);
      socket.end(acknowledges ? ACKNOWLEDGEMENT : '');
      socket.resume();
      return { type: 'complete' };
    } catch (error) {
      // An orderly end would say that everything is there.
      breakConnection(socket);
      throw error;
    }
  }

  async #take(chunk: Buffer): Promise<void> {
    if (this.#size !== undefined && this.#received + chunk.length > this.#size) {
      throw new SinkError('', { cause: new Error('the server sends more than the file has') });
    }
    await this.#sink?.write(chunk).catch(asSinkError);
    this.#received += chunk.length;
    this.#options.onProgress(this.#received);
  }
}

/** Another connection would not help. */
function asSinkError(cause: unknown): never {
  throw new SinkError('', { cause });
}

import type { Socket } from 'node:net';
import { type FramedObject, JsonFramer } from '../core/json-framer.ts';
import { KEEP_ALIVE_MS } from './line-connection.ts';

/** How long a connection that was ended may take to go. */
const LINGER_MS = 1000;

export interface ObjectStreamOptions {
  readonly socket: Socket;
  readonly maxBytes: number;
  /** An object, as text. */
  readonly onObject: (text: string) => void;
  /** What is no object, or too long a one. */
  readonly onFault: (error: unknown) => void;
  /** Called once. */
  readonly onClosed: (error: Error | undefined) => void;
}

/** A TCP connection that carries JSON objects, and bytes between them where both sides know of it. */
export class ObjectStream {
  readonly socket: Socket;
  readonly #options: ObjectStreamOptions;
  readonly #framer: JsonFramer;
  #take: ((chunk: Buffer) => Buffer | undefined) | undefined;
  #ended = false;
  #linger: NodeJS.Timeout | undefined;

  constructor(options: ObjectStreamOptions) {
    const { socket, onClosed } = options;
    this.#options = options;
    this.socket = socket;
    this.#framer = new JsonFramer(options.maxBytes);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    let error: Error | undefined;
    socket.on('error', (cause) => {
      error = cause;
    });
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('end', () => this.end());
    socket.once('close', () => {
      clearTimeout(this.#linger);
      onClosed(error);
    });
  }

  send(text: string): void {
    if (this.socket.writable) this.socket.write(text);
  }

  /**
   * From now on bytes come, behind a line end, and no objects.
   * @param take gets them, and returns those that are no part of it, when it has all.
   */
  expectBytes(take: (chunk: Buffer) => Buffer | undefined): void {
    let atStart = true;
    this.#take = (chunk) => {
      const skipped = atStart ? skipLineEnd(chunk) : 0;
      atStart = atStart && skipped === chunk.length;
      return take(chunk.subarray(skipped));
    };
  }

  /** Ends it once what was said is written. What still comes is read away, so that it is not lost. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#take = undefined;
    this.socket.end();
    this.socket.resume();
    this.#linger = setTimeout(() => this.socket.destroy(), LINGER_MS);
  }

  #onData(chunk: Buffer): void {
    for (let rest: Buffer | undefined = chunk; rest !== undefined && rest.length > 0; ) {
      if (this.#ended) return;
      if (this.#take !== undefined) {
        const left: Buffer | undefined = this.#take(rest);
        if (left !== undefined) this.#take = undefined;
        rest = left;
        continue;
      }
      rest = this.#object(rest);
    }
  }

  #object(chunk: Buffer): Buffer | undefined {
    let framed: FramedObject | undefined;
    try {
      framed = this.#framer.push(chunk);
    } catch (error) {
      this.#options.onFault(error);
      return undefined;
    }
    if (framed === undefined) return undefined;
    this.#options.onObject(framed.text);
    return framed.rest;
  }
}

/** CR and LF, or LF. */
function skipLineEnd(chunk: Buffer): number {
  if (chunk[0] === 0x0a) return 1;
  return chunk[0] === 0x0d && chunk[1] === 0x0a ? 2 : 0;
}

import type { Socket } from 'node:net';
import { type FramedObject, JsonFramer } from '../core/json-framer.ts';
import { breakConnection } from './break-connection.ts';
import { KEEP_ALIVE_MS } from './line-connection.ts';

const LF = 0x0a;
const CR = 0x0d;

/** How long a connection that was ended may take to go. */
const LINGER_MS = 1000;

export interface ObjectStreamOptions {
  readonly socket: Socket;
  readonly maxBytes: number;
  /** An object, as text. */
  readonly onObject: (text: string) => void;
  /** What is no object, or too long a one. */
  readonly onFault: (error: unknown) => void;
  /** The other side has nothing more to say; absent: that ends this one, too. */
  readonly onEnd?: () => void;
  /** Called once. */
  readonly onClosed: (error: Error | undefined) => void;
}

/** A TCP connection that carries JSON objects, and bytes between them where both sides know of it. */
export class ObjectStream {
  readonly socket: Socket;
  readonly #options: ObjectStreamOptions;
  readonly #framer: JsonFramer;
  #take: ((chunk: Buffer) => Buffer | undefined) | undefined;
  /** What may stand behind an object, and is no part of what follows. */
  #lineEnd: 'none' | 'due' | 'cr' = 'none';
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
    socket.on('end', () => (options.onEnd === undefined ? this.end() : options.onEnd()));
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
    this.#take = take;
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

  /** Ends it at once: what the other side has not read yet is not worth reading. */
  reset(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#take = undefined;
    breakConnection(this.socket);
  }

  #onData(chunk: Buffer): void {
    for (let rest: Buffer | undefined = chunk; rest !== undefined && rest.length > 0; ) {
      if (this.#ended) return;
      if (this.#lineEnd !== 'none') {
        rest = this.#skipLineEnd(rest);
        continue;
      }
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
    this.#lineEnd = 'due';
    this.#options.onObject(framed.text);
    return framed.rest;
  }

  /** One of them: LF, or CR and LF, which may come apart. */
  #skipLineEnd(chunk: Buffer): Buffer {
    const [first, second] = chunk;
    const hadCr = this.#lineEnd === 'cr';
    this.#lineEnd = 'none';
    if (first === LF) return chunk.subarray(1);
    // It was no line end.
    if (hadCr) return Buffer.concat([Buffer.of(CR), chunk]);
    if (first === CR && second === LF) return chunk.subarray(2);
    if (first !== CR || chunk.length > 1) return chunk;
    this.#lineEnd = 'cr';
    return chunk.subarray(1);
  }
}

import type { Socket } from 'node:net';
import { assertNever, ProtocolError } from '../core/errors.ts';
import { HeadFramer } from '../core/head-framer.ts';
import {
  type Dialect,
  encodeDataReply,
  isAcknowledgement,
  MAX_LINE_BYTES,
} from '../relay/codec.ts';
import { type DataEffect, DataSession } from '../relay/data-session.ts';
import type { KeptParty, Transfer } from '../relay/transfer.ts';
import { describeForPeer } from '../storage/disk-full.ts';
import type { Slice, StoredFile } from '../storage/stored-file.ts';
import { Alarm, now } from './clock.ts';
import { KEEP_ALIVE_MS } from './line-connection.ts';
import { explainNext } from './tap.ts';

/** How long a connection that was ended may take to go. */
const LINGER_MS = 1000;

/** What the connections of one transfer share. */
export interface DataHost {
  readonly transfer: Transfer;
  readonly file: StoredFile;
  readonly dialect: Dialect;
  checkKey(party: KeptParty, key: string): Promise<boolean>;
  /** Ends the earlier writer; resolves with the bytes that are safe. */
  becomeWriter(connection: DataConnection): Promise<number>;
  /** Ends the earlier connection of this reader. */
  becomeReader(connection: DataConnection, user: string): void;
  /** Bytes come from `offset` on: what is stored behind it counts no more. */
  begunToWrite(offset: number): Promise<void>;
  /** More bytes of the writer are here. */
  onReceived(): void;
  /** All bytes are here; resolves when they are safe. */
  finishWriting(): Promise<void>;
  onRead(user: string, upTo: number): void;
  onReadToTheEnd(user: string): void;
  onClosed(connection: DataConnection): void;
  onFault(error: unknown): void;
  log(text: string): void;
}

/** The server's end of one data connection: it carries out what {@link DataSession} says. */
export class DataConnection {
  readonly #host: DataHost;
  readonly #socket: Socket;
  readonly #session: DataSession;
  readonly #framer = new HeadFramer(MAX_LINE_BYTES);
  readonly #alarm = new Alarm(() => this.#obey(this.#session.onTimeout(now())));
  #onChunk: ((chunk: Buffer) => void) | undefined = (chunk) => this.#onHead(chunk);
  /** What came right behind the first line. */
  #early: Buffer | undefined;
  #reader: { readonly user: string; offset: number } | undefined;
  #unwatch: (() => void) | undefined;
  #sending = false;
  #handedOver = false;
  /** All of the file has come, and is being made safe. */
  #finishing = false;
  /** What a reader has said that acknowledges; `undefined`: this one does not. */
  #said: Buffer | undefined;
  #closing = false;
  #linger: NodeJS.Timeout | undefined;

  constructor(host: DataHost, socket: Socket) {
    this.#host = host;
    this.#socket = socket;
    this.#session = new DataSession(host.transfer, now());
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on('data', (chunk) => this.#onChunk?.(chunk));
    socket.on('end', () => this.#onEnd());
    // What follows is `close`.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#onClose());
    this.#obey([]);
  }

  /** Ends it at once: another connection has taken its place, or the transfer is over. */
  destroy(): void {
    this.#stop();
    this.#socket.destroy();
  }

  /** What came from this writer cannot be stored. */
  cannotStore(error: unknown): void {
    if (!this.#closing) this.#obey(this.#session.storingFailed(describeForPeer(error)));
  }

  #stop(): void {
    this.#closing = true;
    this.#onChunk = undefined;
    this.#unwatch?.();
    this.#alarm.clear();
  }

  #onHead(chunk: Buffer): void {
    try {
      const head = this.#framer.push(chunk);
      if (head === undefined) return;
      this.#onChunk = undefined;
      this.#socket.pause();
      this.#early = head.rest;
      this.#obey(this.#session.request(head.line));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#obey(this.#session.tooLong());
    }
  }

  #obey(effects: readonly DataEffect[]): void {
    for (const effect of effects) this.#carryOut(effect);
    if (!this.#closing) this.#alarm.set(this.#session.nextTimeout());
  }

  #carryOut(effect: DataEffect): void {
    switch (effect.type) {
      case 'reply':
        explainNext(this.#socket, this.#stored());
        this.#socket.write(encodeDataReply(effect.reply, this.#host.dialect));
        if (effect.reply.type === 'refused') this.#host.log(effect.reply.error.message);
        return;
      case 'check-key':
        this.#when(this.#host.checkKey(effect.party, effect.key), (right) =>
          this.#session.keyChecked(right, now()),
        );
        return;
      case 'prepare-writing':
        this.#when(this.#host.becomeWriter(this), (stored) =>
          this.#session.readyToWrite(stored, now()),
        );
        return;
      case 'write-from':
        this.#when(this.#startWriting(effect.offset), () => []);
        return;
      case 'read-from':
        this.#startReading(effect.user, effect.offset, effect.acknowledges);
        return;
      case 'close':
        if (effect.abruptly) this.destroy();
        else this.#end();
        return;
      default:
        assertNever(effect);
    }
  }

  #stored(): string {
    const { file, transfer } = this.#host;
    return `${file.written} of ${transfer.size} bytes are stored`;
  }

  /** What a promise gives is handed to the session; a fault of ours ends this connection only. */
  #when<Result>(promise: Promise<Result>, use: (result: Result) => readonly DataEffect[]): void {
    promise
      .then((result) => {
        if (!this.#closing) this.#obey(use(result));
      })
      .catch((error: unknown) => {
        this.#host.onFault(error);
        this.cannotStore(error);
      });
  }

  async #startWriting(offset: number): Promise<void> {
    await this.#host.begunToWrite(offset);
    if (this.#closing) return;
    this.#onChunk = (chunk) => this.#store(chunk);
    const early = this.#early ?? Buffer.alloc(0);
    this.#early = undefined;
    this.#socket.resume();
    this.#store(early);
  }

  #store(chunk: Buffer): void {
    const { file, transfer } = this.#host;
    const missing = transfer.size - file.received;
    file.append(chunk.length > missing ? chunk.subarray(0, missing) : chunk);
    if (file.error !== undefined) {
      this.cannotStore(file.error);
      return;
    }
    this.#session.moved(chunk.length);
    this.#host.onReceived();
    if (file.received === transfer.size) this.#finishWriting();
    else if (file.congested) this.#waitForDisk();
  }

  #waitForDisk(): void {
    const { file } = this.#host;
    this.#socket.pause();
    this.#session.waitsForPeer(false, now());
    this.#when(file.drained(), () => {
      if (file.error !== undefined) return this.#session.storingFailed(describeForPeer(file.error));
      this.#session.waitsForPeer(true, now());
      this.#socket.resume();
      return [];
    });
  }

  #finishWriting(): void {
    this.#onChunk = undefined;
    this.#finishing = true;
    this.#session.waitsForPeer(false, now());
    this.#when(
      this.#host.finishWriting().then(
        () => undefined,
        (error: Error) => error,
      ),
      (error) => {
        if (error !== undefined) return this.#session.storingFailed(describeForPeer(error));
        return [{ type: 'close', abruptly: false }];
      },
    );
  }

  #startReading(user: string, offset: number, acknowledges: boolean): void {
    this.#reader = { user, offset };
    this.#early = undefined;
    if (acknowledges) {
      this.#said = Buffer.alloc(0);
      this.#onChunk = (chunk) => {
        this.#said = Buffer.concat([this.#said ?? chunk, chunk]).subarray(0, MAX_LINE_BYTES);
      };
    }
    if (offset > 0) this.#host.onRead(user, offset);
    this.#host.becomeReader(this, user);
    this.#unwatch = this.#host.file.watch(() => this.#sendMore());
    // Nothing more is expected but the end.
    this.#socket.resume();
    this.#sendMore();
  }

  #sendMore(): void {
    const reader = this.#reader;
    if (reader === undefined || this.#sending || this.#closing) return;
    const { file, transfer } = this.#host;
    if (reader.offset >= transfer.size) {
      this.#handOver();
      return;
    }
    const slice = file.read(reader.offset);
    this.#session.waitsForPeer(slice !== undefined, now());
    this.#alarm.set(this.#session.nextTimeout());
    if (slice === undefined) return;
    this.#sending = true;
    if (!(slice instanceof Promise)) {
      this.#send(slice, reader);
      return;
    }
    slice.then(
      (loaded) => {
        if (loaded === undefined) {
          this.#sending = false;
          this.#sendMore();
        } else this.#send(loaded, reader);
      },
      (error: unknown) => {
        this.#host.onFault(error);
        this.destroy();
      },
    );
  }

  #send({ bytes, release }: Slice, reader: { readonly user: string; offset: number }): void {
    if (this.#closing) {
      release();
      return;
    }
    // Before it is on its way: what somebody may have got is not to be replaced any more.
    this.#host.onRead(reader.user, reader.offset + bytes.length);
    this.#socket.write(bytes, (error) => {
      release();
      this.#sending = false;
      if (error || this.#closing) return;
      reader.offset += bytes.length;
      this.#session.moved(bytes.length);
      this.#sendMore();
    });
  }

  #handOver(): void {
    if (this.#handedOver) return;
    this.#handedOver = true;
    this.#unwatch?.();
    this.#session.handedOver(now());
    this.#socket.end();
    this.#obey([]);
  }

  #onEnd(): void {
    // A writer may still hear that its bytes could not be stored.
    if (this.#closing || this.#finishing) return;
    if (this.#reader === undefined) this.#end();
    // A reader that closes once it was handed everything has everything, unless it would say so. One
    // that closed its half before says nothing by that: its transfer stays until it is too old.
    else if (this.#handedOver && (this.#said === undefined || isAcknowledgement(this.#said))) {
      this.#host.onReadToTheEnd(this.#reader.user);
    }
  }

  /** Ends it once what was said is written; cuts it off if the peer is too slow. */
  #end(): void {
    if (this.#closing) return;
    this.#stop();
    this.#socket.end();
    // What still comes is read away, so that the last words are not lost in a reset.
    this.#socket.resume();
    this.#linger = setTimeout(() => this.#socket.destroy(), LINGER_MS);
  }

  #onClose(): void {
    this.#stop();
    clearTimeout(this.#linger);
    this.#host.onClosed(this);
  }
}

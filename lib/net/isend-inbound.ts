import type { Socket } from 'node:net';
import { assertNever } from '../core/errors.ts';
import { decodeRequest, encodeReply } from '../isend/codec.ts';
import { type Framed, InstructionFramer } from '../isend/framing.ts';
import type { Request } from '../isend/messages.ts';
import { Receiver } from '../isend/receiver.ts';
import type { ReceiverEffect, Stored } from '../isend/receiver-effects.ts';
import { plainAddress } from './addresses.ts';
import { Alarm, now } from './clock.ts';

/** Nothing more is read while this much waits to be stored, or for the sender to read it. */
const MAX_INBOX_BYTES = 1_048_576;
const MAX_UNREAD_BYTES = 65_536;
/** How long a connection that was ended may take to go. */
const LINGER_MS = 1000;
/** A sender whose machine is gone sends no FIN; this finds out. */
const KEEP_ALIVE_MS = 15_000;

const DONE: Stored = { type: 'done' };

/** Where what comes goes. What it throws is told to the sender by `describe`. */
export interface IncomingSink {
  beginFile(name: string): Promise<Stored>;
  write(bytes: Buffer): Promise<void>;
  goOn(offset: number): void;
  endFile(): Promise<Stored>;
  beginFolder(name: string): Promise<Stored>;
  endFolder(): void;
  show(text: string): void;
  /** Why something could not be stored, in words for the sender. */
  describe(error: unknown): string;
  /** The sender is gone: what is being hashed for it is of no use any more. */
  cancel(): void;
  /** The connection has ended; `complete`: in the way that it should. */
  end(complete: boolean, reason: string): Promise<void>;
}

export interface InboundOptions {
  readonly socket: Socket;
  /** Why the sender must not go on; a sink for what it sends if it may. */
  readonly admit: (address: string, password: Buffer | undefined) => IncomingSink | string;
  readonly onRefused: (address: string, reason: string) => void;
  /** What must not happen; the connection is closed. */
  readonly onFault: (error: unknown) => void;
  /** Called once, when everything is tidied up. */
  readonly onEnded: (sink: IncomingSink | undefined) => void;
}

/** One connection of a receiver: carries out what {@link Receiver} says. */
export class IsendInbound {
  readonly #options: InboundOptions;
  readonly #socket: Socket;
  readonly #address: string;
  readonly #machine = new Receiver(now());
  readonly #framer = new InstructionFramer<Request>({
    decode: decodeRequest,
    isStreamed: ({ type }) => type === 'file-content',
  });
  readonly #alarm = new Alarm(() => this.#onAlarm());
  readonly #inbox: Buffer[] = [];
  #inboxBytes = 0;
  #replies: Buffer[] = [];
  #flushing: NodeJS.Immediate | undefined;
  #sink: IncomingSink | undefined;
  /** Resolves when all that has come so far was dealt with. */
  #work = Promise.resolve();
  #working = false;
  #end: { readonly complete: boolean; readonly reason: string } | undefined;
  #linger: NodeJS.Timeout | undefined;
  /** Resolves when everything is tidied up. */
  readonly ended: Promise<void>;

  constructor(options: InboundOptions) {
    this.#options = options;
    this.#socket = options.socket;
    this.#address = plainAddress(options.socket.remoteAddress ?? '');
    this.#socket.setNoDelay(true);
    this.#socket.setKeepAlive(true, KEEP_ALIVE_MS);
    let error: Error | undefined;
    this.#socket.on('error', (cause) => {
      error = cause;
    });
    this.#socket.on('data', (chunk) => this.#onData(chunk));
    this.#socket.on('drain', () => this.#goOnReading());
    this.#socket.on('end', () => void this.#work.then(() => this.#finish(false, 'it is gone')));
    this.ended = new Promise((resolve) => {
      this.#socket.once('close', () => {
        const reason = error === undefined ? 'it is gone' : error.message;
        this.#sink?.cancel();
        void this.#work.then(() => this.#onClosed(reason)).then(resolve);
      });
    });
    this.#alarm.set(this.#machine.nextTimeout());
  }

  /** Ends the connection now. */
  close(reason: string): void {
    this.#sink?.cancel();
    this.#finish(false, reason);
  }

  #onData(chunk: Buffer): void {
    if (this.#end !== undefined) return;
    this.#machine.heard(chunk.length);
    this.#inbox.push(chunk);
    this.#inboxBytes += chunk.length;
    if (this.#inboxBytes > MAX_INBOX_BYTES) this.#socket.pause();
    if (this.#working) return;
    this.#working = true;
    this.#work = this.#readAll();
  }

  async #readAll(): Promise<void> {
    for (let chunk = this.#inbox.shift(); chunk !== undefined; chunk = this.#inbox.shift()) {
      await this.#read(chunk);
      this.#inboxBytes -= chunk.length;
      // What was answered meanwhile goes in one write.
      if (this.#inbox.length === 0) this.#flushing ??= setImmediate(() => this.#flush());
      this.#goOnReading();
    }
    this.#working = false;
    this.#alarm.set(this.#machine.nextTimeout());
  }

  async #read(chunk: Buffer): Promise<void> {
    try {
      for (const framed of this.#framer.push(chunk)) {
        if (this.#end !== undefined) return;
        await this.#handle(framed);
      }
    } catch (error) {
      this.#onError(error);
    }
  }

  #onError(error: unknown): void {
    try {
      void this.#run(this.#machine.malformed(error));
    } catch (fault) {
      this.#options.onFault(fault);
      this.#finish(false, 'a fault of this program');
    }
  }

  #handle(framed: Framed<Request>): Promise<void> | undefined {
    return this.#run(this.#machine.handle(framed, now()));
  }

  /** Resolves when everything is done; nothing has to be waited for when `undefined`. */
  #run(effects: readonly ReceiverEffect[]): Promise<void> | undefined {
    let waiting: Promise<void> | undefined;
    for (const effect of effects) {
      waiting =
        waiting === undefined ? this.#carryOut(effect) : waiting.then(() => this.#carryOut(effect));
    }
    return waiting;
  }

  #carryOut(effect: ReceiverEffect): Promise<void> | undefined {
    switch (effect.type) {
      case 'reply':
        this.#replies.push(encodeReply(effect.reply));
        return undefined;
      case 'admit':
        return this.#admit(effect.password);
      case 'begin-file':
        return this.#store((sink) => sink.beginFile(effect.name), true);
      case 'write':
        return this.#store(async (sink) => {
          await sink.write(effect.bytes);
          return DONE;
        });
      case 'go-on':
        return this.#store(async (sink) => {
          sink.goOn(effect.offset);
          return DONE;
        });
      case 'end-file':
        return this.#store((sink) => sink.endFile());
      case 'begin-folder':
        return this.#store((sink) => sink.beginFolder(effect.name));
      case 'end-folder':
        return this.#store(async (sink) => {
          sink.endFolder();
          return DONE;
        });
      case 'show':
        this.#sink?.show(effect.text);
        return undefined;
      case 'close':
        this.#finish(effect.complete, effect.reason);
        return undefined;
      default:
        return assertNever(effect);
    }
  }

  #admit(password: Buffer | undefined): Promise<void> | undefined {
    const admitted = this.#options.admit(this.#address, password);
    if (typeof admitted === 'string') this.#options.onRefused(this.#address, admitted);
    else this.#sink = admitted;
    return this.#run(
      this.#machine.admitted(typeof admitted === 'string' ? admitted : undefined, now()),
    );
  }

  async #store(step: (sink: IncomingSink) => Promise<Stored>, isSlow = false): Promise<void> {
    const sink = this.#sink;
    if (sink === undefined) throw new Error('nobody was admitted');
    // It may take long: what is answered is not to wait for it.
    if (isSlow) this.#flush();
    let stored: Stored;
    try {
      stored = await step(sink);
    } catch (error) {
      stored = { type: 'refused', reason: sink.describe(error) };
    }
    await this.#run(this.#machine.stored(stored, now()));
  }

  #flush(): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    const [first] = this.#replies;
    if (first === undefined) return;
    const bytes = this.#replies.length === 1 ? first : Buffer.concat(this.#replies);
    this.#replies = [];
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  #goOnReading(): void {
    if (this.#socket.writableLength > MAX_UNREAD_BYTES) this.#socket.pause();
    else if (this.#inboxBytes <= MAX_INBOX_BYTES) this.#socket.resume();
  }

  #onAlarm(): void {
    void this.#run(this.#machine.onTimeout(now()));
    if (this.#end === undefined) this.#alarm.set(this.#machine.nextTimeout());
  }

  /** Says what is to be said and closes. What still comes is read away, so that it is not lost. */
  #finish(complete: boolean, reason: string): void {
    if (this.#end !== undefined) return;
    this.#end = { complete, reason };
    this.#alarm.clear();
    this.#inbox.length = 0;
    this.#flush();
    this.#socket.end();
    this.#socket.resume();
    this.#linger = setTimeout(() => this.#socket.destroy(), LINGER_MS);
  }

  async #onClosed(reason: string): Promise<void> {
    this.#end ??= { complete: false, reason };
    this.#alarm.clear();
    clearTimeout(this.#linger);
    try {
      await this.#sink?.end(this.#end.complete, this.#end.reason);
    } catch (error) {
      this.#options.onFault(error);
    }
    this.#options.onEnded(this.#sink);
  }
}

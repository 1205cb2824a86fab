import type { Socket } from 'node:net';
import { assertNever, ProtocolError } from '../core/errors.ts';
import { Request, type RequestEffect } from '../lan/request.ts';
import {
  decodeDataHeader,
  encodeDataAnswer,
  encodeEvent,
  MAX_OBJECT_BYTES,
} from '../lanshare/codec.ts';
import { failureOf } from '../lanshare/failure.ts';
import type {
  DataHeader,
  Event,
  Exchange,
  OfferedFile,
  PeerMessage,
  Person,
} from '../lanshare/messages.ts';
import { Alarm, now } from './clock.ts';
import { type OfferedSink, takeInto } from './intake.ts';
import { ObjectStream } from './object-stream.ts';
import { sendObject } from './single-object.ts';
import { TransferReports } from './transfer-reports.ts';

const CLOSED = 'the sender has closed the connection';
const NO_PROTOCOL = 'the sender does not keep to the protocol';

/** Where one file goes. */
export interface DownloadSink extends OfferedSink {
  /** Where it is, once it is whole. */
  readonly path: string | undefined;
}

/** Where the bytes of one file come to. */
export interface DataPort {
  readonly port: number;
  close(): void;
}

export interface LanshareDownloadOptions {
  readonly username: string;
  readonly peer: Person;
  readonly file: OfferedFile;
  /** Where engines hear each other. */
  readonly tcpPort: number;
  /** The address to connect from. */
  readonly localAddress: string | undefined;
  /** A port for the transfer; `undefined` when all are in use. */
  readonly listen: (onConnection: (socket: Socket) => void) => Promise<DataPort | undefined>;
  /** @throws Error when nothing can be put into that folder. */
  readonly checkFolder: (path: string) => Promise<void>;
  readonly openSink: (folder: string, header: DataHeader) => Promise<DownloadSink>;
  /** What the sender is told of an error. */
  readonly describe: (error: unknown) => string;
  readonly onEvent: (event: Event) => void;
}

/** A file that somebody offers, and its way here: carries out what {@link Request} says. */
export class LanshareDownload {
  readonly #options: LanshareDownloadOptions;
  readonly #machine = new Request(now());
  readonly #alarm = new Alarm(() => this.#run(this.#machine.onTimeout(now())));
  readonly #reports: TransferReports;
  #resolve: () => void = () => undefined;
  /** Resolves when it is over, in whatever way. */
  readonly ended = new Promise<void>((resolve) => {
    this.#resolve = resolve;
  });
  /** Between a command of the front end and what it leads to. */
  #deciding = false;
  /** Whether the front end knows that the acceptance has arrived. */
  #agreed = false;
  #folder = '';
  #listener: DataPort | undefined;
  #stream: ObjectStream | undefined;
  #header: DataHeader | undefined;
  #sink: DownloadSink | undefined;
  /** Resolves when there is a sink, or cannot be one. */
  #opening: Promise<void> = Promise.resolve();
  #position = 0;
  #over = false;

  constructor(options: LanshareDownloadOptions) {
    this.#options = options;
    this.#reports = new TransferReports((report) => {
      this.#tell({ type: 'progress', step: 'receiving', ...this.#about(), ...report });
    });
  }

  get peer(): Person {
    return this.#options.peer;
  }

  get dir(): string {
    return this.#options.file.dir;
  }

  get port(): number | undefined {
    return this.#listener?.port;
  }

  /** Whether it waits for an answer. */
  get isAsking(): boolean {
    return this.#machine.isAsking && !this.#deciding;
  }

  /** Resolves when it is over, in whatever way. */
  async run(): Promise<void> {
    this.#run(this.#machine.handle({ type: 'asked', size: this.#options.file.size }, now()));
    await this.ended;
  }

  /** The user wants it, in `folder`. */
  async accept(folder: string): Promise<void> {
    const { checkFolder, listen } = this.#options;
    this.#deciding = true;
    this.#folder = folder;
    try {
      await checkFolder(folder);
    } catch (error) {
      if (this.#over) return;
      // He may name another one.
      this.#deciding = false;
      this.#tell(this.#acceptance('failed'), (error as Error).message);
      return;
    }
    this.#listener = await listen((socket) => this.#onConnection(socket));
    // It may have ended meanwhile.
    if (this.#over) this.#listener?.close();
    else if (this.#listener === undefined) {
      this.#options.onEvent({ type: 'info', content: 'activeDownloadFull' });
      // He need not wait for an answer.
      void this.#sendRejection().catch(() => undefined);
      this.#fail('there are too many downloads already');
    } else this.#run(this.#machine.decided('later', now()));
  }

  /** The user does not want it. */
  reject(): void {
    this.#deciding = true;
    this.#run(this.#machine.decided(undefined, now()));
  }

  /** He is not there any more; a transfer that runs has its own connection. */
  peerLeft(): void {
    if (this.#machine.isAsking) this.#fail(`${this.peer.username} has left`);
  }

  stop(reason: string): void {
    this.#sink?.cancel();
    this.#fail(reason);
  }

  #about() {
    const { peer: person, file } = this.#options;
    return { person, port: this.port ?? 0, dir: file.dir, total: file.size };
  }

  #acceptance(step: 'sent' | 'failed'): Exchange {
    const { peer: person, file } = this.#options;
    const [destination, port] = [this.#folder, this.port ?? 0];
    return { type: 'acceptance', step, person, file, destination, port };
  }

  #run(effects: readonly RequestEffect[]): void {
    if (this.#over) return;
    for (const effect of effects) this.#carryOut(effect);
    this.#alarm.set(this.#over ? undefined : this.#machine.nextTimeout());
  }

  #carryOut(effect: RequestEffect): void {
    const { peer: person, file, onEvent } = this.#options;
    switch (effect.type) {
      case 'ask-user':
        onEvent({ type: 'request', step: 'received', person, file });
        return;
      case 'stop-asking':
        onEvent({ type: 'info', content: 'requestEnded', ip: person.ip, dir: file.dir });
        return;
      case 'say':
        this.#say(effect);
        return;
      case 'receive':
        void this.#receive(effect);
        return;
      case 'check':
        void this.#check();
        return;
      case 'over':
        this.#end(effect.reason);
        return;
      default:
        assertNever(effect);
    }
  }

  #say({ message, reason = '' }: Extract<RequestEffect, { type: 'say' }>): void {
    switch (message) {
      case 'accept':
        void this.#sayAccept();
        return;
      case 'refuse':
        void this.#sayReject();
        return;
      case 'received':
        this.#stream?.send(encodeDataAnswer({ type: 'done' }));
        return;
      case 'failed':
        this.#stream?.send(encodeDataAnswer({ type: 'failed', reason }));
        return;
      default:
        assertNever(message);
    }
  }

  async #sayAccept(): Promise<void> {
    const { file } = this.#options;
    const [destination, port] = [this.#folder, this.port ?? 0];
    try {
      await this.#sendToPeer((person) => ({
        ...{ type: 'acceptance', step: 'received', person },
        ...{ file, destination, port },
      }));
      this.#hasArrived();
    } catch (error) {
      // When he has connected, it has arrived, however that connection ended.
      if (!this.#agreed) this.#fail(`it did not arrive: ${(error as Error).message}`);
    }
  }

  async #sayReject(): Promise<void> {
    const { file, peer: person } = this.#options;
    try {
      await this.#sendRejection();
      this.#tell({ type: 'rejection', step: 'sent', person, file });
    } catch (error) {
      const failed = { type: 'rejection', step: 'failed', person, file } as const;
      this.#tell(failed, (error as Error).message);
    }
  }

  #sendRejection(): Promise<void> {
    const { file } = this.#options;
    return this.#sendToPeer((person) => ({ type: 'rejection', step: 'received', person, file }));
  }

  async #sendToPeer(make: (self: Person) => PeerMessage): Promise<void> {
    const { peer, username, tcpPort, localAddress } = this.#options;
    const target = { host: peer.ip, port: tcpPort, localAddress };
    await sendObject(target, (ip) => encodeEvent(make({ username, ip })));
  }

  #hasArrived(): void {
    if (this.#agreed || this.#over) return;
    this.#agreed = true;
    this.#tell(this.#acceptance('sent'));
  }

  #onConnection(socket: Socket): void {
    if (this.#stream !== undefined || this.#over) {
      socket.destroy();
      return;
    }
    this.#hasArrived();
    this.#stream = new ObjectStream({
      socket,
      maxBytes: MAX_OBJECT_BYTES,
      onObject: (text) => void this.#onHeader(text),
      onFault: () =>
        this.#fail(this.#sink === undefined ? NO_PROTOCOL : 'more came than was offered'),
      onEnd: () => {
        // It is well when all bytes are there.
        const { size } = this.#options.file;
        if (this.#sink === undefined || this.#position < size) this.#fail(CLOSED);
      },
      onClosed: (error) => {
        const why = error === undefined ? '' : ` (${error.message})`;
        this.#fail(`${CLOSED}${why}`);
      },
    });
    this.#run(this.#machine.handle({ type: 'greeted' }, now()));
  }

  async #onHeader(text: string): Promise<void> {
    const { file, describe } = this.#options;
    try {
      const header = decodeDataHeader(text);
      const isOffered = header.name === file.name && header.size === file.size;
      if (!isOffered || this.#header !== undefined) {
        throw new ProtocolError('NO_MESSAGE', 'it is not the file that was offered');
      }
      this.#header = header;
      const { offset } = await this.#open(header);
      if (this.#over) return;
      this.#position = offset;
      this.#stream?.send(encodeDataAnswer({ type: 'offset', offset }));
      this.#run(this.#machine.handle({ type: 'begins', offset }, now()));
    } catch (error) {
      this.#fail(error instanceof ProtocolError ? protocolProblem(error) : describe(error));
    }
  }

  #open(header: DataHeader): Promise<DownloadSink> {
    const opening = this.#options.openSink(this.#folder, header).then((sink) => {
      this.#sink = sink;
      return sink;
    });
    this.#opening = opening.then(
      () => undefined,
      () => undefined,
    );
    return opening;
  }

  async #receive(range: { readonly offset: number; readonly length: number }): Promise<void> {
    const { describe } = this.#options;
    const [stream, sink] = [this.#stream, this.#sink];
    if (stream === undefined || sink === undefined) throw new Error('there is no place for it');
    this.#reports.start(range.offset);
    try {
      await takeInto(stream, sink, range, (bytes) => {
        this.#machine.moved(bytes);
        this.#position += bytes;
        this.#reports.moved(this.#position);
      });
      this.#run(this.#machine.complete());
    } catch (error) {
      this.#fail(describe(error));
    }
  }

  async #check(): Promise<void> {
    const { describe } = this.#options;
    const problem = await this.#sink?.finish().catch((error: unknown) => describe(error));
    this.#run(this.#machine.checked(problem));
  }

  #fail(reason: string): void {
    this.#run(this.#machine.fail(reason));
  }

  #end(problem: string | undefined): void {
    this.#over = true;
    this.#reports.stop();
    this.#tellEnd(problem);
    this.#stream?.end();
    // What is left to tidy up need not keep the user waiting.
    void this.#opening
      .then(() => this.#sink?.end())
      .catch(() => undefined)
      .then(() => {
        this.#listener?.close();
        this.#resolve();
      });
  }

  #tellEnd(problem: string | undefined): void {
    const { peer: person, file } = this.#options;
    const { port, total } = this.#about();
    if (problem === undefined) {
      const path = this.#sink?.path ?? '';
      this.#options.onEvent({ type: 'info', content: 'saved', ip: person.ip, dir: file.dir, path });
      this.#tell({ type: 'done', person, port, total });
    } else if (this.#agreed) {
      const { last } = this.#reports;
      this.#tell({ type: 'progress', step: 'failed', ...this.#about(), ...last }, problem);
    } else if (this.#deciding && problem !== 'refused') {
      this.#tell(this.#acceptance('failed'), problem);
    }
  }

  #tell(event: Event, reason?: string): void {
    if (reason !== undefined)
      this.#options.onEvent(failureOf(event, this.peer.ip, this.dir, reason));
    this.#options.onEvent(event);
  }
}

function protocolProblem({ detail }: ProtocolError): string {
  return detail === '' ? NO_PROTOCOL : detail;
}

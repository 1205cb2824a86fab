import type { Socket } from 'node:net';
import { assertNever, ProtocolError } from '../core/errors.ts';
import { RateLimit } from '../core/rate-limit.ts';
import type { Peer } from '../lan/roster.ts';
import {
  decodeCommand,
  decodePeerMessage,
  decodePresence,
  encodeEvent,
  encodePresence,
  MAX_OBJECT_BYTES,
} from '../lanshare/codec.ts';
import { failureOf } from '../lanshare/failure.ts';
import type { Command, Event, OfferedFile, PeerMessage, Person } from '../lanshare/messages.ts';
import { plainAddress } from './addresses.ts';
import { Callers } from './callers.ts';
import { now } from './clock.ts';
import { LanPresence } from './lan-presence.ts';
import {
  type DataPort,
  LanshareDownload,
  type LanshareDownloadOptions,
} from './lanshare-download.ts';
import { LanshareUpload, type UploadFile } from './lanshare-upload.ts';
import { PortListener } from './port-listener.ts';
import { sendObject, takeObject } from './single-object.ts';

/** Presence, the objects between engines, and the first of the ports for data. */
export const LANSHARE_UDP_PORT = 9998;
export const LANSHARE_TCP_PORT = 9999;
export const LANSHARE_DATA_PORT = 9996;

/** Uploads, and downloads, at a time; and so many ports there are for data. */
const MOST_TRANSFERS = 25;
/** Requests that wait for an answer; and those of one address. */
const MOST_REQUESTS = 256;
const MOST_REQUESTS_OF_ONE = 32;
/** Connections of engines at a time. */
const MAX_CONNECTIONS = 256;
/** Of what one address does, the user is told so much. */
const MOST_WARNINGS = 3;
const WARNINGS_PER_SECOND = 0.1;
/** Nobody but the sender has anything to say on a data port. */
const MAX_DATA_CONNECTIONS = 4;

const STATUS = { hello: 'online', answer: 'online', bye: 'offline' } as const;

export interface LanshareEngineOptions
  extends Pick<LanshareDownloadOptions, 'checkFolder' | 'openSink' | 'describe' | 'onEvent'> {
  readonly username: string;
  /** The address of this peer; all of this machine when absent. */
  readonly ip: string | undefined;
  readonly broadcast: readonly string[] | undefined;
  readonly udpPort: number;
  readonly tcpPort: number;
  /** The highest of the ports for data; 0: those that the system chooses. */
  readonly dataPort: number;
  /** @throws Error when there is no file to offer. */
  readonly openFile: (path: string) => Promise<UploadFile>;
  readonly log: (text: string) => void;
}

/** One engine on real sockets: commands go in, events come out. */
export class LanshareEngine implements AsyncDisposable {
  readonly #options: LanshareEngineOptions;
  readonly #uploads = new Set<LanshareUpload>();
  readonly #downloads = new Set<LanshareDownload>();
  readonly #running = new Set<Promise<void>>();
  readonly #callers = new Callers((address) => this.#warn(address, 'it says too much'));
  readonly #warnings = new RateLimit(MOST_WARNINGS, WARNINGS_PER_SECOND);
  readonly #dataPorts = new Set<number>();
  #presence: LanPresence | undefined;
  #listener: PortListener | undefined;
  #closed = false;

  private constructor(options: LanshareEngineOptions) {
    this.#options = options;
  }

  /** @throws Error that says which port cannot be used, and why. */
  static async start(options: LanshareEngineOptions): Promise<LanshareEngine> {
    const { ip, udpPort, tcpPort, log, onEvent } = options;
    const engine = new LanshareEngine(options);
    engine.#listener = await PortListener.open({
      host: ip,
      port: tcpPort,
      maxConnections: MAX_CONNECTIONS,
      onConnection: (socket) => engine.#onConnection(socket),
      onFull: () => '',
      onError: (error) => log(`TCP: ${error.message}`),
    }).catch((error: Error) => {
      throw new Error(`TCP port ${tcpPort}: ${error.message}`);
    });
    engine.#presence = await LanPresence.start({
      ...options,
      port: udpPort,
      copies: 5,
      answersDiffer: false,
      encode: (word, from) =>
        Buffer.from(encodePresence(STATUS[word], { ip: from, username: options.username })),
      decode: (datagram) => {
        const said = decodePresence(datagram.toString());
        return said && { word: said.status === 'online' ? 'hello' : 'bye', name: said.username };
      },
      onCame: (peer) => onEvent({ type: 'presence', status: 'online', person: personOf(peer) }),
      onRenamed: (peer) => onEvent({ type: 'presence', status: 'online', person: personOf(peer) }),
      onLeft: (peer) => engine.#onLeft(peer),
    }).catch(async (error: Error) => {
      await engine.#listener?.close();
      throw new Error(`UDP port ${udpPort}: ${error.message}`);
    });
    return engine;
  }

  /** Who is there. */
  get people(): readonly Person[] {
    return (this.#presence?.peers ?? []).map(personOf);
  }

  /** @param text one command of the front end. What is no command is told. */
  handle(text: string): void {
    if (this.#closed) return;
    try {
      this.#obey(decodeCommand(text));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#refuse(error.detail);
    }
  }

  /** Ends all transfers, and says goodbye. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const one of [...this.#uploads, ...this.#downloads]) one.stop('the engine ends');
    await Promise.all([this.#presence?.close(), this.#listener?.close(), ...this.#running]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #obey(command: Command): void {
    switch (command.type) {
      case 'request':
        this.#keep(this.#request(command.ip, command.dir));
        return;
      case 'accept':
        this.#asked(command.ip, command.dir, (download) => download.accept(command.dest));
        return;
      case 'reject':
        this.#asked(command.ip, command.dir, async (download) => download.reject());
        return;
      case 'message':
        this.#keep(this.#write(command));
        return;
      case 'stop':
        this.#stop(command);
        return;
      case 'greet':
        for (const person of this.people)
          this.#tell({ type: 'presence', status: 'online', person });
        this.#presence?.greet();
        return;
      default:
        assertNever(command);
    }
  }

  async #request(ip: string, path: string): Promise<void> {
    const { username, tcpPort, ip: localAddress, openFile, onEvent } = this.#options;
    const peer = this.#personAt(ip);
    const fail = (reason: string, size = 0): void => {
      const name = path.split(/[\\/]/).at(-1) || path;
      const file = { dir: path, name, size };
      const event = { type: 'request', step: 'failed', person: peer, file } as const;
      this.#tell(failureOf(event, ip, path, reason));
      this.#tell(event);
    };
    if (this.#presence?.isOwn(ip)) return fail('that is this peer itself');
    await using file = await openFile(path).catch((error: Error) => void fail(error.message));
    if (file === undefined || this.#closed) return;
    if ([...this.#uploads].some((one) => isAbout(one, ip, path))) {
      return fail('that was asked already');
    }
    if (this.#uploads.size >= MOST_TRANSFERS) {
      this.#tell({ type: 'info', content: 'activeUploadFull' });
      return fail('there are too many uploads already', file.source.size);
    }
    const upload = new LanshareUpload({
      ...{ username, peer, dir: path, file, tcpPort, localAddress, onEvent },
    });
    this.#uploads.add(upload);
    await upload.run();
    this.#uploads.delete(upload);
  }

  #asked(ip: string, dir: string, act: (download: LanshareDownload) => Promise<void>): void {
    const download = [...this.#downloads].find((one) => isAbout(one, ip, dir) && one.isAsking);
    if (download === undefined) this.#refuse(`there is no request of ${ip} for ${dir}`);
    else this.#keep(act(download));
  }

  async #write({ ip, to, text }: Extract<Command, { type: 'message' }>): Promise<void> {
    const { username: person, tcpPort, ip: localAddress } = this.#options;
    const about = { type: 'message', person, text } as const;
    try {
      const other = to === '' ? undefined : this.#presence?.whyNot(ip, to);
      if (other !== undefined) throw new Error(other);
      const wire = encodeEvent({ ...about, step: 'received' });
      await sendObject({ host: ip, port: tcpPort, localAddress }, () => wire);
      this.#tell({ ...about, step: 'sent' });
    } catch (error) {
      const failed = { ...about, step: 'failed' } as const;
      this.#tell(failureOf(failed, ip, '', (error as Error).message));
      this.#tell(failed);
    }
  }

  #stop({ port, ip }: Extract<Command, { type: 'stop' }>): void {
    const all = [...this.#uploads, ...this.#downloads].filter(
      (one) => one.port === port && (ip === undefined || one.peer.ip === ip),
    );
    if (all.length === 0) this.#refuse(`there is no transfer with port ${port}`);
    for (const one of all) one.stop('it was stopped');
  }

  #onLeft(peer: Peer): void {
    for (const one of [...this.#uploads, ...this.#downloads]) {
      if (one.peer.ip === peer.address) one.peerLeft();
    }
    this.#tell({ type: 'presence', status: 'offline', person: personOf(peer) });
  }

  #onConnection(socket: Socket): void {
    const address = this.#callers.admit(socket);
    if (address === undefined) return;
    takeObject(
      socket,
      MAX_OBJECT_BYTES,
      (text) => this.#take(text, address),
      (reason) => this.#options.log(`${address}: ${reason}`),
    );
  }

  /** @returns why it is not taken. */
  #take(text: string, address: string): string | undefined {
    try {
      const message = decodePeerMessage(text, address);
      const name = message.type === 'message' ? message.person : message.person.username;
      const lie = this.#presence?.whyNot(address, name);
      if (lie === undefined) return this.#hear(message, address);
      this.#warn(address, lie);
      return lie;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return `that makes no sense (${error.message})`;
    }
  }

  #hear(message: PeerMessage, address: string): string | undefined {
    switch (message.type) {
      case 'request':
        return this.#offered(message.person, message.file);
      case 'acceptance':
      case 'rejection': {
        const { dir } = message.file;
        const upload = [...this.#uploads].find((one) => isAbout(one, address, dir));
        return upload === undefined ? 'nothing like that was asked' : upload.answer(message);
      }
      case 'message':
        this.#tell(message);
        return undefined;
      default:
        return assertNever(message);
    }
  }

  #offered(peer: Person, file: OfferedFile): string | undefined {
    const { username, tcpPort, ip: localAddress } = this.#options;
    const { checkFolder, openSink, describe, onEvent } = this.#options;
    const same = [...this.#downloads].find((one) => isAbout(one, peer.ip, file.dir));
    // Who asks again has been started again, or has stopped it: what he asked before is over.
    same?.stop('it was asked again');
    const waiting = [...this.#downloads].filter((one) => one.isAsking);
    const ofOne = waiting.filter((one) => one.peer.ip === peer.ip);
    if (waiting.length >= MOST_REQUESTS || ofOne.length >= MOST_REQUESTS_OF_ONE) {
      return 'too many requests wait';
    }
    const download = new LanshareDownload({
      ...{ username, peer, file, tcpPort, localAddress, checkFolder, openSink, describe, onEvent },
      listen: (onConnection) => this.#listenForData(peer.ip, onConnection),
    });
    const before = same?.ended ?? Promise.resolve();
    this.#keep(before.then(() => this.#receive(download)));
    return undefined;
  }

  async #receive(download: LanshareDownload): Promise<void> {
    if (this.#closed) return;
    this.#downloads.add(download);
    await download.run();
    this.#downloads.delete(download);
  }

  /** The first port for data that is free, for one sender. */
  async #listenForData(
    from: string,
    onConnection: (socket: Socket) => void,
  ): Promise<DataPort | undefined> {
    const { ip: host, dataPort, log } = this.#options;
    for (let index = 0; index < MOST_TRANSFERS; index += 1) {
      // Also where the system chooses: one slot for each transfer.
      const slot = dataPort - index;
      // Events name a transfer by its port: one that an upload has there would be taken for this.
      const isUploads = [...this.#uploads].some(({ port }) => port === slot);
      if (this.#dataPorts.has(slot) || isUploads) continue;
      this.#dataPorts.add(slot);
      const listener = await PortListener.open({
        host,
        port: dataPort === 0 ? 0 : slot,
        maxConnections: MAX_DATA_CONNECTIONS,
        onConnection: (socket) => {
          if (plainAddress(socket.remoteAddress ?? '') === from) onConnection(socket);
          else socket.destroy();
        },
        onFull: () => '',
        onError: (error) => log(`TCP: ${error.message}`),
      }).catch(() => undefined);
      if (listener !== undefined) {
        const { port } = listener;
        const close = (): void =>
          void listener.close().then(() => void this.#dataPorts.delete(slot));
        return { port, close };
      }
      // Another program has it.
      this.#dataPorts.delete(slot);
    }
    return undefined;
  }

  #personAt(ip: string): Person {
    return { username: this.#presence?.find(ip)?.name ?? ip, ip };
  }

  #refuse(reason: string): void {
    this.#tell({ type: 'info', content: 'badCommand', reason });
  }

  #warn(ip: string, reason: string): void {
    if (this.#warnings.admit(ip, now()) !== 'admitted') return;
    this.#options.log(`${ip}: ${reason}`);
    this.#tell({ type: 'info', content: 'warning', ip, reason });
  }

  #tell(event: Event): void {
    this.#options.onEvent(event);
  }

  #keep(running: Promise<void>): void {
    this.#running.add(running);
    void running.finally(() => this.#running.delete(running));
  }
}

function isAbout(one: LanshareUpload | LanshareDownload, ip: string, dir: string): boolean {
  return one.peer.ip === ip && one.dir === dir;
}

function personOf({ name, address }: Peer): Person {
  return { username: name, ip: address };
}

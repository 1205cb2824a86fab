import { randomInt } from 'node:crypto';
import type { RemoteInfo } from 'node:dgram';
import type { Socket } from 'node:net';
import { ChatServer } from '../commands/chat-server.ts';
import { encodeError, encodeServerMessage } from '../commands/codec.ts';
import type { ErrorCode } from '../commands/messages.ts';
import type { ConnectionId, RoomOptions, ServerEffect } from '../commands/room.ts';
import { parsePort } from '../core/brands.ts';
import { assertNever, ProtocolError } from '../core/errors.ts';
import { decodeFeedback } from '../udp-reliable/feedback.ts';
import { formatEndpoint, plainAddress } from './addresses.ts';
import { now } from './clock.ts';
import { interfaceMtu } from './mtu.ts';
import { PeerConnection } from './peer-connection.ts';
import { PortListener } from './port-listener.ts';
import type { SegmentSource } from './read-ahead.ts';
import { SegmentSender } from './segment-sender.ts';

/** Clients at a time on one port (document, "About the server program"). */
export const CLIENTS_PER_PORT = 15;

/** Up to this size a file is hashed before it is offered. */
const HASH_AT_ONCE_BYTES = 1_048_576;
/** A longer datagram is no word of the document's protocol. */
const MAX_TEXT_BYTES = 16;

/** A file that can be had, as the server uses it. */
export interface ServedFile extends SegmentSource {
  readonly size: number;
  readonly lastByte: number | undefined;
  /** The same as long as the file is. */
  readonly id: string;
  /** The SHA-256 in hex, and the same without waiting where it is known or quickly made. */
  sha256(): Promise<string>;
  readonly knownSha256: string | undefined;
  isUnchanged(): Promise<boolean>;
  close(): Promise<void>;
}

/** Where the server's files come from. */
export interface ServedFolder {
  list(): Promise<string[]>;
  open(name: string): Promise<ServedFile | undefined>;
}

export interface ServerEvent {
  readonly level: 'info' | 'warning' | 'error';
  /** The client it is about, if it is about one. */
  readonly client?: string;
  readonly name?: string | undefined;
  readonly text: string;
}

export interface ChatServerDriverOptions {
  /** All addresses of both families when absent. */
  readonly host: string | undefined;
  /** 0 is a port that the system chooses. */
  readonly ports: readonly number[];
  readonly folder: ServedFolder;
  readonly room: RoomOptions;
  /** The largest IP packet to send; what the interface says when absent. */
  readonly mtu?: number | undefined;
  readonly onEvent: (event: ServerEvent) => void;
}

interface Client {
  readonly peer: PeerConnection;
  readonly endpoint: string;
  readonly host: string;
  readonly localAddress: string;
  file: ServedFile | undefined;
  sending: SegmentSender | undefined;
}

/** The classroom server on real sockets: it carries out what {@link ChatServer} says. */
export class ChatServerDriver implements AsyncDisposable {
  readonly #options: ChatServerDriverOptions;
  readonly #machine: ChatServer;
  readonly #listeners: PortListener[] = [];
  readonly #clients = new Map<ConnectionId, Client>();
  #nextId = 1;
  #closed: (() => void) | undefined;

  private constructor(options: ChatServerDriverOptions) {
    this.#options = options;
    this.#machine = new ChatServer(options.room);
  }

  /**
   * Listens on every port that is free; each that is not is reported as a warning.
   * @throws Error when none of them is.
   */
  static async start(options: ChatServerDriverOptions): Promise<ChatServerDriver> {
    const driver = new ChatServerDriver(options);
    for (const port of options.ports) await driver.#listen(port);
    if (driver.#listeners.length === 0) throw new Error('none of the ports can be listened on');
    return driver;
  }

  /** The ports that it listens on. */
  get ports(): readonly number[] {
    return this.#listeners.map(({ port }) => port);
  }

  /** Tells every client, and closes everything within two seconds. */
  async close(): Promise<void> {
    const gone = new Promise<void>((resolve) => {
      this.#closed = resolve;
      if (this.#clients.size === 0) resolve();
    });
    const closed = this.#listeners.map((listener) => listener.close());
    for (const effect of this.#machine.shutDown()) {
      const peer = 'to' in effect ? this.#clients.get(effect.to)?.peer : undefined;
      if (effect.type === 'send') peer?.endWith(encodeServerMessage(effect.message));
    }
    await Promise.all([gone, ...closed]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #listen(port: number): Promise<void> {
    const { host, onEvent } = this.#options;
    try {
      const listener = await PortListener.open({
        host,
        port,
        maxConnections: CLIENTS_PER_PORT,
        onConnection: (socket) => this.#onConnection(socket),
        onFull: (socket) => {
          onEvent({ level: 'info', client: endpointOf(socket), text: 'refused: port is full' });
          return encodeError(new ProtocolError<ErrorCode>('PORT_FULL'));
        },
        onError: (error) => onEvent({ level: 'error', text: error.message }),
      });
      this.#listeners.push(listener);
    } catch (error) {
      const why = error instanceof Error ? error.message : error;
      onEvent({ level: 'warning', text: `port ${port} is left out: ${why}` });
    }
  }

  #onConnection(socket: Socket): void {
    const id = this.#nextId++;
    const peer = new PeerConnection({
      socket,
      framer: {},
      onMessage: (text, framing) =>
        this.#obey(id, () => this.#machine.handle(id, text, framing, now())),
      onTooLong: (error) => void this.#obey(id, () => this.#machine.failed(id, error, now())),
      onDeadline: () => void this.#obey(id, () => this.#machine.onTimeout(id, now())),
      onClosed: (error) => this.#onClosed(id, error),
    });
    const host = plainAddress(socket.remoteAddress ?? '');
    const localAddress = plainAddress(socket.localAddress ?? '');
    this.#clients.set(id, {
      peer,
      endpoint: endpointOf(socket),
      host,
      localAddress,
      file: undefined,
      sending: undefined,
    });
    const mtu = this.#options.mtu ?? interfaceMtu(localAddress);
    const local = host === localAddress || host.startsWith('127.');
    this.#machine.opened(id, host, now(), { mtu, local });
    this.#log(id, 'TCP connection');
  }

  #onClosed(id: ConnectionId, error: Error | undefined): void {
    this.#log(id, error === undefined ? 'TCP closed' : `TCP broken: ${error.message}`);
    void this.#obey(id, () => this.#machine.closed(id));
    this.#endSending(id);
    this.#clients.delete(id);
    if (this.#clients.size === 0) this.#closed?.();
  }

  /**
   * Lets the machine decide and carries it out; resolves when what takes time is done, too. A fault
   * of ours ends one session, not the server.
   */
  async #obey(id: ConnectionId, decide: () => readonly ServerEffect[]): Promise<void> {
    try {
      await this.#run(decide());
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#options.onEvent({ level: 'error', text });
      this.#clients.get(id)?.peer.destroy();
    }
    this.#clients.get(id)?.peer.setDeadline(this.#machine.nextTimeout(id));
  }

  async #run(effects: readonly ServerEffect[]): Promise<void> {
    for (const effect of effects) {
      const more = this.#carryOut(effect);
      if (more !== undefined) await this.#run(await more);
    }
  }

  #carryOut(effect: ServerEffect): Promise<readonly ServerEffect[]> | undefined {
    switch (effect.type) {
      case 'send':
        this.#clients.get(effect.to)?.peer.send(encodeServerMessage(effect.message));
        return undefined;
      case 'close':
        this.#clients.get(effect.connection)?.peer.end();
        return undefined;
      case 'log':
        this.#log(effect.connection, effect.text, effect.name);
        return undefined;
      case 'list-files':
        return this.#listFiles(effect.connection);
      case 'open-file':
        return this.#openFile(effect.connection, effect.file);
      case 'start-sending':
        this.#startSending(effect);
        return undefined;
      case 'hash-file':
        return this.#hashFile(effect.connection);
      case 'wake-sender':
        this.#clients.get(effect.connection)?.sending?.wake();
        return undefined;
      case 'check-file':
        return this.#checkFile(effect.connection);
      case 'end-sending':
        this.#endSending(effect.connection);
        return undefined;
      case 'stop-sending':
        this.#clients.get(effect.connection)?.sending?.close();
        return undefined;
      default:
        return assertNever(effect);
    }
  }

  async #listFiles(id: ConnectionId): Promise<readonly ServerEffect[]> {
    const names = await this.#options.folder.list().catch((error: unknown) => {
      this.#options.onEvent({
        level: 'error',
        text: `the folder cannot be read: ${error}`,
      });
      return [];
    });
    return this.#machine.filesListed(id, names, now());
  }

  async #openFile(id: ConnectionId, name: string): Promise<readonly ServerEffect[]> {
    const file = await this.#options.folder.open(name).catch((error: unknown) => {
      this.#options.onEvent({
        level: 'error',
        text: `${name} cannot be opened: ${error}`,
      });
      return undefined;
    });
    const client = this.#clients.get(id);
    if (client === undefined) {
      await file?.close();
      return [];
    }
    client.file = file;
    // One message less to wait for; a hash that fails is told of when it is needed.
    if (file !== undefined && file.size <= HASH_AT_ONCE_BYTES) {
      await file.sha256().catch(() => undefined);
    }
    return this.#machine.fileOpened(id, file, randomInt(2 ** 32), now());
  }

  async #hashFile(id: ConnectionId): Promise<readonly ServerEffect[]> {
    const file = this.#clients.get(id)?.file;
    if (file === undefined) return [];
    // Meanwhile the client may have stopped it, and begun another download.
    const isCurrent = (): boolean => this.#clients.get(id)?.file === file;
    try {
      const sha256 = await file.sha256();
      return isCurrent() ? this.#machine.fileHashed(id, sha256, now()) : [];
    } catch (error) {
      if (!isCurrent()) return [];
      this.#options.onEvent({ level: 'error', text: `hashing failed: ${error}` });
      const code = (await file.isUnchanged()) ? 'READ_FAILED' : 'FILE_CHANGED';
      return isCurrent() ? this.#machine.sendingFailed(id, code, now()) : [];
    }
  }

  async #checkFile(id: ConnectionId): Promise<readonly ServerEffect[]> {
    const file = this.#clients.get(id)?.file;
    const unchanged = (await file?.isUnchanged()) ?? false;
    if (this.#clients.get(id)?.file !== file) return [];
    return this.#machine.fileChecked(id, unchanged, now());
  }

  #startSending(effect: Extract<ServerEffect, { type: 'start-sending' }>): void {
    const { connection: id, sender, host, numbering, cut, target } = effect;
    const client = this.#clients.get(id);
    if (client?.file === undefined) return;
    const { file, localAddress } = client;
    client.sending = new SegmentSender({
      sender,
      source: file,
      cut,
      numbering,
      host,
      port: 'port' in target ? target.port : undefined,
      localAddress,
      onBound: (bound) => {
        const port = parsePort(String(bound));
        if (port === undefined) return;
        void this.#obey(id, () => this.#machine.senderReady(id, port, now()));
      },
      onDatagram: (datagram, from) => {
        if ('key' in target) this.#onFeedback(id, datagram, from, target.key);
        else this.#onText(id, datagram);
      },
      onPaused: () => {
        this.#machine.sendingPaused(id, now());
        client.peer.setDeadline(this.#machine.nextTimeout(id));
      },
      onFailed: (code, error) => {
        if (error !== undefined) {
          this.#options.onEvent({
            level: 'error',
            text: `reading failed: ${error}`,
          });
        }
        void this.#obey(id, () => this.#machine.sendingFailed(id, code, now()));
      },
    });
  }

  #onText(id: ConnectionId, datagram: Buffer): void {
    if (datagram.length > MAX_TEXT_BYTES) return;
    const text = datagram.toString();
    void this.#obey(id, () => this.#machine.handleDatagram(id, text, now()));
  }

  #onFeedback(id: ConnectionId, datagram: Buffer, from: RemoteInfo, key: number): void {
    const feedback = decodeFeedback(datagram, key);
    const client = this.#clients.get(id);
    if (feedback === undefined || client?.sending === undefined) return;
    // Never to a third party, even if it knows the key; and nobody can be answered at port 0.
    if (plainAddress(from.address) !== client.host || from.port === 0) return;
    client.sending.connect(from.port);
    void this.#obey(id, () => this.#machine.handleFeedback(id, feedback, now()));
    client.sending.wake();
  }

  #endSending(id: ConnectionId): void {
    const client = this.#clients.get(id);
    if (client === undefined) return;
    client.sending?.close();
    client.sending = undefined;
    const { file } = client;
    client.file = undefined;
    file?.close().catch((error: unknown) => {
      this.#options.onEvent({
        level: 'error',
        text: `closing a file failed: ${error}`,
      });
    });
  }

  #log(id: ConnectionId, text: string, name?: string): void {
    const client = this.#clients.get(id)?.endpoint ?? '';
    this.#options.onEvent({ level: 'info', client, name, text });
  }
}

function endpointOf(socket: Socket): string {
  return formatEndpoint(plainAddress(socket.remoteAddress ?? ''), socket.remotePort ?? 0);
}

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { ChatServer } from '../commands/chat-server.ts';
import { encodeError, encodeServerMessage } from '../commands/codec.ts';
import type { ErrorCode } from '../commands/messages.ts';
import type { ConnectionId, RoomOptions, ServerEffect } from '../commands/room.ts';
import { assertNever, ProtocolError, systemCode } from '../core/errors.ts';
import { formatEndpoint, plainAddress } from './addresses.ts';
import { now } from './clock.ts';
import { PeerConnection } from './peer-connection.ts';
import { SegmentSender, type SegmentSource } from './segment-sender.ts';

/** Clients at a time on one port (document, "About the server program"). */
export const CLIENTS_PER_PORT = 15;

/** A file that can be had, as the server uses it. */
export interface ServedFile extends SegmentSource {
  readonly lastByte: number | undefined;
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
  readonly #servers: Server[] = [];
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
    if (driver.#servers.length === 0) throw new Error('none of the ports can be listened on');
    return driver;
  }

  /** The ports that it listens on. */
  get ports(): readonly number[] {
    return this.#servers.map((server) => (server.address() as AddressInfo).port);
  }

  /** Tells every client, and closes everything within two seconds. */
  async close(): Promise<void> {
    const gone = new Promise<void>((resolve) => {
      this.#closed = resolve;
      if (this.#clients.size === 0) resolve();
    });
    const closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
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
    const server = createServer({ allowHalfOpen: true });
    // Counted here and not by `maxConnections`, which closes without a word.
    const ids = new Set<ConnectionId>();
    server.on('connection', (socket) => this.#onConnection(socket, ids));
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ port, ...(this.#options.host && { host: this.#options.host }) }, () => {
          server.off('error', reject);
          resolve();
        });
      });
    } catch (error) {
      const why = describeListenError(error);
      this.#options.onEvent({
        level: 'warning',
        text: `port ${port} is left out: ${why}`,
      });
      return;
    }
    server.on('error', (error) => this.#options.onEvent({ level: 'error', text: error.message }));
    this.#servers.push(server);
  }

  #onConnection(socket: Socket, onThisPort: Set<ConnectionId>): void {
    const host = plainAddress(socket.remoteAddress ?? '');
    const endpoint = formatEndpoint(host, socket.remotePort ?? 0);
    if (onThisPort.size >= CLIENTS_PER_PORT) {
      socket.on('error', () => undefined);
      socket.end(encodeError(new ProtocolError<ErrorCode>('PORT_FULL')));
      // What it may have sent is read away, so that the answer is not lost in a reset.
      socket.resume();
      socket.setTimeout(1000, () => socket.destroy());
      this.#options.onEvent({ level: 'info', client: endpoint, text: 'refused: port is full' });
      return;
    }
    const id = this.#nextId++;
    onThisPort.add(id);
    const peer = new PeerConnection({
      socket,
      framer: {},
      onMessage: (text, framing) => this.#run(this.#machine.handle(id, text, framing, now())),
      onTooLong: (error) => void this.#run(this.#machine.failed(id, error, now())),
      onDeadline: () => this.#settle(id, this.#machine.onTimeout(id, now())),
      onClosed: (error) => {
        onThisPort.delete(id);
        this.#onClosed(id, error);
      },
    });
    const localAddress = plainAddress(socket.localAddress ?? '');
    this.#clients.set(id, {
      peer,
      endpoint,
      host,
      localAddress,
      file: undefined,
      sending: undefined,
    });
    this.#machine.opened(id, host, now());
    this.#log(id, 'TCP connection');
  }

  #onClosed(id: ConnectionId, error: Error | undefined): void {
    this.#log(id, error === undefined ? 'TCP closed' : `TCP broken: ${error.message}`);
    this.#settle(id, this.#machine.closed(id));
    this.#endSending(id);
    this.#clients.delete(id);
    if (this.#clients.size === 0) this.#closed?.();
  }

  /** Carries out what needs no waiting for, from where nobody waits. */
  #settle(id: ConnectionId, effects: readonly ServerEffect[]): void {
    void this.#run(effects);
    this.#clients.get(id)?.peer.setDeadline(this.#machine.nextTimeout(id));
  }

  /** Carries out effects; resolves when those that take time are done, and what follows of them. */
  async #run(effects: readonly ServerEffect[]): Promise<void> {
    for (const effect of effects) {
      try {
        const more = this.#carryOut(effect);
        if (more !== undefined) await this.#run(await more);
      } catch (error) {
        this.#onFault(effect, error);
      }
    }
    for (const effect of effects) {
      const id = 'to' in effect ? effect.to : effect.connection;
      this.#clients.get(id)?.peer.setDeadline(this.#machine.nextTimeout(id));
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
      case 'wake-sender':
        this.#clients.get(effect.connection)?.sending?.wake();
        return undefined;
      case 'check-file':
        return this.#checkFile(effect.connection);
      case 'end-sending':
        this.#endSending(effect.connection);
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
    return this.#machine.fileOpened(id, file, now());
  }

  async #checkFile(id: ConnectionId): Promise<readonly ServerEffect[]> {
    const unchanged = (await this.#clients.get(id)?.file?.isUnchanged()) ?? false;
    return this.#machine.fileChecked(id, unchanged, now());
  }

  #startSending(effect: Extract<ServerEffect, { type: 'start-sending' }>): void {
    const { connection: id, sender, host, port, numbering } = effect;
    const client = this.#clients.get(id);
    if (client?.file === undefined) return;
    const { file, localAddress } = client;
    client.sending = new SegmentSender({
      sender,
      source: file,
      numbering,
      host,
      port,
      localAddress,
      onMessage: (text) => this.#settle(id, this.#machine.handleDatagram(id, text, now())),
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
        this.#settle(id, this.#machine.sendingFailed(id, code, now()));
      },
    });
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

  /** A fault of ours ends one session, not the server. */
  #onFault(effect: ServerEffect, error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#options.onEvent({ level: 'error', text });
    const id = 'to' in effect ? effect.to : effect.connection;
    this.#clients.get(id)?.peer.destroy();
  }

  #log(id: ConnectionId, text: string, name?: string): void {
    const client = this.#clients.get(id)?.endpoint ?? '';
    this.#options.onEvent({ level: 'info', client, name, text });
  }
}

function describeListenError(error: unknown): string {
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return 'another program has it';
    case 'EACCES':
      return 'not allowed';
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return 'this machine does not have that address';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}

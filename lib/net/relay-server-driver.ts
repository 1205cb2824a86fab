import type { Socket } from 'node:net';
import { millis } from '../core/brands.ts';
import { assertNever } from '../core/errors.ts';
import { WrongAttempts } from '../core/wrong-attempts.ts';
import {
  type Dialect,
  encodeCommandReply,
  encodeNotification,
  MAX_LINE_BYTES,
  refusal,
} from '../relay/codec.ts';
import { RelayServer } from '../relay/server.ts';
import {
  type Agreement,
  type ConnectionId,
  type ConnectionKind,
  type Party,
  type RelayEffect,
  type ServerLine,
  WRONG_KEYS,
} from '../relay/server-room.ts';
import type { KeyHashes } from '../storage/key-hash.ts';
import type { TransferStore } from '../storage/transfer-store.ts';
import { formatEndpoint, plainAddress } from './addresses.ts';
import type { ServerEvent } from './chat-server-driver.ts';
import { now } from './clock.ts';
import { LineConnection } from './line-connection.ts';
import { PortListener, turnAway } from './port-listener.ts';
import { type KnownUsers, RelayKeys } from './relay-keys.ts';
import { RelayTransfers } from './relay-transfers.ts';

/** Connections at a time, on each of the two ports. */
const MAX_CONNECTIONS = 4096;

export interface RelayServerOptions {
  /** All addresses of both families when absent. */
  readonly host: string | undefined;
  /** 0 is a port that the system chooses. */
  readonly commandPort: number;
  readonly notificationPort: number;
  /** Closed by the driver. */
  readonly store: TransferStore;
  /** Absent: whoever comes first has the name. */
  readonly users?: KnownUsers | undefined;
  readonly hashes: KeyHashes;
  readonly dialect: Dialect;
  /** How long a file is kept, in ms. */
  readonly keep: number;
  readonly onEvent: (event: ServerEvent) => void;
}

interface Client {
  readonly connection: LineConnection;
  readonly host: string;
  readonly endpoint: string;
}

/** The relay server on real sockets: it carries out what {@link RelayServer} says. */
export class RelayServerDriver implements AsyncDisposable {
  readonly #options: RelayServerOptions;
  readonly #machine = new RelayServer();
  readonly #clients = new Map<ConnectionId, Client>();
  readonly #transfers: RelayTransfers;
  readonly #listeners: PortListener[] = [];
  readonly #keys: RelayKeys;
  readonly #wrongKeys = new WrongAttempts(WRONG_KEYS, millis(60_000));
  #nextId = 1;
  #closing = false;

  private constructor(options: RelayServerOptions) {
    this.#options = options;
    this.#keys = new RelayKeys(options.users, options.hashes);
    this.#transfers = new RelayTransfers({
      ...options,
      keys: this.#keys,
      onFault: (error) => this.#onFault(error),
    });
  }

  /** Goes on with the transfers of the store, then listens. @throws Error that says why not. */
  static async start(options: RelayServerOptions): Promise<RelayServerDriver> {
    const driver = new RelayServerDriver(options);
    try {
      await driver.#transfers.goOn();
      const { commandPort, notificationPort } = options;
      await driver.#listen('command', commandPort);
      await driver.#listen('notification', notificationPort);
    } catch (error) {
      await driver.close();
      throw error;
    }
    return driver;
  }

  get commandPort(): number {
    return this.#listeners[0]?.port ?? 0;
  }

  get notificationPort(): number {
    return this.#listeners[1]?.port ?? 0;
  }

  /** Transfers that take room in the store. */
  get transfers(): number {
    return this.#transfers.count;
  }

  /** Closes everything; the transfers stay in the store. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    const closed = this.#listeners.map((listener) => listener.close());
    for (const { connection } of this.#clients.values()) connection.end();
    await this.#transfers.close();
    await Promise.all(closed);
    await this.#options.store.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #listen(kind: ConnectionKind, port: number): Promise<void> {
    const error = refusal('SERVER_ERROR', 'too many connections');
    const listener = await PortListener.open({
      host: this.#options.host,
      port,
      maxConnections: MAX_CONNECTIONS,
      onConnection: (socket) => this.#onConnection(kind, socket),
      onFull: () => encodeCommandReply({ type: 'refused', error }),
      onError: (fault) => this.#onFault(fault),
    }).catch((cause: Error) => {
      throw new Error(`port ${port} cannot be used: ${cause.message}`);
    });
    this.#listeners.push(listener);
  }

  #onConnection(kind: ConnectionKind, socket: Socket): void {
    const host = plainAddress(socket.remoteAddress ?? '');
    if (this.#wrongKeys.isShutOut(host, now())) {
      const why = 'too many wrong keys from this address; try again in a minute';
      const error = refusal('AUTHENTICATION_FAILED', why);
      turnAway(socket, encodeCommandReply({ type: 'refused', error }));
      return;
    }
    const id = this.#nextId++;
    const connection = new LineConnection({
      socket,
      maxLineBytes: MAX_LINE_BYTES,
      onLine: (line) => this.#obey(id, () => this.#machine.line(id, line, now())),
      isBusy: () => this.#machine.isBusy(id),
      onTooLong: () => this.#obey(id, () => this.#machine.tooLong(id)),
      onSlowLine: () => this.#obey(id, () => this.#machine.lineTimedOut(id)),
      onDeadline: () => this.#obey(id, () => this.#machine.onTimeout(id, now())),
      onClosed: () => {
        this.#obey(id, () => this.#machine.closed(id));
        this.#clients.delete(id);
      },
    });
    this.#clients.set(id, {
      connection,
      host,
      endpoint: formatEndpoint(host, socket.remotePort ?? 0),
    });
    this.#obey(id, () => this.#machine.opened(id, kind, now()));
  }

  /** Lets the machine decide, and carries it out. A fault of ours ends one connection. */
  #obey(id: ConnectionId, decide: () => readonly RelayEffect[]): void {
    try {
      for (const effect of decide()) this.#carryOut(effect);
    } catch (error) {
      this.#onFault(error);
      this.#clients.get(id)?.connection.destroy();
    }
    this.#clients.get(id)?.connection.setDeadline(this.#machine.nextTimeout(id));
  }

  #carryOut(effect: RelayEffect): void {
    switch (effect.type) {
      case 'send':
        this.#send(effect.to, encode(effect.message));
        return;
      case 'close':
        this.#clients.get(effect.connection)?.connection.end();
        return;
      case 'log':
        this.#log(effect.connection, effect.text);
        return;
      case 'wrong-key':
        this.#wrongKeys.add(this.#clients.get(effect.connection)?.host ?? '', now());
        return;
      case 'check-key':
        this.#then(effect.connection, this.#keys.isRight(effect.party), (right) =>
          this.#machine.keyChecked(effect.connection, right),
        );
        return;
      case 'make-transfer':
        this.#makeTransfer(effect.connection, effect.agreement);
        return;
      case 'list-waiting':
        this.#listWaiting(effect.connection, effect.party);
        return;
      default:
        assertNever(effect);
    }
  }

  /** An answer to one connection may have ended what another one waits for. */
  #send(to: ConnectionId, text: string): void {
    const client = this.#clients.get(to);
    client?.connection.send(text);
    client?.connection.setDeadline(this.#machine.nextTimeout(to));
    setImmediate(() => this.#clients.get(to)?.connection.goOn());
  }

  #then<Result>(
    id: ConnectionId,
    promise: Promise<Result>,
    decide: (result: Result) => readonly RelayEffect[],
  ): void {
    promise.then(
      (result) => {
        this.#obey(id, () => decide(result));
        this.#clients.get(id)?.connection.goOn();
      },
      (error: unknown) => {
        this.#onFault(error);
        this.#clients.get(id)?.connection.destroy();
      },
    );
  }

  #makeTransfer(id: ConnectionId, agreement: Agreement): void {
    const made = this.#transfers.make(agreement).catch((error: Error) => error);
    this.#then(id, made, (result) => {
      if (result instanceof Error) return this.#machine.transferFailed(id, result.message);
      const effects = this.#machine.transferMade(id, result.port);
      // The sender has left: nobody would ever write.
      if (effects.length === 0) this.#transfers.end(result.transfer, 'its sender has left');
      return effects;
    });
  }

  #listWaiting(id: ConnectionId, party: Party): void {
    this.#then(id, this.#transfers.waitingFor(party), (offers) =>
      this.#machine.waitingListed(id, offers),
    );
  }

  #onFault(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#options.onEvent({ level: 'error', text });
  }

  #log(id: ConnectionId, text: string): void {
    const client = this.#clients.get(id)?.endpoint ?? '';
    const name = this.#machine.userOf(id);
    this.#options.onEvent({ level: 'info', client, name, text });
  }
}

function encode(message: ServerLine): string {
  return message.on === 'command'
    ? encodeCommandReply(message.reply)
    : encodeNotification(message.notification);
}

import { type Port, parsePort } from '../core/brands.ts';
import type { Dialect } from '../relay/codec.ts';
import { type KeptParty, Transfer, type TransferRecord } from '../relay/transfer.ts';
import type { StoredFile } from '../storage/stored-file.ts';
import { PortListener } from './port-listener.ts';
import { DataConnection, type DataHost } from './relay-data-connection.ts';

/** Connections at a time: each may try again before this side has noticed, and some are strangers. */
const SPARE_CONNECTIONS = 16;
/** What is behind this many bytes is made safe while more is coming. */
const SAFE_STEP = 16_777_216;
/** How often it is noted how far the readers are. */
const NOTE_EVERY_MS = 1000;
/** A port that is somebody else's just now is tried again. */
const LISTEN_AGAIN_MS = 1000;
/** What timers of Node.js can be set to. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface RelayTransferOptions {
  readonly host: string | undefined;
  readonly file: StoredFile;
  readonly dialect: Dialect;
  /** How long a file is kept, in ms. */
  readonly keep: number;
  readonly checkKey: (party: KeptParty, key: string) => Promise<boolean>;
  readonly save: (record: TransferRecord, options: { readonly safe: boolean }) => Promise<void>;
  /** Everybody has read it, or it is too old. */
  readonly onOver: (transfer: RelayTransfer, why: string) => void;
  readonly onFault: (error: unknown) => void;
  readonly log: (text: string) => void;
}

/** A file on its way: its data port, and everybody who writes or reads there. */
export class RelayTransfer implements DataHost {
  readonly transfer: Transfer;
  readonly #options: RelayTransferOptions;
  readonly #connections = new Set<DataConnection>();
  #listener: PortListener | undefined;
  #listening = true;
  #writer: DataConnection | undefined;
  readonly #readers = new Map<string, DataConnection>();
  #noting: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #again: NodeJS.Timeout | undefined;
  /** Resolves when what was to be made safe is. */
  #safe: Promise<void> | undefined;
  #closed = false;

  constructor(record: TransferRecord, options: RelayTransferOptions) {
    this.transfer = new Transfer(record);
    this.transfer.storedAtMost(options.file.written);
    this.#options = options;
    this.#setExpiry();
  }

  get file(): StoredFile {
    return this.#options.file;
  }

  get dialect(): Dialect {
    return this.#options.dialect;
  }

  /**
   * Listens on its data port.
   * @param port 0: one that the system chooses.
   * @throws Error that says why that cannot be.
   */
  async listen(port: number): Promise<Port> {
    const { host, onFault } = this.#options;
    const listener = await PortListener.open({
      host,
      port,
      maxConnections: 2 * (this.transfer.record.readers.length + 1) + SPARE_CONNECTIONS,
      onConnection: (socket) => this.#connections.add(new DataConnection(this, socket)),
      // No code says that it may be tried again; a lost connection does.
      onFull: () => '',
      onError: onFault,
    });
    this.#listener = listener;
    if (this.#closed) await listener.close();
    const chosen = parsePort(String(listener.port));
    if (chosen === undefined) throw new Error('the system gave no port');
    return chosen;
  }

  /** The same, for a port that has been told already: tries until it is free. */
  async listenAgain(): Promise<void> {
    const { port } = this.transfer.record;
    try {
      await this.listen(port);
    } catch (error) {
      if (this.#listening) this.#options.log(`port ${port} is waited for: ${error}`);
      this.#listening = false;
      if (this.#closed) return;
      this.#again = setTimeout(() => void this.listenAgain(), LISTEN_AGAIN_MS);
    }
  }

  checkKey(party: KeptParty, key: string): Promise<boolean> {
    return this.#options.checkKey(party, key);
  }

  /** @returns bytes that are stored. */
  async becomeWriter(connection: DataConnection): Promise<number> {
    const earlier = this.#writer;
    this.#writer = connection;
    if (earlier !== connection) earlier?.destroy();
    await this.#safe;
    await this.file.beginAgain();
    this.transfer.storedAtMost(this.file.written);
    // What is told as stored must be in the file whatever happens next.
    await this.#makeSafe();
    return this.file.written;
  }

  async begunToWrite(offset: number): Promise<void> {
    this.#setExpiry();
    // Noted before: bytes that count are there, whenever the server may end.
    if (offset < this.file.received) await this.file.clear(() => this.#save(true));
    else await this.#save(true);
  }

  becomeReader(connection: DataConnection, user: string): void {
    this.#readers.get(user)?.destroy();
    this.#readers.set(user, connection);
  }

  onReceived(): void {
    if (this.file.written < this.transfer.record.stored + SAFE_STEP) return;
    this.#safe ??= this.#makeSafe()
      .catch((error: unknown) => {
        this.#options.onFault(error);
        this.#writer?.cannotStore(error);
      })
      .finally(() => {
        this.#safe = undefined;
      });
  }

  async finishWriting(): Promise<void> {
    const { size, stored } = this.transfer.record;
    if (stored === size && size > 0) return;
    await this.#safe;
    await this.file.flush();
    await this.#makeSafe();
    this.log('is stored');
  }

  onRead(user: string, upTo: number): void {
    this.transfer.readUpTo(user, upTo);
    this.#noting ??= setTimeout(() => {
      this.#noting = undefined;
      this.#note(false);
    }, NOTE_EVERY_MS);
  }

  onReadToTheEnd(user: string): void {
    this.transfer.readToTheEnd(user);
    this.log(`${user} has read it`);
    this.#note(true);
    if (this.transfer.over) this.#options.onOver(this, 'everybody has read it');
  }

  onClosed(connection: DataConnection): void {
    this.#connections.delete(connection);
    if (this.#writer === connection) this.#writer = undefined;
    for (const [user, reader] of this.#readers) {
      if (reader === connection) this.#readers.delete(user);
    }
  }

  onFault(error: unknown): void {
    this.#options.onFault(error);
  }

  log(text: string): void {
    this.#options.log(text);
  }

  /** Ends all connections; what was noted last is safe then. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#noting);
    clearTimeout(this.#expiry);
    clearTimeout(this.#again);
    for (const connection of this.#connections) connection.destroy();
    await this.#listener?.close();
    await this.#safe;
    if (!this.transfer.over) {
      await this.file.flush().catch(() => undefined);
      await this.#makeSafe().catch((error: unknown) => this.#options.onFault(error));
    }
    await this.file.close();
  }

  async #makeSafe(): Promise<void> {
    const stored = await this.file.sync();
    this.transfer.storedUpTo(stored);
    await this.#save(true);
    this.#setExpiry();
  }

  #note(safe: boolean): void {
    if (this.#closed) return;
    this.#save(safe).catch((error: unknown) => this.#options.onFault(error));
  }

  #save(safe: boolean): Promise<void> {
    return this.#options.save(this.transfer.record, { safe });
  }

  #setExpiry(): void {
    clearTimeout(this.#expiry);
    if (this.#closed) return;
    const left = this.transfer.expiresAt(this.#options.keep) - Date.now();
    this.#expiry = setTimeout(
      () => {
        // The sender may have come meanwhile.
        if (this.transfer.expiresAt(this.#options.keep) > Date.now()) this.#setExpiry();
        else this.#options.onOver(this, 'it was kept long enough');
      },
      Math.min(LONGEST_TIMER_MS, Math.max(0, left)),
    );
  }
}

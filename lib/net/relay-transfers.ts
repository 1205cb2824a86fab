import { type Port, parsePort } from '../core/brands.ts';
import type { Dialect } from '../relay/codec.ts';
import type { Agreement, Party, WaitingOffer } from '../relay/server-room.ts';
import type { TransferRecord } from '../relay/transfer.ts';
import { asDiskError, DiskFullError } from '../storage/disk-full.ts';
import type { TransferStore } from '../storage/transfer-store.ts';
import type { ServerEvent } from './chat-server-driver.ts';
import type { RelayKeys } from './relay-keys.ts';
import { RelayTransfer } from './relay-transfer.ts';

export interface RelayTransfersOptions {
  readonly host: string | undefined;
  readonly store: TransferStore;
  readonly keys: RelayKeys;
  readonly dialect: Dialect;
  /** How long a file is kept, in ms. */
  readonly keep: number;
  readonly onEvent: (event: ServerEvent) => void;
  readonly onFault: (error: unknown) => void;
}

/** Each takes a port and may take all the room. */
const MOST_PER_SENDER = 100;

/** All transfers of a server. */
export class RelayTransfers {
  readonly #options: RelayTransfersOptions;
  readonly #transfers = new Map<string, RelayTransfer>();
  readonly #ending = new Set<Promise<void>>();
  #closing = false;

  constructor(options: RelayTransfersOptions) {
    this.#options = options;
  }

  /** Those that take room in the store. */
  get count(): number {
    return this.#transfers.size + this.#ending.size;
  }

  /** Those that were under way when the server ended; one that cannot go on is left as it is. */
  async goOn(): Promise<void> {
    for (const record of this.#options.store.found) {
      await this.#goOnWith(record).catch((error: Error) => {
        const text = `${record.file} of ${record.sender.user} cannot go on: ${error.message}`;
        this.#options.onEvent({ level: 'warning', text });
      });
    }
  }

  /** What this user has said yes to, with this key, and not read to the end. */
  async waitingFor(party: Party): Promise<WaitingOffer[]> {
    const records = [...this.#transfers.values()].map(({ transfer }) => transfer.record);
    const mine = records.flatMap((record) => {
      const reader = record.readers.find(({ user, done }) => user === party.user && !done);
      return reader === undefined ? [] : [{ record, reader }];
    });
    const checked = mine.map(async ({ record, reader }) => {
      const port = parsePort(String(record.port));
      if (port === undefined || !(await this.#options.keys.isKept(reader, party.key))) return [];
      return [{ sender: record.sender.user, file: record.file, port }];
    });
    return (await Promise.all(checked)).flat();
  }

  /** Ends all connections; the transfers stay in the store. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all([...this.#transfers.values()].map((transfer) => transfer.close()));
    await Promise.all(this.#ending);
  }

  /** Makes room, a file and a port for it. @throws Error that says why that cannot be. */
  async make(agreement: Agreement): Promise<{ transfer: RelayTransfer; port: Port }> {
    const { store } = this.#options;
    const id = store.newId();
    const { file, size } = agreement;
    if (this.#countOf(agreement.sender.user) >= MOST_PER_SENDER) {
      throw new Error(`${MOST_PER_SENDER} transfers of this sender are going on`);
    }
    await store.reserve(id, size);
    let opened: RelayTransfer | undefined;
    try {
      const sender = await this.#options.keys.keep(agreement.sender);
      const kept = await Promise.all(
        agreement.recipients.map((party) => this.#options.keys.keep(party)),
      );
      const readers = kept.map((party) => ({ ...party, read: 0, done: false }));
      const created = Date.now();
      const begun = { id, file, size, sender, readers, created, stored: 0, begun: false };
      opened = await this.#open({ ...begun, port: 0 });
      const port = await opened.listen(0);
      opened.transfer.listensOn(port);
      await store.save(opened.transfer.record, { safe: true });
      if (this.#closing) throw new Error('the server is closing');
      return { transfer: opened, port };
    } catch (error) {
      await opened?.close();
      await this.#forget(id).catch((fault: unknown) => this.#options.onFault(fault));
      const known = asDiskError(error);
      if (known instanceof DiskFullError) throw known;
      this.#options.onFault(error);
      throw new Error('the file cannot be stored');
    }
  }

  async #open(record: TransferRecord): Promise<RelayTransfer> {
    const { store, host, dialect, keep } = this.#options;
    const name = `${record.file} of ${record.sender.user}:`;
    const transfer = new RelayTransfer(record, {
      host,
      file: await store.openFile(record),
      dialect,
      keep,
      checkKey: (party, key) => this.#options.keys.isKept(party, key),
      save: (saved, options) => store.save(saved, options),
      onOver: (over, why) => this.end(over, why),
      onFault: (error) => this.#options.onFault(error),
      log: (text) => this.#options.onEvent({ level: 'info', name, text }),
    });
    this.#transfers.set(record.id, transfer);
    return transfer;
  }

  async #goOnWith(record: TransferRecord): Promise<void> {
    const transfer = await this.#open(record);
    if (transfer.transfer.over) this.end(transfer, 'everybody has read it');
    else await transfer.listenAgain();
  }

  /** Nothing of it stays. */
  end(transfer: RelayTransfer, why: string): void {
    const { id } = transfer.transfer.record;
    if (!this.#transfers.delete(id)) return;
    transfer.log(`is over: ${why}`);
    const ended = transfer
      .close()
      .then(() => this.#forget(id))
      .catch((error: unknown) => this.#options.onFault(error))
      .finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }

  #countOf(sender: string): number {
    const records = [...this.#transfers.values()].map(({ transfer }) => transfer.record);
    return records.filter((record) => record.sender.user === sender).length;
  }

  async #forget(id: string): Promise<void> {
    this.#transfers.delete(id);
    await this.#options.store.remove(id);
  }
}

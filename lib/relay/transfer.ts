import { refusal } from './codec.ts';
import type { Offer } from './messages.ts';

/** Somebody in a transfer, as it is kept: the key of the log-in as a salted hash. */
export interface KeptParty {
  readonly user: string;
  readonly keyHash: string;
}

/** How far somebody who said yes has come. */
export interface Reader extends KeptParty {
  /** In bytes. */
  readonly read: number;
  /** Has read to the end, and has closed the connection then. */
  readonly done: boolean;
}

/** All that has to survive the server. */
export interface TransferRecord extends Offer {
  readonly id: string;
  readonly sender: KeptParty;
  readonly readers: readonly Reader[];
  /** Of the wall clock, in ms. */
  readonly created: number;
  readonly port: number;
  /** Bytes that are safe on the disk. */
  readonly stored: number;
  /** The sender has come to write. */
  readonly begun: boolean;
}

/** How long a sender may let its recipients wait for the first byte. */
export const BEGIN_WITHIN_MS = 3_600_000;

/** One file on its way: who may write and read it, and when it is over (document, "SharedFile"). */
export class Transfer {
  #record: TransferRecord;
  /** How far readers have come since the record was last looked at: it changes with each block. */
  readonly #reads = new Map<string, number>();

  constructor(record: TransferRecord) {
    this.#record = record;
  }

  get record(): TransferRecord {
    for (const [user, read] of this.#reads) {
      this.#change(user, (reader) => (read > reader.read ? { ...reader, read } : reader));
    }
    this.#reads.clear();
    return this.#record;
  }

  /** Of the whole file, in bytes. */
  get size(): number {
    return this.#record.size;
  }

  /** Whether every recipient has read to the end. */
  get over(): boolean {
    return this.#record.readers.every(({ done }) => done);
  }

  /**
   * When it ends in any case, in ms of the wall clock.
   * @param keep how long a file is kept, in ms.
   */
  expiresAt(keep: number): number {
    const { created, begun } = this.#record;
    return created + (begun ? keep : Math.min(keep, BEGIN_WITHIN_MS));
  }

  partyNamed(user: string, role: 'sender' | 'reader'): KeptParty {
    const { sender, readers } = this.#record;
    const party = (role === 'sender' ? [sender] : readers).find((one) => one.user === user);
    if (party === undefined) throw refusal('DENIED', `${user} is not its ${role}`);
    return party;
  }

  /**
   * The byte that the sender is to go on with.
   * @param stored bytes that are in the file.
   * @throws RelayError `DENIED` when somebody has already read what would be written anew.
   */
  writeFrom(stored: number, resume: boolean): number {
    this.#record = { ...this.#record, begun: true };
    if (resume || stored === 0) return stored;
    if (this.record.readers.some(({ read }) => read > 0)) {
      throw refusal('DENIED', `${stored} bytes are stored and read; add resume to go on`);
    }
    this.storedAtMost(0);
    return 0;
  }

  /** @throws RelayError `DENIED` for what lies behind the end. */
  checkOffset(offset: number): void {
    if (offset > this.#record.size) {
      throw refusal('DENIED', `the file has ${this.#record.size} bytes`);
    }
  }

  listensOn(port: number): void {
    this.#record = { ...this.#record, port };
  }

  /** No more is in the file, whatever was noted. */
  storedAtMost(stored: number): void {
    this.#record = { ...this.#record, stored: Math.min(stored, this.#record.stored) };
  }

  /** What was safe before stays so. */
  storedUpTo(stored: number): void {
    this.#record = { ...this.#record, stored: Math.max(stored, this.#record.stored) };
  }

  readUpTo(user: string, read: number): void {
    this.#reads.set(user, Math.max(read, this.#reads.get(user) ?? 0));
  }

  readToTheEnd(user: string): void {
    this.#change(user, (reader) => ({ ...reader, read: this.#record.size, done: true }));
  }

  #change(user: string, change: (reader: Reader) => Reader): void {
    const readers = this.#record.readers.map((one) => (one.user === user ? change(one) : one));
    this.#record = { ...this.#record, readers };
  }
}

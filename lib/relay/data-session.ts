import { after, type Millis, millis } from '../core/brands.ts';
import { assertNever, ProtocolError } from '../core/errors.ts';
import { decodeDataRequest, refusal } from './codec.ts';
import type { DataReply, DataRequest, RelayError } from './messages.ts';
import type { KeptParty, Transfer } from './transfer.ts';

/** A data connection says what it wants by then. */
export const DATA_REQUEST_TIME = millis(10_000);
/** In this span so many bytes have to move, of a transfer that waits for the peer. */
export const PROGRESS_SPAN = millis(60_000);
export const PROGRESS_BYTES = 65_536;
/** What is on the way to a reader that has been handed everything may take this long. */
export const LAST_BYTES_TIME = millis(600_000);

export type DataEffect =
  | { readonly type: 'reply'; readonly reply: DataReply }
  /** To be answered with `keyChecked`. */
  | { readonly type: 'check-key'; readonly party: KeptParty; readonly key: string }
  /** An earlier connection of this writer ends; to be answered with `readyToWrite`. */
  | { readonly type: 'prepare-writing' }
  /** Bytes may be taken, to be stored from this one on. */
  | { readonly type: 'write-from'; readonly offset: number }
  /** An earlier connection of this reader ends. */
  | {
      readonly type: 'read-from';
      readonly user: string;
      readonly offset: number;
      /** It says `OK` when it has everything. */
      readonly acknowledges: boolean;
    }
  /** `abruptly`: no line may be said any more, since bytes were. */
  | { readonly type: 'close'; readonly abruptly: boolean };

type State = 'request' | 'checking' | 'preparing' | 'writing' | 'reading' | 'read' | 'closed';

/** The server's side of one data connection (document, "SHAREDFILESERVER COMMANDS"). */
export class DataSession {
  readonly #transfer: Transfer;
  #state: State = 'request';
  #request: DataRequest | undefined;
  /** When the span began in which bytes have to move, and how many did. */
  #since: Millis;
  #moved = 0;
  /** It is not the peer that is waited for. */
  #excused = false;

  constructor(transfer: Transfer, now: Millis) {
    this.#transfer = transfer;
    this.#since = now;
  }

  /** The first line. */
  request(line: string): readonly DataEffect[] {
    return this.#orRefuse(() => {
      const request = decodeDataRequest(line);
      const role = request.type === 'write' ? 'sender' : 'reader';
      const party = this.#transfer.partyNamed(request.user, role);
      this.#request = request;
      this.#state = 'checking';
      return [{ type: 'check-key', party, key: request.key }];
    });
  }

  tooLong(): readonly DataEffect[] {
    return this.#orRefuse(() => {
      throw refusal('BAD_REQUEST', 'the line is too long');
    });
  }

  keyChecked(right: boolean, now: Millis): readonly DataEffect[] {
    const request = this.#request;
    if (this.#state !== 'checking' || request === undefined) return [];
    return this.#orRefuse(() => {
      if (!right) throw refusal('DENIED', 'another key');
      this.#since = now;
      switch (request.type) {
        case 'write':
          this.#state = 'preparing';
          return [{ type: 'prepare-writing' }];
        case 'read':
          return this.#read(request);
        default:
          return assertNever(request);
      }
    });
  }

  /** @param stored bytes that are in the file. */
  readyToWrite(stored: number, now: Millis): readonly DataEffect[] {
    const request = this.#request;
    if (this.#state !== 'preparing' || request?.type !== 'write') return [];
    return this.#orRefuse(() => {
      const offset = this.#transfer.writeFrom(stored, request.resume);
      this.#state = 'writing';
      this.#since = now;
      const { file } = this.#transfer.record;
      const bytes = request.resume ? offset : undefined;
      return [
        { type: 'reply', reply: { type: 'granted', file, bytes } },
        { type: 'write-from', offset },
      ];
    });
  }

  /** The file cannot be stored. */
  storingFailed(reason: string): readonly DataEffect[] {
    if (this.#state === 'closed') return [];
    return this.#orRefuse(() => {
      throw refusal('SERVER_ERROR', reason);
    });
  }

  /** Bytes came, or went out. */
  moved(bytes: number): void {
    this.#moved += bytes;
  }

  /**
   * Whether the peer is waited for: not while its bytes cannot be stored as fast as they come, nor
   * while a reader has everything that is there.
   */
  waitsForPeer(waits: boolean, now: Millis): void {
    if (waits === !this.#excused) return;
    this.#excused = !waits;
    this.#since = now;
    this.#moved = 0;
  }

  /** A reader has been handed everything: it is to close the connection when it has it. */
  handedOver(now: Millis): void {
    this.#state = 'read';
    this.#since = now;
  }

  nextTimeout(): Millis | undefined {
    switch (this.#state) {
      case 'request':
        return after(this.#since, DATA_REQUEST_TIME);
      case 'writing':
      case 'reading':
        return this.#excused ? undefined : after(this.#since, PROGRESS_SPAN);
      case 'read':
        return after(this.#since, LAST_BYTES_TIME);
      case 'checking':
      case 'preparing':
      case 'closed':
        return undefined;
      default:
        return assertNever(this.#state);
    }
  }

  onTimeout(now: Millis): readonly DataEffect[] {
    const deadline = this.nextTimeout();
    if (deadline === undefined || now < deadline) return [];
    const mayGoOn = this.#state === 'writing' || this.#state === 'reading';
    if (mayGoOn && this.#moved >= PROGRESS_BYTES) {
      this.#since = now;
      this.#moved = 0;
      return [];
    }
    if (this.#state === 'reading' || this.#state === 'read') {
      this.#state = 'closed';
      return [{ type: 'close', abruptly: true }];
    }
    return this.#orRefuse(() => {
      throw refusal(this.#state === 'request' ? 'BAD_REQUEST' : 'DENIED', 'that took too long');
    });
  }

  #read(request: Extract<DataRequest, { type: 'read' }>): DataEffect[] {
    const { user, offset, details } = request;
    this.#transfer.checkOffset(offset);
    this.#state = 'reading';
    const { file, size } = this.#transfer.record;
    return [
      { type: 'reply', reply: { type: 'granted', file, bytes: details ? size : undefined } },
      { type: 'read-from', user, offset, acknowledges: details },
    ];
  }

  #orRefuse(body: () => readonly DataEffect[]): readonly DataEffect[] {
    try {
      return body();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#state = 'closed';
      return [
        { type: 'reply', reply: { type: 'refused', error: error as RelayError } },
        { type: 'close', abruptly: false },
      ];
    }
  }
}

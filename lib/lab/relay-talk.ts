import type { Side, Stream } from '../capture/tcp-streams.ts';
import { LineFramer } from '../core/line-framer.ts';
import {
  decodeCommandRequest,
  decodeCount,
  decodeNotification,
  decodeRefusal,
  MAX_LINE_BYTES,
  MAX_RECIPIENTS,
} from '../relay/codec.ts';
import type { Notification } from '../relay/messages.ts';
import type { CapturedFile, FileEvent } from './captured-files.ts';
import { type Conversation, otherSide } from './tcp-files.ts';
import { type BoundedMap, hostOf, Transfer, type Transfers } from './transfers.ts';

/** Requests that wait for their answers, at most. */
const MAX_WAITING = 1000;
/** Names in the answer to LIST. */
const MAX_USERS = 1_000_000;

/** A file that was offered. */
export interface RelayOffer {
  readonly file: string;
  readonly size: number | undefined;
}

/** What the connections to servers tell each other. */
export interface Known {
  readonly transfers: Transfers;
  /** The file behind the port of a transfer, by its address. */
  readonly ports: BoundedMap<string, RelayOffer>;
}

/** What tells transfers apart. @param server the address of the transfer */
export function transferKey(
  type: 'write' | 'read',
  server: string,
  user: string,
  file: string,
): string {
  return JSON.stringify([type, server, user, file]);
}

/**
 * A command or a notification connection: it tells who has offered what, who has refused it, and on which
 * port it is (PROTOCOL.md, "Requests", "Questions").
 */
export class RelayTalk implements Conversation {
  readonly #stream: Stream;
  readonly #server: Side;
  readonly #known: Known;
  readonly #lines: Readonly<Record<Side, LineFramer>> = {
    client: new LineFramer(MAX_LINE_BYTES),
    server: new LineFramer(MAX_LINE_BYTES),
  };
  #user: string | undefined;
  /** Recipients of a `SEND` that are still to be named. */
  #recipients = 0;
  /** Names that are still to come from the server. */
  #names = 0;
  /** Whether the port of a transfer follows them. */
  #portIsDue = false;
  /** What the client has asked for and has no answer to. */
  readonly #sends: RelayOffer[] = [];
  /** What the server has asked and has no answer to; `undefined`: it has not told of which file. */
  readonly #questions: (RelayOffer | undefined)[] = [];
  /** What this user has said yes to, and has no port yet. */
  readonly #wanted = new Map<string, RelayOffer>();

  constructor(stream: Stream, server: Side, known: Known) {
    this.#stream = stream;
    this.#server = server;
    this.#known = known;
  }

  *data(by: Side, bytes: Buffer): Generator<FileEvent> {
    for (const line of this.#lines[by].push(bytes)) {
      yield* by === this.#server ? this.#onServer(line) : this.#onClient(line);
    }
  }

  gap(): boolean {
    return false;
  }

  *#onClient(line: string): Generator<FileEvent> {
    if (this.#user === undefined) {
      this.#user = line.split(' ')[0] ?? '';
    } else if (this.#recipients > 0) {
      this.#recipients -= 1;
    } else if (/^SEND /.test(line)) {
      const request = decodeCommandRequest(line);
      if (request.type !== 'send') return;
      this.#recipients = request.recipients;
      if (this.#sends.length < MAX_WAITING) this.#sends.push(request);
    } else if (/^40[01]( |$)/.test(line)) yield* this.#onAnswer(line.startsWith('400'));
  }

  /** Answers belong to the questions in their order. */
  *#onAnswer(isYes: boolean): Generator<FileEvent> {
    const offer = this.#questions.shift();
    if (offer === undefined || isYes) return;
    yield this.#refused(offer, this.#server, `${this.#user} did not want it`);
  }

  *#onServer(line: string): Generator<FileEvent> {
    if (this.#names > 0) {
      this.#names -= 1;
      return;
    }
    if (this.#portIsDue) {
      this.#portIsDue = false;
      yield* this.#onPort(line);
      return;
    }
    const message = decodeNotification(line);
    if (message !== undefined) this.#onNotification(message);
    const accepted = decodeCount(line, '402', MAX_RECIPIENTS);
    this.#portIsDue = accepted !== undefined;
    this.#names = accepted ?? decodeCount(line, '300', MAX_USERS) ?? 0;
    const code = decodeRefusal(line)?.code;
    if (code !== 'NO_RECIPIENT' && code !== 'SERVER_ERROR' && code !== 'BAD_SEND') return;
    const offer = this.#sends.shift();
    if (offer !== undefined) yield this.#refused(offer, otherSide(this.#server), REASONS[code]);
  }

  #onNotification(message: Extract<Notification, { type: 'request' | 'open' }>): void {
    const { sender } = message;
    if (message.type === 'request') {
      const { offer } = message;
      if (this.#questions.length < MAX_WAITING) this.#questions.push(offer);
      if (offer === undefined || this.#wanted.size >= MAX_WAITING) return;
      const key = `${sender} ${offer.file}`;
      const other = this.#wanted.get(key);
      // Which of them a port is for, nobody tells.
      const size = other === undefined || other.size === offer.size ? offer.size : undefined;
      this.#wanted.set(key, { file: offer.file, size });
      return;
    }
    const { file, port } = message;
    const key = `${sender} ${file}`;
    const address = `${hostOf(this.#stream[this.#server])}:${port}`;
    // It comes again after each log-in.
    const known = this.#known.ports.get(address);
    const size = this.#wanted.get(key)?.size ?? (known?.file === file ? known.size : undefined);
    // It may be the port of an earlier one.
    if (this.#wanted.delete(key)) {
      this.#known.transfers.beginAnew(transferKey('read', address, this.#user ?? '', file));
    }
    this.#known.ports.set(address, { file, size });
  }

  *#onPort(line: string): Generator<FileEvent> {
    const offer = this.#sends.shift();
    if (offer === undefined || !/^\d{1,5}$/.test(line)) return;
    const address = `${hostOf(this.#stream[this.#server])}:${Number(line)}`;
    this.#known.ports.set(address, offer);
    const key = transferKey('write', address, this.#user ?? '', offer.file);
    const file = this.#fileOf(offer, otherSide(this.#server));
    // It may be the port of an earlier one.
    const { size } = offer;
    const transfer = yield* this.#known.transfers.begin(key, { file, size }, true);
    // Its reader may be done with an empty file before the sender has come to the port: then nobody is there any more.
    if (size === 0) transfer.begun = true;
  }

  #refused(offer: RelayOffer, by: Side, reason: string): FileEvent {
    const transfer = new Transfer('', { file: this.#fileOf(offer, by), size: offer.size });
    transfer.failure = reason;
    return transfer.done();
  }

  #fileOf({ file: name }: RelayOffer, by: Side): CapturedFile {
    const [from, to] = [this.#stream[by], this.#stream[otherSide(by)]];
    return { protocol: 'relay', name, from, to };
  }
}

const REASONS = {
  NO_RECIPIENT: 'nobody wanted it',
  SERVER_ERROR: 'the server did not take it',
  BAD_SEND: 'the server did not understand the request',
};

import type { Side, Stream } from '../capture/tcp-streams.ts';
import { visible } from '../core/text.ts';
import {
  decodeDataAnswer,
  decodeDataHeader,
  decodePeerMessage,
  MAX_OBJECT_BYTES,
} from '../lanshare/codec.ts';
import type { DataAnswer, DataHeader, OfferedFile } from '../lanshare/messages.ts';
import type { FileEvent } from './captured-files.ts';
import { CapturedObjects } from './captured-objects.ts';
import { type Conversation, otherSide, type TcpProtocol } from './tcp-files.ts';
import { BoundedMap, hostOf, type Transfer, Transfers } from './transfers.ts';

const PORT = 9999;
const FIRST_DATA_PORT = 9972;
const LAST_DATA_PORT = 9996;
const FIRST_WORDS = /^\s*\{\s*"stat"\s*:\s*"(rreq|racp|rrej|rmsg)"/;
const HEADER = /^\s*\{\s*"fileName"\s*:/;
const MAX_PORTS = 4096;

/** What the connections of engines tell each other. */
interface Known {
  /** Files that were offered, and not sent yet. */
  readonly offers: Transfers;
  readonly transfers: Transfers;
  /** The key of the offer, by the address that a receiver has named for it. */
  readonly ports: BoundedMap<string, string>;
}

/** Files that engines of lanshare have sent (lib/lanshare/PROTOCOL.md, "File data"). */
export class LanshareFiles implements TcpProtocol {
  readonly #known: Known = {
    offers: new Transfers(),
    transfers: new Transfers(),
    ports: new BoundedMap(MAX_PORTS),
  };

  open(stream: Stream, _by: Side, first: Buffer): Conversation | undefined {
    const start = first.toString('latin1', 0, 32);
    const { serverPort: port, client, server } = stream;
    if (!/^\s*\{/.test(start)) return undefined;
    if (FIRST_WORDS.test(start)) return new ObjectConversation(stream, this.#known);
    const { ports } = this.#known;
    const isData =
      HEADER.test(start) ||
      (port >= FIRST_DATA_PORT && port <= LAST_DATA_PORT) ||
      [client, server].some((end) => ports.get(end) !== undefined);
    if (isData) return new DataConversation(stream, this.#known);
    return port === PORT ? new ObjectConversation(stream, this.#known) : undefined;
  }

  *end(): Generator<FileEvent> {
    yield* this.#known.transfers.end();
    yield* this.#known.offers.end();
  }
}

/** A connection for one object. */
class ObjectConversation implements Conversation {
  readonly #stream: Stream;
  readonly #known: Known;
  readonly #said: Readonly<Record<Side, CapturedObjects>> = {
    client: new CapturedObjects(MAX_OBJECT_BYTES),
    server: new CapturedObjects(MAX_OBJECT_BYTES),
  };

  constructor(stream: Stream, known: Known) {
    this.#stream = stream;
    this.#known = known;
  }

  *data(by: Side, bytes: Buffer): Generator<FileEvent> {
    for (const one of this.#said[by].push(bytes)) {
      if (one.type === 'object') yield* this.#on(by, one.text);
    }
  }

  gap(): boolean {
    return false;
  }

  *#on(by: Side, text: string): Generator<FileEvent> {
    const self = this.#stream[by];
    const message = decodePeerMessage(text, hostOf(self));
    const { offers, ports } = this.#known;
    if (message.type === 'request') {
      const offer = yield* this.#begin(by, message.file);
      offer.failure = 'nobody has answered';
    } else if (message.type === 'rejection') {
      const offer = yield* this.#begin(otherSide(by), message.file);
      offer.failure = 'the receiver did not want it';
      yield* offers.finish(offer);
    } else if (message.type === 'acceptance') {
      const key = this.#keyOf(otherSide(by), message.file.dir);
      ports.set(`${hostOf(self)}:${message.port}`, key);
      const offer = offers.get(key);
      if (offer !== undefined) offer.failure = undefined;
    }
  }

  #begin(sender: Side, { dir, name, size }: OfferedFile): Generator<FileEvent, Transfer> {
    const [from, to] = [this.#stream[sender], this.#stream[otherSide(sender)]];
    const file = { protocol: 'lanshare', name, from, to } as const;
    return this.#known.offers.begin(this.#keyOf(sender, dir), { file, size });
  }

  #keyOf(sender: Side, dir: string): string {
    const [from, to] = [this.#stream[sender], this.#stream[otherSide(sender)]];
    return JSON.stringify([hostOf(from), hostOf(to), dir]);
  }
}

/** The connection of one file. */
class DataConversation implements Conversation {
  readonly #stream: Stream;
  readonly #known: Known;
  readonly #said: Readonly<Record<Side, CapturedObjects>> = {
    client: new CapturedObjects(MAX_OBJECT_BYTES),
    server: new CapturedObjects(MAX_OBJECT_BYTES),
  };
  #sender: Side | undefined;
  #transfer: Transfer | undefined;
  /** Where the next byte belongs. */
  #position = 0;

  constructor(stream: Stream, known: Known) {
    this.#stream = stream;
    this.#known = known;
  }

  *data(by: Side, bytes: Buffer): Generator<FileEvent> {
    for (const one of this.#said[by].push(bytes)) {
      const transfer = this.#transfer;
      if (transfer === undefined) {
        if (one.type === 'object') yield* this.#begin(by, decodeDataHeader(one.text));
      } else if (one.type === 'bytes') {
        yield* this.#known.transfers.take(transfer, this.#position, one.bytes);
        this.#position += one.bytes.length;
      } else if (by !== this.#sender) {
        yield* this.#onAnswer(transfer, by, decodeDataAnswer(one.text));
      }
    }
  }

  gap(by: Side, length: number): boolean {
    const skipped = this.#said[by].skip(length);
    this.#position += skipped ?? 0;
    return skipped !== undefined;
  }

  *#begin(by: Side, { name, size, sha256 }: DataHeader): Generator<FileEvent> {
    const { transfers, offers, ports } = this.#known;
    const [from, to] = [this.#stream[by], this.#stream[otherSide(by)]];
    const offer = offers.get(ports.get(to) ?? '');
    if (offer !== undefined) offers.drop(offer);
    this.#sender = by;
    const key = JSON.stringify([hostOf(from), hostOf(to), name, size, sha256]);
    this.#transfer = yield* transfers.begin(key, {
      file: { protocol: 'lanshare', name, from, to },
      ...{ size, digest: { algorithm: 'sha256', hex: sha256 } },
    });
  }

  *#onAnswer(transfer: Transfer, by: Side, answer: DataAnswer): Generator<FileEvent> {
    if (answer.type === 'offset') {
      transfer.begun = true;
      this.#position = answer.offset;
      const left = Math.max(0, (transfer.size ?? 0) - answer.offset);
      this.#said[otherSide(by)].expectBytes(left);
    }
    if (answer.type === 'done') yield* this.#known.transfers.finish(transfer);
    // The next attempt may go on with it.
    if (answer.type === 'failed') {
      transfer.failure = `the receiver has said that it failed: ${visible(answer.reason)}`;
    }
  }
}

import type { Side, Stream } from '../capture/tcp-streams.ts';
import { visible } from '../core/text.ts';
import { decodeMessage, MAX_MESSAGE_BYTES } from '../sent/codec.ts';
import type { FileInfo, Message } from '../sent/messages.ts';
import type { Digest, FileEvent } from './captured-files.ts';
import { CapturedObjects } from './captured-objects.ts';
import { type Conversation, otherSide, type TcpProtocol } from './tcp-files.ts';
import { hostOf, type Transfer, Transfers } from './transfers.ts';

const PORT = 8080;
const FIRST_WORDS = /^\s*\{\s*"type"\s*:\s*"(ASK|ACCEPT|REFUSE|DENY|FILE)"/;

/** Files that peers of sent have offered each other (lib/sent/PROTOCOL.md, "Asking", "Sending"). */
export class SentFiles implements TcpProtocol {
  readonly #transfers = new Transfers();

  open(stream: Stream, _by: Side, first: Buffer): Conversation | undefined {
    const start = first.toString('latin1', 0, 32);
    // Web servers have that port, too.
    const isOurs = FIRST_WORDS.test(start) || (stream.serverPort === PORT && /^\s*\{/.test(start));
    return isOurs ? new SentConversation(stream, this.#transfers) : undefined;
  }

  end(): Iterable<FileEvent> {
    return this.#transfers.end();
  }
}

class SentConversation implements Conversation {
  readonly #stream: Stream;
  readonly #transfers: Transfers;
  readonly #said: Readonly<Record<Side, CapturedObjects>> = {
    client: new CapturedObjects(MAX_MESSAGE_BYTES),
    server: new CapturedObjects(MAX_MESSAGE_BYTES),
  };
  /** What comes from one of them, and where the next byte of it belongs. */
  #transfer: Transfer | undefined;
  #position = 0;

  constructor(stream: Stream, transfers: Transfers) {
    this.#stream = stream;
    this.#transfers = transfers;
  }

  *data(by: Side, bytes: Buffer): Generator<FileEvent> {
    for (const one of this.#said[by].push(bytes)) {
      if (one.type === 'object') yield* this.#on(by, decodeMessage(one.text));
      else if (this.#transfer !== undefined) {
        yield* this.#transfers.take(this.#transfer, this.#position, one.bytes);
        this.#position += one.bytes.length;
      }
    }
  }

  gap(by: Side, length: number): boolean {
    const skipped = this.#said[by].skip(length);
    this.#position += skipped ?? 0;
    return skipped !== undefined;
  }

  *#on(by: Side, message: Message): Generator<FileEvent> {
    const offers = message.type === 'ask' || message.type === 'file';
    const sender = offers ? by : otherSide(by);
    if (message.type === 'ask') {
      const transfer = yield* this.#begin(sender, message.file);
      transfer.failure = 'nobody has answered';
      return;
    }
    if (message.type === 'file') {
      const transfer = yield* this.#begin(sender, message.file);
      transfer.begun = true;
      this.#transfer = transfer;
      this.#position = message.offset;
      this.#said[by].expectBytes(Math.max(0, message.file.size - message.offset));
      return;
    }
    if (message.type === 'refuse') {
      const transfer = yield* this.#begin(sender, message.file);
      transfer.failure = 'the receiver did not want it';
      yield* this.#transfers.finish(transfer);
      return;
    }
    const transfer = this.#transfers.get(this.#keyOf(sender, message.file));
    if (transfer === undefined) return;
    if (message.type === 'accept') transfer.failure = undefined;
    if (message.type === 'received') yield* this.#transfers.finish(transfer);
    // The next attempt may go on with it.
    if (message.type === 'failed') {
      transfer.failure = `the receiver has said that it failed: ${visible(message.reason)}`;
    }
  }

  #begin(sender: Side, info: FileInfo): Generator<FileEvent, Transfer> {
    const [from, to] = [this.#stream[sender], this.#stream[otherSide(sender)]];
    return this.#transfers.begin(this.#keyOf(sender, info), {
      file: { protocol: 'sent', name: info.name, from, to },
      ...{ size: info.size, digest: digestOf(info) },
    });
  }

  /** The answer may come on another connection: the addresses tell, and not the ports. */
  #keyOf(sender: Side, { name, size, md5 }: FileInfo): string {
    const [from, to] = [this.#stream[sender], this.#stream[otherSide(sender)]];
    return JSON.stringify([hostOf(from), hostOf(to), name, size, md5]);
  }
}

/** Where both are told, MD5 counts no more. */
function digestOf({ sha256, md5 }: FileInfo): Digest {
  return sha256 === undefined
    ? { algorithm: 'md5', hex: md5 }
    : { algorithm: 'sha256', hex: sha256 };
}

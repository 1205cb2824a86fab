import type { Side, Stream } from '../capture/tcp-streams.ts';
import { ProtocolError } from '../core/errors.ts';
import { visible } from '../core/text.ts';
import {
  decodeGoOn,
  decodeOffer,
  decodeReply,
  decodeRequest,
  type ReplyHead,
} from '../isend/codec.ts';
import { type Framed, InstructionFramer } from '../isend/framing.ts';
import { MAX_PIECE_BYTES, type ReplyType, type Request } from '../isend/messages.ts';
import type { CapturedFile, Digest, FileEvent } from './captured-files.ts';
import { type Conversation, otherSide, type TcpProtocol } from './tcp-files.ts';
import { hostOf, Transfer, Transfers } from './transfers.ts';

const PORT = 7770;
const MAX_FOLDERS = 128;
/** Requests that wait for replies; with more, nobody replies in this capture. */
const MAX_WAITING = 4096;
const GAP = Buffer.alloc(MAX_PIECE_BYTES);

/** Files that went from a sender of isend to its receiver (lib/isend/PROTOCOL.md, "Steps", "Resuming"). */
export class IsendFiles implements TcpProtocol {
  readonly #transfers = new Transfers();

  open(stream: Stream, by: Side, first: Buffer): Conversation | undefined {
    if (!isConnect(first) && (stream.serverPort !== PORT || first.length >= 6)) return undefined;
    return new IsendConversation(stream, by, this.#transfers);
  }

  end(): Iterable<FileEvent> {
    return this.#transfers.end();
  }
}

/** How every conversation begins. */
function isConnect(first: Buffer): boolean {
  if (first.length < 6 || first.readUInt16BE(0) !== 0) return false;
  try {
    const { type } = decodeRequest(first);
    return type === 'connect' || type === 'connect-with-password';
  } catch {
    return false;
  }
}

/** A file that has begun. */
interface Current {
  readonly file: CapturedFile;
  readonly key: string;
  /** `undefined`: nobody has said yet where it begins. */
  transfer: Transfer | undefined;
  /** Where the next byte belongs. */
  position: number;
  digest: Digest | undefined;
}

/** A request that the receiver has to answer. */
interface Waiting {
  readonly type: Request['type'];
  /** What has content is answered before it, too. */
  isReady: boolean;
  current: Current | undefined;
  /** In how many folders it is. */
  readonly depth: number;
}

class IsendConversation implements Conversation {
  readonly #sender: Side;
  readonly #from: string;
  readonly #to: string;
  readonly #transfers: Transfers;
  readonly #requests = new InstructionFramer<Request>({
    decode: decodeRequest,
    isStreamed: ({ type }) => type === 'file-content',
  });
  readonly #replies = new InstructionFramer<ReplyHead>({
    decode: decodeReply,
    isStreamed: () => false,
  });
  #connected = false;
  readonly #folders: string[] = [];
  #current: Current | undefined;
  /** Bytes of a piece that are still to come. */
  #left = 0;
  /** `undefined`: nobody seems to reply. */
  #waiting: Waiting[] | undefined = [];

  constructor(stream: Stream, sender: Side, transfers: Transfers) {
    this.#sender = sender;
    this.#from = stream[sender];
    this.#to = stream[otherSide(sender)];
    this.#transfers = transfers;
  }

  *data(by: Side, bytes: Buffer): Generator<FileEvent> {
    if (by === this.#sender) {
      for (const framed of this.#requests.push(bytes)) yield* this.#onRequest(framed);
      return;
    }
    for (const framed of this.#replies.push(bytes)) {
      if (framed.type === 'content') yield* this.#onReply(framed.head, framed.bytes.toString());
      else if (framed.head.length === 0) yield* this.#onReply(framed.head, '');
    }
  }

  /** Within a piece of a file it is known what is missing. */
  gap(by: Side, length: number): boolean {
    if (by !== this.#sender || length > this.#left) return false;
    this.#left -= length;
    if (this.#current !== undefined) this.#current.position += length;
    for (const _ of this.#requests.push(GAP.subarray(0, length)));
    return true;
  }

  *#onRequest(framed: Framed<Request>): Generator<FileEvent> {
    const { head } = framed;
    if (framed.type === 'head') {
      this.#check(head);
      yield* this.#onHead(head);
    } else if (head.type !== 'file-content') yield* this.#onContent(head, framed.bytes);
    else {
      this.#left -= framed.bytes.length;
      const current = this.#current;
      if (current?.transfer === undefined) return;
      yield* this.#transfers.take(current.transfer, current.position, framed.bytes);
      current.position += framed.bytes.length;
    }
  }

  #check({ type }: Request): void {
    const connects = type === 'connect' || type === 'connect-with-password';
    if (connects === this.#connected) throw new ProtocolError('OUT_OF_TURN', type);
    this.#connected = true;
  }

  *#onHead({ type, length }: Request): Generator<FileEvent> {
    const [current, depth] = [this.#current, this.#folders.length];
    this.#waiting?.push({ type, isReady: length === 0, current, depth });
    if (this.#waiting !== undefined && this.#waiting.length > MAX_WAITING) {
      this.#waiting = undefined;
    }
    if (type === 'file-content') {
      this.#left = length;
      if (current !== undefined) yield* this.#transferOf(current);
    }
    if (type === 'end-of-folder') this.#folders.pop();
    if (type === 'end-of-file' && current !== undefined) yield* this.#onEnd(current);
  }

  *#onContent({ type }: Request, content: Buffer): Generator<FileEvent> {
    switch (type) {
      case 'file-name':
        this.#current = this.#begin(content.toString());
        break;
      case 'folder-name':
        if (this.#folders.length >= MAX_FOLDERS) throw new ProtocolError('TOO_DEEP');
        this.#folders.push(content.toString());
        break;
      case 'go-on':
        if (this.#current !== undefined) yield* this.#goOn(this.#current, decodeGoOn(content));
        break;
      default:
    }
  }

  #begin(name: string): Current {
    const [from, to] = [this.#from, this.#to];
    const folders = [...this.#folders];
    const key = JSON.stringify([hostOf(from), hostOf(to), ...folders, name]);
    const file = { protocol: 'isend', name, folders, from, to } as const;
    const current = { file, key, transfer: undefined, position: 0, digest: undefined };
    const waiting = this.#waiting?.findLast(({ type }) => type === 'file-name');
    if (waiting !== undefined) waiting.current = current;
    return current;
  }

  /** Without a word on where to go on it begins anew. */
  *#transferOf(current: Current): Generator<FileEvent, Transfer> {
    const { key, file, digest } = current;
    current.transfer ??= yield* this.#transfers.begin(key, { file, digest }, true);
    current.transfer.begun = true;
    return current.transfer;
  }

  *#goOn(current: Current, offset: number): Generator<FileEvent> {
    const { key, file, digest } = current;
    const isThere =
      this.#transfers.get(key) === undefined && this.#transfers.wholeSize(key) === offset;
    if (isThere) {
      // It has come before, and nothing is sent now.
      this.#current = undefined;
      return;
    }
    current.transfer = yield* this.#transfers.begin(key, { file, digest });
    current.transfer.begun = true;
    current.position = offset;
  }

  *#onEnd(current: Current): Generator<FileEvent> {
    const transfer = yield* this.#transferOf(current);
    this.#current = undefined;
    transfer.size = current.position;
    if (transfer.ranges.end > transfer.size) {
      transfer.failure = 'it is shorter than what was sent of it before';
    }
    // Otherwise the receiver has something to say to it.
    if (this.#waiting === undefined) yield* this.#transfers.finish(transfer);
  }

  *#onReply({ type }: ReplyHead, text: string): Generator<FileEvent> {
    const [request] = this.#waiting ?? [];
    if (request === undefined) return;
    if (!request.isReady && type === 'confirmed') {
      request.isReady = true;
      return;
    }
    this.#waiting?.shift();
    const { current } = request;
    const reason = REASONS[type];
    if (type === 'skip-folder')
      this.#folders.length = Math.min(this.#folders.length, request.depth);
    else if (current !== undefined && reason !== undefined) {
      yield* this.#onRefusal(current, text === '' ? reason : `${reason}: ${visible(text)}`);
    } else if (request.type === 'file-name' && current !== undefined) {
      const offer = decodeOffer(text);
      if (offer?.whole) current.digest = { algorithm: 'sha256', hex: offer.sha256 };
    } else if (request.type === 'end-of-file' && current?.transfer !== undefined) {
      yield* this.#transfers.finish(current.transfer);
    }
  }

  *#onRefusal(current: Current, reason: string): Generator<FileEvent> {
    if (this.#current === current) this.#current = undefined;
    const { transfer, file, key } = current;
    if (transfer !== undefined) {
      // The next attempt may go on with it.
      transfer.failure ??= reason;
      return;
    }
    const refused = new Transfer(key, { file });
    refused.failure = reason;
    yield refused.done();
  }
}

const REASONS: Readonly<Partial<Record<ReplyType, string>>> = {
  refused: 'the receiver refused it',
  failed: 'the receiver did not understand the sender',
  'skip-file': 'the receiver did not want it',
  end: 'the receiver has ended the connection',
};

import type { Side, Stream } from '../capture/tcp-streams.ts';
import { ProtocolError } from '../core/errors.ts';
import { HeadFramer } from '../core/head-framer.ts';
import { visible } from '../core/text.ts';
import { decodeDataReply, decodeDataRequest, MAX_LINE_BYTES } from '../relay/codec.ts';
import type { DataReply, DataRequest } from '../relay/messages.ts';
import type { FileEvent } from './captured-files.ts';
import { type Known, RelayTalk, transferKey } from './relay-talk.ts';
import { type Conversation, otherSide, type TcpProtocol } from './tcp-files.ts';
import { BoundedMap, type Transfer, Transfers } from './transfers.ts';

const PORTS = [1100, 1101];
const GREETING = /^WELCOME\r?\n/;
const REQUEST = /^(WRITE|READ) \S+ \S+[^\n]*\n/;
const MAX_PORTS = 4096;

/** Files that went to a server of relay, and from there to who wanted them (lib/relay/PROTOCOL.md, "Data"). */
export class RelayFiles implements TcpProtocol {
  readonly #known: Known = { transfers: new Transfers(), ports: new BoundedMap(MAX_PORTS) };

  open(stream: Stream, by: Side, first: Buffer): Conversation | undefined {
    const start = first.toString('latin1', 0, MAX_LINE_BYTES);
    const { ports } = this.#known;
    if (REQUEST.test(start) || (by === 'client' && ports.get(stream.server) !== undefined)) {
      return new DataConversation(stream, by, this.#known);
    }
    if (GREETING.test(start)) return new RelayTalk(stream, by, this.#known);
    if (!PORTS.includes(stream.serverPort)) return undefined;
    return new RelayTalk(stream, 'server', this.#known);
  }

  end(): Iterable<FileEvent> {
    // Until then it can be gone on with: nobody says that it is over.
    return this.#known.transfers.end();
  }
}

/** A connection for one file, or for a part of it. */
class DataConversation implements Conversation {
  readonly #stream: Stream;
  readonly #client: Side;
  readonly #known: Known;
  readonly #heads: Readonly<Record<Side, HeadFramer>> = {
    client: new HeadFramer(MAX_LINE_BYTES),
    server: new HeadFramer(MAX_LINE_BYTES),
  };
  #request: DataRequest | undefined;
  #reply: DataReply | undefined;
  #transfer: Transfer | undefined;
  /** Where the next byte of the file belongs. */
  #position = 0;

  constructor(stream: Stream, client: Side, known: Known) {
    this.#stream = stream;
    this.#client = client;
    this.#known = known;
  }

  *data(by: Side, bytes: Buffer): Generator<FileEvent> {
    if (this.#hasHead(by)) {
      yield* this.#onBody(by, bytes);
      return;
    }
    const head = this.#heads[by].push(bytes);
    if (head === undefined) return;
    if (by === this.#client) this.#request = decodeDataRequest(head.line);
    else yield* this.#onReply(head.line);
    yield* this.#onBody(by, head.rest);
  }

  gap(by: Side, length: number): boolean {
    if (!this.#hasHead(by)) return false;
    if (by === this.#carrier) this.#position += length;
    return true;
  }

  #hasHead(by: Side): boolean {
    return (by === this.#client ? this.#request : this.#reply) !== undefined;
  }

  /** Who sends the bytes of the file. */
  get #carrier(): Side {
    return this.#request?.type === 'write' ? this.#client : otherSide(this.#client);
  }

  *#onReply(line: string): Generator<FileEvent> {
    const request = this.#request;
    if (request === undefined) throw new ProtocolError('OUT_OF_TURN', line);
    const reply = decodeDataReply(line);
    this.#reply = reply;
    if (reply.type === 'granted') yield* this.#begin(request, reply);
    else {
      const { code, detail } = reply.error;
      this.#refused(request, visible(detail || code));
    }
  }

  *#begin(
    request: DataRequest,
    reply: Extract<DataReply, { type: 'granted' }>,
  ): Generator<FileEvent> {
    const writes = request.type === 'write';
    const { ports, transfers } = this.#known;
    const told = ports.get(this.#server);
    const name = reply.file ?? told?.file ?? '';
    const announced = told?.file === name ? told.size : undefined;
    const size = writes ? announced : (reply.bytes ?? announced);
    const stored = writes && request.resume ? (reply.bytes ?? 0) : 0;
    const key = this.#keyOf(request, name);
    const [client, server] = [this.#stream[this.#client], this.#server];
    const ends = writes ? { from: client, to: server } : { from: server, to: client };
    const transfer = yield* transfers.begin(key, {
      file: { protocol: 'relay', name, ...ends },
      size,
    });
    transfer.begun = true;
    this.#transfer = transfer;
    this.#position = request.type === 'read' ? request.offset : stored;
  }

  #refused(request: DataRequest, reason: string): void {
    const name = this.#known.ports.get(this.#server)?.file;
    const transfer =
      name === undefined ? undefined : this.#known.transfers.get(this.#keyOf(request, name));
    this.#fail(transfer, reason);
  }

  *#onBody(by: Side, bytes: Buffer): Generator<FileEvent> {
    const transfer = this.#transfer;
    if (transfer === undefined) return;
    if (by === this.#carrier) {
      yield* this.#known.transfers.take(transfer, this.#position, bytes);
      this.#position += bytes.length;
    } else if (by !== this.#client && bytes.length > 0) {
      // The disk is full, for example.
      this.#fail(transfer, visible(bytes.toString('utf8', 0, 256).trimEnd()));
    }
  }

  /** When all is there, a refusal says that the transfer is over. */
  #fail(transfer: Transfer | undefined, reason: string): void {
    if (transfer === undefined || transfer.isComplete) return;
    transfer.failure = `the server has said: ${reason}`;
  }

  get #server(): string {
    return this.#stream[otherSide(this.#client)];
  }

  #keyOf({ type, user }: DataRequest, name: string): string {
    return transferKey(type, this.#server, user, name);
  }
}

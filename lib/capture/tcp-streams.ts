import type { TcpPacket } from './decode.ts';
import { TCP } from './packets.ts';

/** Who has opened a connection, and who was called. */
export type Side = 'client' | 'server';

/** What happens on the connections of a capture, in order. */
export type StreamEvent =
  | {
      readonly type: 'data';
      readonly stream: Stream;
      readonly by: Side;
      /** Valid until the next frame is read. */
      readonly bytes: Buffer;
      /** Whether a write of the program ends there, as far as that can be told. */
      readonly pushed: boolean;
    }
  /** So many bytes are not in the capture. */
  | { readonly type: 'gap'; readonly stream: Stream; readonly by: Side; readonly length: number }
  /** That side has nothing more to say. */
  | { readonly type: 'end'; readonly stream: Stream; readonly by: Side }
  /** Nothing more of it comes: both sides have ended, one has reset it, or the capture is over. */
  | { readonly type: 'closed'; readonly stream: Stream };

/** A TCP connection. */
export interface Stream {
  /** From 0, in the order in which they begin. */
  readonly number: number;
  /** `127.0.0.1:55000` */
  readonly client: string;
  readonly server: string;
  readonly serverPort: number;
}

/** Segments that wait for one before them, of each direction, and their bytes, at most. */
const MAX_WAITING = 8192;
const MAX_WAITING_BYTES = 16_777_216;
/** Connections that are open, at most: the oldest is given up for a new one. */
const MAX_OPEN = 16_384;
const SPACE = 2 ** 32;

/** Puts what TCP segments carry into the order in which it was written. */
export class TcpStreams {
  readonly #open = new Map<string, Connection>();
  #count = 0;

  *push(packet: TcpPacket): Generator<StreamEvent> {
    const key = [packet.source, packet.destination].sort().join(' ');
    const known = this.#open.get(key);
    if (known !== undefined && !known.isReplacedBy(packet)) {
      yield* this.#take(known, packet);
      return;
    }
    if (known !== undefined) yield* this.#close(known);
    // What still comes of a connection that is over is none.
    if ((packet.flags & TCP.SYN) === 0 && packet.payload.length === 0) return;
    const [oldest] = this.#open.values();
    if (this.#open.size >= MAX_OPEN && oldest !== undefined) yield* this.#close(oldest);
    const connection = new Connection(key, this.#count, packet);
    this.#count += 1;
    this.#open.set(key, connection);
    yield* this.#take(connection, packet);
  }

  /** What waits for segments that the capture does not have. */
  *end(): Generator<StreamEvent> {
    for (const connection of this.#open.values()) yield* this.#close(connection);
  }

  *#take(connection: Connection, packet: TcpPacket): Generator<StreamEvent> {
    yield* connection.push(packet);
    if (connection.isOver) yield* this.#close(connection);
  }

  *#close(connection: Connection): Generator<StreamEvent> {
    this.#open.delete(connection.key);
    yield* connection.giveUp();
    yield { type: 'closed', stream: connection.stream };
  }
}

interface Waiting {
  readonly seq: number;
  readonly bytes: Buffer;
  readonly flags: number;
}

interface Way {
  /** The number of the next byte; `undefined` before anything was seen. */
  next: number | undefined;
  waiting: Waiting[];
  waitingBytes: number;
  ended: boolean;
}

class Connection {
  readonly key: string;
  readonly stream: Stream;
  readonly #firstSeq: number;
  readonly #ways: Readonly<Record<Side, Way>> = {
    client: { next: undefined, waiting: [], waitingBytes: 0, ended: false },
    server: { next: undefined, waiting: [], waitingBytes: 0, ended: false },
  };
  #wasReset = false;

  constructor(key: string, number: number, packet: TcpPacket) {
    this.key = key;
    this.#firstSeq = packet.seq;
    const byClient =
      (packet.flags & TCP.SYN) !== 0
        ? (packet.flags & TCP.ACK) === 0
        : rank(packet.sourcePort) >= rank(packet.destinationPort);
    this.stream = byClient
      ? {
          ...{ number, client: packet.source, server: packet.destination },
          serverPort: packet.destinationPort,
        }
      : {
          ...{ number, client: packet.destination, server: packet.source },
          serverPort: packet.sourcePort,
        };
  }

  get isOver(): boolean {
    return this.#wasReset || (this.#ways.client.ended && this.#ways.server.ended);
  }

  /** Whether it begins another connection, and is not the beginning of this one, sent once more. */
  isReplacedBy({ flags, seq }: TcpPacket): boolean {
    return (flags & (TCP.SYN | TCP.ACK)) === TCP.SYN && seq !== this.#firstSeq;
  }

  *push({ source, seq, ack, flags, payload }: TcpPacket): Generator<StreamEvent> {
    const by: Side = source === this.stream.client ? 'client' : 'server';
    const way = this.#ways[by];
    if (payload.length > 0 && flags & TCP.ACK) yield* this.#takeAnswered(by, ack);
    if (flags & TCP.SYN) {
      // It may come once more.
      way.next ??= (seq + 1) % SPACE;
      return;
    }
    way.next ??= seq;
    if (payload.length > 0 || flags & TCP.FIN) {
      const isNext = distance(way.next, seq) <= 0;
      if (isNext) yield* this.#take(by, { seq, bytes: payload, flags });
      else {
        way.waiting.push({ seq, bytes: Buffer.from(payload), flags });
        way.waitingBytes += payload.length;
      }
      const isTooMuch = way.waiting.length > MAX_WAITING || way.waitingBytes > MAX_WAITING_BYTES;
      yield* this.#takeWaiting(by, isTooMuch);
    }
    if (flags & TCP.RST) this.#wasReset = true;
  }

  /** What waits, behind what is not there. */
  *giveUp(): Generator<StreamEvent> {
    for (const by of ['client', 'server'] as const) {
      yield* this.#takeWaiting(by, true);
    }
  }

  /** What was received before something was said in answer: what the capture lacks of it, nobody sends again. */
  *#takeAnswered(by: Side, ack: number): Generator<StreamEvent> {
    yield* this.#takeWaiting(by === 'client' ? 'server' : 'client', false, ack);
  }

  /**
   * What waits and is due now. @param all whether to go on behind what is not there. @param ack the same for
   * what comes before this number
   */
  *#takeWaiting(by: Side, all: boolean, ack?: number): Generator<StreamEvent> {
    const way = this.#ways[by];
    if (way.waiting.length === 0) return;
    way.waiting.sort((a, b) => distance(b.seq, a.seq));
    while (way.next !== undefined) {
      const [first] = way.waiting;
      if (first === undefined) return;
      const missing = distance(way.next, first.seq);
      const isDue = all || (ack !== undefined && distance(first.seq, ack) > 0);
      if (missing > 0 && !isDue) return;
      if (missing > 0) {
        yield { type: 'gap', stream: this.stream, by, length: missing };
        way.next = first.seq;
      }
      way.waiting.shift();
      way.waitingBytes -= first.bytes.length;
      yield* this.#take(by, first);
    }
  }

  *#take(by: Side, { seq, bytes, flags }: Waiting): Generator<StreamEvent> {
    const way = this.#ways[by];
    const { next = seq } = way;
    if (way.ended) return;
    // What was sent once more is there already.
    const fresh = bytes.subarray(distance(seq, next));
    way.next = (next + fresh.length) % SPACE;
    const pushed = (flags & (TCP.PSH | TCP.FIN)) !== 0;
    if (fresh.length > 0) yield { type: 'data', stream: this.stream, by, bytes: fresh, pushed };
    if (flags & TCP.FIN && distance(seq, next) <= bytes.length) {
      way.ended = true;
      yield { type: 'end', stream: this.stream, by };
    }
  }
}

/** Whose is lower is the server, where the capture lacks the beginning. */
function rank(port: number): number {
  // The classroom's ports are among those that systems give to clients.
  return port >= 55_000 && port <= 55_015 ? 0 : port;
}

/** From one sequence number to another, which may be before it (RFC 9293, section 3.4). */
function distance(from: number, to: number): number {
  return (to - from) | 0;
}

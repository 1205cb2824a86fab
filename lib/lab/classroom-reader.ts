import type { Packet, UdpPacket } from '../capture/decode.ts';
import { type Side, type Stream, type StreamEvent, TcpStreams } from '../capture/tcp-streams.ts';
import {
  decodeClientMessage,
  decodeServerMessage,
  type Expecting,
  type Notice,
  splitGlued,
  splitGluedAddress,
} from '../commands/codec.ts';
import type { ClientMessage, FastOffer } from '../commands/messages.ts';
import { decodeFeedback, type Feedback } from '../udp-reliable/feedback.ts';
import { MAX_SEGMENT_COUNT, SEGMENT_PAYLOAD } from '../udp-reliable/segment.ts';
import { CapturedMessages } from './captured-messages.ts';
import { PartNumbers } from './part-number.ts';

/** A download as it was agreed on. */
export interface Download {
  /** From 1, in the order in which they begin. */
  readonly number: number;
  /** As the client has named them: may hold anything. */
  readonly client: string;
  readonly file: string;
  readonly segmentCount: number;
  /** Bytes of the file in each part but the last one. */
  readonly payload: number;
  /** What the fast profile has told; absent under the document's rules. */
  readonly fast?: FastOffer | undefined;
  readonly stream: Stream;
}

interface Seen {
  /** The number of the frame, and its time in nanoseconds since the first one. */
  readonly frame: number;
  readonly time: number;
}

/** What goes on, in the order in which it was captured. */
export type ClassroomEvent = Seen &
  (
    | {
        readonly type: 'said';
        readonly by: Side;
        readonly text: string;
        readonly stream: Stream;
        /** That which it begins, or that runs. */
        readonly download: Download | undefined;
        readonly message: ClientMessage | Notice;
      }
    | {
        readonly type: 'part';
        readonly download: Download;
        readonly seq: number;
        /** Valid until the next frame is read. */
        readonly bytes: Buffer;
        /** How many there were of them on the wire. */
        readonly length: number;
        /** Whether it goes to the program that has captured it, as far as the capture tells. */
        readonly direction: 'in' | 'out' | undefined;
        readonly comments: readonly string[];
        /** Whether the capture has not kept all of it. */
        readonly isCut: boolean;
      }
    | { readonly type: 'feedback'; readonly download: Download; readonly feedback: Feedback }
    /** The connection is over. */
    | { readonly type: 'left'; readonly stream: Stream; readonly download: Download | undefined }
  );

const FIRST_PORT = 55_000;
const LAST_PORT = 55_015;

interface Conversation {
  readonly from: Readonly<Record<Side, CapturedMessages>>;
  name: string;
  wanted: string | undefined;
  expecting: Expecting;
  download: Download | undefined;
  /** Where the client listens by UDP. */
  listening: string | undefined;
}

interface Listener {
  readonly download: Download;
  /** However its server writes them. */
  readonly numbers: PartNumbers;
}

/** Reads conversations and downloads of the classroom protocol out of a capture. */
export class ClassroomReader {
  readonly #streams = new TcpStreams();
  /** `undefined`: it is of another protocol. */
  readonly #conversations = new Map<Stream, Conversation | undefined>();
  /** By the UDP address that a download has chosen. */
  readonly #clients = new Map<string, Listener>();
  readonly #servers = new Map<string, Listener>();
  #downloads = 0;
  #last: Seen = { frame: 0, time: 0 };

  *push(packet: Packet): Generator<ClassroomEvent> {
    const seen = { frame: packet.frame.number, time: packet.frame.time };
    this.#last = seen;
    if (packet.protocol === 'udp') yield* this.#readDatagram(packet, seen);
    else for (const event of this.#streams.push(packet)) yield* this.#onStream(event, seen);
  }

  /** What waits for segments that the capture does not have. */
  *end(): Generator<ClassroomEvent> {
    for (const event of this.#streams.end()) yield* this.#onStream(event, this.#last);
  }

  #conversationOf(stream: Stream, event: StreamEvent): Conversation | undefined {
    if (this.#conversations.has(stream)) return this.#conversations.get(stream);
    const isOurs =
      (stream.serverPort >= FIRST_PORT && stream.serverPort <= LAST_PORT) ||
      (event.type === 'data' && event.bytes.subarray(0, 8).toString('latin1') === 'connect|');
    const conversation: Conversation | undefined = isOurs
      ? {
          from: { client: new CapturedMessages(), server: new CapturedMessages() },
          name: 'client',
          ...{ wanted: undefined, expecting: 'command', download: undefined, listening: undefined },
        }
      : undefined;
    this.#conversations.set(stream, conversation);
    return conversation;
  }

  *#onStream(event: StreamEvent, seen: Seen): Generator<ClassroomEvent> {
    const { stream } = event;
    const conversation = this.#conversationOf(stream, event);
    if (event.type === 'closed') this.#conversations.delete(stream);
    if (conversation === undefined) return;
    if (event.type === 'closed') {
      if (conversation.listening !== undefined) this.#clients.delete(conversation.listening);
      yield { type: 'left', ...seen, stream, download: conversation.download };
      return;
    }
    const messages = conversation.from[event.by];
    if (event.type === 'gap') {
      messages.gap();
      return;
    }
    const texts = event.type === 'data' ? messages.push(event.bytes, event.pushed) : messages.end();
    for (const text of texts) {
      const split = conversation.expecting === 'address' ? splitGluedAddress : splitGlued;
      for (const one of event.by === 'client' ? split(text) : [text]) {
        yield this.#onText(stream, conversation, event.by, one, seen);
      }
    }
  }

  #onText(
    stream: Stream,
    conversation: Conversation,
    by: Side,
    text: string,
    seen: Seen,
  ): ClassroomEvent {
    const message =
      by === 'client'
        ? this.#onClient(stream, conversation, text)
        : this.#onServer(stream, conversation, text);
    return { type: 'said', ...seen, by, text, stream, download: conversation.download, message };
  }

  #onClient(stream: Stream, conversation: Conversation, text: string): ClientMessage {
    const message = decodeClientMessage(text, conversation.expecting, 'document');
    switch (message.type) {
      case 'connect':
        conversation.name = message.name;
        break;
      case 'download':
        // One that runs goes on, unless there is an answer to this.
        conversation.wanted = message.file;
        break;
      case 'address': {
        const { download } = conversation;
        conversation.expecting = 'transfer';
        if (download === undefined || message.port === undefined) break;
        if (conversation.listening !== undefined) this.#clients.delete(conversation.listening);
        conversation.listening = at(stream.client, message.port);
        const numbers = new PartNumbers(download.segmentCount);
        this.#clients.set(conversation.listening, { download, numbers });
        break;
      }
      default:
    }
    return message;
  }

  #onServer(stream: Stream, conversation: Conversation, text: string): Notice {
    const message = decodeServerMessage(text);
    if (message.type !== 'segment-count' || conversation.wanted === undefined) return message;
    const { count, fast } = message;
    if (count > MAX_SEGMENT_COUNT) return message;
    this.#downloads += 1;
    const download: Download = {
      ...{ number: this.#downloads, client: conversation.name, file: conversation.wanted },
      ...{ segmentCount: count, payload: fast?.part ?? SEGMENT_PAYLOAD, fast, stream },
    };
    conversation.download = download;
    conversation.wanted = undefined;
    conversation.expecting = fast === undefined ? 'address' : 'transfer';
    if (fast !== undefined) {
      this.#servers.set(at(stream.server, fast.port), {
        download,
        numbers: new PartNumbers(count, 'big-endian'),
      });
    }
    return message;
  }

  *#readDatagram(packet: UdpPacket, seen: Seen): Generator<ClassroomEvent> {
    const { payload, frame, isCut } = packet;
    const feedbackTo = this.#servers.get(packet.destination)?.download;
    const feedback =
      feedbackTo?.fast === undefined ? undefined : decodeFeedback(payload, feedbackTo.fast.key);
    if (feedbackTo !== undefined && feedback !== undefined) {
      yield { type: 'feedback', ...seen, download: feedbackTo, feedback };
      return;
    }
    const listener = this.#servers.get(packet.source) ?? this.#clients.get(packet.destination);
    if (listener === undefined) return;
    // It counts from the server only, but from any port of it (PROTOCOL.md, "Datagram").
    if (hostOf(packet.source) !== hostOf(listener.download.stream.server)) return;
    const header = listener.numbers.read(payload);
    if (header === undefined) return;
    const bytes = payload.subarray(header.length);
    const { direction, comments } = frame;
    const { download } = listener;
    const length = packet.length - header.length;
    const part = { download, seq: header.seq, bytes, length, direction, comments, isCut };
    yield { type: 'part', ...seen, ...part };
  }
}

/** Another port of the address in `127.0.0.1:55000`. */
function at(address: string, port: number): string {
  return `${hostOf(address)}:${port}`;
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}

import type { Packet } from '../capture/decode.ts';
import { type Side, type Stream, type StreamEvent, TcpStreams } from '../capture/tcp-streams.ts';
import { ProtocolError } from '../core/errors.ts';
import type { FileEvent, FileReader } from './captured-files.ts';

/** What is said on one connection. */
export interface Conversation {
  /** @throws ProtocolError when that side makes no sense from here on */
  data(by: Side, bytes: Buffer): Iterable<FileEvent>;
  /** So many bytes are not in the capture. @returns whether what follows makes sense without them */
  gap(by: Side, length: number): boolean;
}

/** Finds the files of a protocol that is spoken over TCP. */
export interface TcpProtocol {
  /** `undefined`: by its port and by what was said `first`, it is a connection of another protocol. */
  open(stream: Stream, by: Side, first: Buffer): Conversation | undefined;
  /** After the last connection. */
  end(): Iterable<FileEvent>;
}

interface Reading {
  readonly conversation: Conversation;
  /** Whom nobody understands any more. */
  readonly lost: Set<Side>;
}

interface Opened {
  /** `undefined` before anything was said. */
  readings: readonly Reading[] | undefined;
  /** Whose first words are not there. */
  readonly lost: Set<Side>;
}

/** Files that were carried over TCP, by protocols each of which knows its own connections. */
export class TcpFiles implements FileReader {
  readonly #protocols: readonly TcpProtocol[];
  readonly #streams = new TcpStreams();
  /** As many as {@link TcpStreams} has open. */
  readonly #open = new Map<Stream, Opened>();

  constructor(protocols: readonly TcpProtocol[]) {
    this.#protocols = protocols;
  }

  *push(packet: Packet): Generator<FileEvent> {
    if (packet.protocol !== 'tcp') return;
    for (const event of this.#streams.push(packet)) yield* this.#on(event);
  }

  *end(): Generator<FileEvent> {
    for (const event of this.#streams.end()) yield* this.#on(event);
    for (const protocol of this.#protocols) yield* protocol.end();
  }

  *#on(event: StreamEvent): Generator<FileEvent> {
    const opened: Opened = this.#open.get(event.stream) ?? { readings: undefined, lost: new Set() };
    const { stream } = event;
    if (event.type === 'closed') {
      this.#open.delete(stream);
      return;
    }
    this.#open.set(stream, opened);
    if (event.type === 'data') opened.readings ??= this.#readingsOf(event, opened.lost);
    else if (event.type === 'gap' && opened.readings === undefined) opened.lost.add(event.by);
    for (const reading of opened.readings ?? []) yield* read(reading, event);
  }

  #readingsOf(
    { stream, by, bytes }: Extract<StreamEvent, { type: 'data' }>,
    lost: ReadonlySet<Side>,
  ): readonly Reading[] {
    return this.#protocols.flatMap((protocol) => {
      const conversation = protocol.open(stream, by, bytes);
      return conversation === undefined ? [] : [{ conversation, lost: new Set(lost) }];
    });
  }
}

function* read(
  { conversation, lost }: Reading,
  event: Exclude<StreamEvent, { type: 'closed' }>,
): Generator<FileEvent> {
  const { by } = event;
  if (lost.has(by)) return;
  if (event.type === 'gap' && !conversation.gap(by, event.length)) lost.add(by);
  if (event.type !== 'data') return;
  try {
    yield* conversation.data(by, event.bytes);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    lost.add(by);
  }
}

export function otherSide(side: Side): Side {
  return side === 'client' ? 'server' : 'client';
}

import type { Socket } from 'node:net';
import { ProtocolError } from '../core/errors.ts';
import type { Outcome } from '../lan/offer.ts';
import type { Peer } from '../lan/roster.ts';
import { decodeMessage, decodePresence, encodePresence, MAX_MESSAGE_BYTES } from '../sent/codec.ts';
import type { FileInfo, Message, User } from '../sent/messages.ts';
import { ownAddressFor } from './addresses.ts';
import { Callers } from './callers.ts';
import { now } from './clock.ts';
import { LanPresence } from './lan-presence.ts';
import { ObjectStream } from './object-stream.ts';
import { PortListener } from './port-listener.ts';
import { type IncomingOptions, SentIncoming } from './sent-incoming.ts';
import { type OfferingOptions, SentOffering } from './sent-offering.ts';

/** The ports of the document's program. */
export const SENT_UDP_PORT = 8081;
export const SENT_TCP_PORT = 8080;
/** Connections at a time. */
const MAX_CONNECTIONS = 256;

const WORDS = { hello: 'join', answer: 'ping', bye: 'leave' } as const;
const GREETINGS = { join: 'hello', ping: 'answer', leave: 'bye' } as const;

export interface SentPeerOptions extends Pick<IncomingOptions, 'decide' | 'openSink' | 'describe'> {
  readonly name: string;
  /** The address of this peer; all of this machine when absent. */
  readonly ip: string | undefined;
  readonly broadcast: readonly string[] | undefined;
  readonly udpPort: number;
  readonly tcpPort: number;
  readonly onCame: (peer: Peer) => void;
  readonly onLeft: (peer: Peer, silent: boolean) => void;
  readonly onRenamed: (peer: Peer, before: string) => void;
  /** A file has come, or has not: `problem` says why. */
  readonly onReceived: (sender: User, file: FileInfo, problem?: string) => void;
  readonly log: (text: string) => void;
}

export type OfferTo = Pick<
  OfferingOptions,
  'file' | 'source' | 'signal' | 'onAccepted' | 'onProgress'
> & {
  readonly to: Peer;
  /** All who are asked for it. */
  readonly receivers: readonly Peer[];
};

/** One peer on real sockets: it is there, hears who else is, offers files and is offered some. */
export class SentPeer implements AsyncDisposable {
  readonly #options: SentPeerOptions;
  readonly #offerings = new Set<SentOffering>();
  readonly #incoming = new Set<SentIncoming>();
  readonly #callers: Callers;
  #presence: LanPresence | undefined;
  #listener: PortListener | undefined;

  /** By the clock of this machine. */
  readonly startedAt = now();

  private constructor(options: SentPeerOptions) {
    this.#options = options;
    this.#callers = new Callers((address) => options.log(`${address} asks too often`));
  }

  /** @throws Error that says which port cannot be used, and why. */
  static async start(options: SentPeerOptions): Promise<SentPeer> {
    const { ip, udpPort, tcpPort, log } = options;
    const peer = new SentPeer(options);
    peer.#listener = await PortListener.open({
      host: ip,
      port: tcpPort,
      maxConnections: MAX_CONNECTIONS,
      onConnection: (socket) => peer.#onConnection(socket),
      // The document has no word for it.
      onFull: () => '',
      onError: (error) => log(`TCP: ${error.message}`),
    }).catch((error: Error) => {
      throw new Error(`TCP port ${tcpPort}: ${error.message}`);
    });
    peer.#presence = await LanPresence.start({
      ...options,
      port: udpPort,
      copies: 1,
      answersDiffer: true,
      encode: (word, from) =>
        Buffer.from(encodePresence({ type: WORDS[word], user: { name: options.name, ip: from } })),
      onLeft: (left, silent) => {
        for (const offering of peer.#offerings) {
          if (offering.options.to.ip === left.address) offering.peerLeft();
        }
        options.onLeft(left, silent);
      },
      decode: (datagram) => {
        const said = decodePresence(datagram.toString());
        return said && { word: GREETINGS[said.type], name: said.user.name };
      },
    }).catch(async (error: Error) => {
      await peer.#listener?.close();
      throw new Error(`UDP port ${udpPort}: ${error.message}`);
    });
    return peer;
  }

  get peers(): readonly Peer[] {
    return this.#presence?.peers ?? [];
  }

  /** Offers a file to one peer. Resolves when that is over, in whatever way. */
  async offer(offer: OfferTo): Promise<Outcome> {
    const offering = new SentOffering({
      ...offer,
      from: this.#selfFor(offer.to.address),
      to: userOf(offer.to),
      receivers: offer.receivers.map(userOf),
      localAddress: this.#options.ip,
      port: this.#options.tcpPort,
    });
    this.#offerings.add(offering);
    try {
      return await offering.run();
    } finally {
      this.#offerings.delete(offering);
    }
  }

  /** Says goodbye, and ends everything. */
  async close(): Promise<void> {
    const incoming = [...this.#incoming];
    for (const one of incoming) one.stop();
    const ended = incoming.map((one) => one.ended);
    await Promise.all([this.#presence?.close(), this.#listener?.close(), ...ended]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** This peer, as somebody at `address` sees it. */
  #selfFor(address: string): User {
    return { name: this.#options.name, ip: this.#options.ip ?? ownAddressFor(address) ?? '' };
  }

  #onConnection(socket: Socket): void {
    const address = this.#callers.admit(socket);
    if (address === undefined) return;
    let use: Incoming | undefined;
    const stream = new ObjectStream({
      socket,
      maxBytes: MAX_MESSAGE_BYTES,
      onObject: (text) => {
        use ??= this.#answerTo(stream, address, text) ?? incoming;
        // The time for the first message is over.
        if (use !== incoming) this.#release(incoming);
        use.onObject(text);
      },
      onFault: () => (use ?? incoming).onFault(),
      onEnd: () => (use ?? incoming).onEnd(),
      onClosed: (error) => (use ?? incoming).closed(error),
    });
    const incoming = this.#receive(stream, address);
  }

  #release(incoming: SentIncoming): void {
    incoming.release();
    this.#incoming.delete(incoming);
  }

  #receive(stream: ObjectStream, address: string): SentIncoming {
    const { decide, openSink, describe, onReceived, log } = this.#options;
    const incoming = new SentIncoming({
      stream,
      self: this.#selfFor(address),
      address,
      decide,
      openSink,
      describe,
      whyNot: (from, name) => this.#presence?.whyNot(from, name),
      onOver: (sender, file, problem) => {
        this.#incoming.delete(incoming);
        if (sender === undefined || file === undefined) log(`${address}: ${problem}`);
        else onReceived(sender, file, problem);
      },
    });
    this.#incoming.add(incoming);
    return incoming;
  }

  /** Some answer a request on a connection of their own. */
  #answerTo(stream: ObjectStream, address: string, text: string): Incoming | undefined {
    let answer: Message;
    try {
      answer = decodeMessage(text);
    } catch (error) {
      if (error instanceof ProtocolError) return undefined;
      throw error;
    }
    if (answer.type !== 'accept' && answer.type !== 'refuse') return undefined;
    const { name, md5 } = answer.file;
    const offering = [...this.#offerings].find(
      ({ options: { to, file } }) => to.ip === address && file.name === name && file.md5 === md5,
    );
    if (offering === undefined) return undefined;
    let isFirst = true;
    return {
      onObject: (said) => {
        if (isFirst) offering.adopt(stream, answer);
        else offering.onObject(said);
        isFirst = false;
      },
      onFault: () => offering.onObject(''),
      onEnd: () => {
        offering.lost(stream, undefined);
        stream.end();
      },
      closed: (error) => offering.lost(stream, error),
    };
  }
}

/** Whoever handles what comes on a connection that somebody else has opened. */
type Incoming = Pick<SentIncoming, 'onObject' | 'onFault' | 'onEnd' | 'closed'>;

function userOf({ name, address }: Peer): User {
  return { name, ip: address };
}

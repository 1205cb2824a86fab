import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import type { Socket } from 'node:net';
import type { FastWish } from '../commands/client-download.ts';
import type { ClientEffect, DownloadOutcome } from '../commands/client-effects.ts';
import { ClientSession } from '../commands/client-session.ts';
import { encodeClientMessage } from '../commands/codec.ts';
import { type Framing, MAX_MESSAGE_BYTES } from '../commands/framing.ts';
import type { ClientMessage } from '../commands/messages.ts';
import { after, earliest, type Millis, millis, type Port, parsePort } from '../core/brands.ts';
import { assertNever } from '../core/errors.ts';
import {
  GIVE_UP_AFTER,
  INVALID,
  type Receiver,
  type ReceiverCounts,
} from '../udp-reliable/receiver.ts';
import { HEADER_BYTES } from '../udp-reliable/segment.ts';
import { plainAddress, udpFamily } from './addresses.ts';
import { now } from './clock.ts';
import { FeedbackSender } from './feedback-sender.ts';
import { interfaceMtu } from './mtu.ts';
import { openConnection } from './open-connection.ts';
import { PeerConnection } from './peer-connection.ts';
import type { SegmentSink } from './segment-sink.ts';
import { explainDatagram, tapUdp } from './tap.ts';

/** Below this, the server is near. */
const SHORT_WAY_MS = 8;
/** Asked of the system for the UDP socket, which gives what it allows. */
const RECEIVE_BUFFER_BYTES = 4_194_304;
/** A bare read below this is a message by itself: longer ones may arrive in pieces. */
const WHOLE_BELOW_BYTES = 512;

/** How soon to look again whether what was asked for has been sent. */
const RETRY_AFTER = millis(20);

/** Why the connection is gone, when the server has not answered `connect`. */
export class NoAnswerError extends Error {
  constructor() {
    super(`the server did not answer for ${GIVE_UP_AFTER / 1000} seconds`);
    this.name = 'NoAnswerError';
  }
}

export interface ChatClientOptions {
  readonly host: string;
  readonly port: number;
  /** The local address to connect from; the system's choice when absent. */
  readonly from: string | undefined;
  readonly framing: Framing;
  /** Takes back the wish for a connection; of no effect once there is one. */
  readonly signal?: AbortSignal;
  /** A message of the server, as it came: make it visible before it is shown. */
  readonly onText: (text: string) => void;
  /** The first half is there; then {@link ChatClientDriver.answer}. */
  readonly onAskToProceed: () => void;
  /** A download begins; the receiver tells how far it is. */
  readonly openSink: (file: string, receiver: Receiver) => Promise<SegmentSink>;
  /** The connection is gone: by a wish of this side, or of the other. */
  readonly onClosed: (error: Error | undefined) => void;
}

/** The classroom client on real sockets: it carries out what {@link ClientSession} says. */
export class ChatClientDriver implements AsyncDisposable {
  readonly #options: ChatClientOptions;
  readonly #session: ClientSession;
  readonly #peer: PeerConnection;
  readonly #serverAddress: string;
  readonly #localAddress: string;
  readonly #closed: Promise<void>;
  readonly #isShortWay: boolean;
  #counts: ReceiverCounts | undefined;
  #udp: UdpSocket | undefined;
  #fast: FeedbackSender | undefined;
  #sink: SegmentSink | undefined;
  /** How the address of the server is written in what comes by UDP. */
  #lastSource: string | undefined;
  #opening: Promise<void> | undefined;
  #gone = false;
  #connectAnswered: ((online: boolean) => void) | undefined;
  /** Until when the answer to `connect` has to be there. */
  #connectDeadline: Millis | undefined;
  #downloadEnded: ((outcome: DownloadOutcome) => void) | undefined;

  /** @param handshake how long the server took to answer. */
  private constructor(options: ChatClientOptions, socket: Socket, handshake: number) {
    this.#isShortWay = handshake < SHORT_WAY_MS;
    this.#options = options;
    this.#session = new ClientSession(options.framing);
    this.#serverAddress = plainAddress(socket.remoteAddress ?? '');
    this.#localAddress = plainAddress(socket.localAddress ?? '');
    let closed: () => void;
    this.#closed = new Promise((resolve) => {
      closed = resolve;
    });
    this.#peer = new PeerConnection({
      socket,
      framer: { framing: options.framing, wholeBelow: WHOLE_BELOW_BYTES },
      onMessage: (text) => this.#run(this.#session.handle(text, now())),
      onTooLong: () => this.#peer.destroy(new Error('the server sent a message that is too long')),
      onDeadline: () => this.#onDeadline(),
      onClosed: (error) => {
        this.#onClosed(error);
        closed();
      },
    });
  }

  /** Opens the TCP connection. @throws Error that says why there is none. */
  static async open(options: ChatClientOptions): Promise<ChatClientDriver> {
    const { host, port, from, signal } = options;
    const start = now();
    // Not the caller's signal itself: that would destroy the socket later on, too.
    const opening = new AbortController();
    const abort = (): void => opening.abort();
    signal?.throwIfAborted();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const socket = await openConnection({
        host,
        port,
        signal: opening.signal,
        ...(from !== undefined && { localAddress: from }),
      });
      return new ChatClientDriver(options, socket, now() - start);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /**
   * Logs in; `false` when the server refuses the name, or is gone. A server that does not answer for
   * 30 s is left, with a {@link NoAnswerError} for {@link ChatClientOptions.onClosed}.
   */
  connect(name: string): Promise<boolean> {
    if (this.#gone) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#connectAnswered = resolve;
      this.#connectDeadline = after(now(), GIVE_UP_AFTER);
      this.#run(this.#session.connect(name));
    });
  }

  /** Whether the server has still to answer {@link connect}. */
  get connecting(): boolean {
    return this.#connectAnswered !== undefined;
  }

  /** Sends a message whose answer, if there is one, is only to be shown. */
  send(message: Exclude<ClientMessage, { type: 'unknown' }>): void {
    const text = encodeClientMessage(message);
    if (Buffer.byteLength(text) > MAX_MESSAGE_BYTES) throw new RangeError('message too long');
    this.#peer.send(text);
  }

  /**
   * Resolves when the download has ended, in whatever way. One at a time.
   * @param wish asks for the fast profile, if the server knows it; `mtu` is the interface's when absent.
   */
  download(
    file: string,
    wish?: Omit<FastWish, 'mtu'> & { readonly mtu?: number | undefined },
  ): Promise<DownloadOutcome> {
    if (this.#gone) return Promise.resolve({ type: 'failed', reason: 'there is no connection' });
    return new Promise((resolve) => {
      this.#downloadEnded = resolve;
      const fast = wish && { ...wish, mtu: wish.mtu ?? interfaceMtu(this.#localAddress) };
      this.#run(this.#session.download.request(file, now(), fast));
    });
  }

  get downloading(): boolean {
    return this.#session.download.running;
  }

  /** What the user says at 50 %. */
  answer(text: string): void {
    this.#run(this.#session.download.answer(text, now()));
  }

  /** Ends the running download from this side. */
  abandon(outcome: DownloadOutcome): void {
    this.#run(this.#session.download.abandon(outcome));
  }

  /** Leaves: says so, and waits until the server has closed, two seconds at most. */
  async disconnect(patience?: Millis): Promise<void> {
    this.send({ type: 'disconnect' });
    await this.close(patience);
  }

  /**
   * Ends the connection when all is sent; what the server still says is shown.
   * @param patience how long the server is waited for at most; two seconds when absent.
   */
  async close(patience?: Millis): Promise<void> {
    this.#peer.finish(patience);
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #run(effects: readonly ClientEffect[]): void {
    for (const effect of effects) this.#carryOut(effect);
    this.#arm();
  }

  #arm(): void {
    this.#peer.setDeadline(earliest(this.#session.download.nextTimeout(), this.#connectDeadline));
  }

  #carryOut(effect: ClientEffect): void {
    switch (effect.type) {
      case 'send':
        this.#explain(effect.message);
        this.#peer.send(encodeClientMessage(effect.message));
        return;
      case 'send-text':
        this.#peer.send(effect.text);
        return;
      case 'show':
        this.#options.onText(effect.text);
        return;
      case 'connect-answered':
        this.#answerConnect(effect.online);
        return;
      case 'open-receiver':
        // Not before `#opening` is set: whoever opens the file may end the download at once.
        this.#opening = Promise.resolve().then(() =>
          this.#openReceiver(effect.file, effect.receiver),
        );
        return;
      case 'send-feedback':
        this.#fast?.tell();
        return;
      case 'hash-received':
        void this.#hashReceived();
        return;
      case 'ask-to-proceed':
        this.#options.onAskToProceed();
        return;
      case 'download-ended':
        this.#endDownload(effect.outcome);
        return;
      default:
        assertNever(effect);
    }
  }

  #explain(message: ClientMessage): void {
    if (message.type !== 're-request') return;
    const nth = this.#counts?.reRequests ?? 0;
    const { length } = message.seqs;
    this.#peer.explainNext(`re-request ${nth} for ${length} part${length === 1 ? '' : 's'}`);
  }

  async #openReceiver(file: string, receiver: Receiver): Promise<void> {
    try {
      const sink = await this.#options.openSink(file, receiver);
      this.#sink = sink;
      const port = await this.#bind(receiver, sink);
      const effects = this.#session.download.receiverReady(port, now());
      // The download may have ended meanwhile.
      if (effects.length === 0) this.#closeUdp();
      this.#run(effects);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.abandon({ type: 'failed', reason });
    }
  }

  async #hashReceived(): Promise<void> {
    try {
      const sha256 = await this.#sink?.sha256?.();
      if (sha256 === undefined) throw new Error('nothing can tell the SHA-256 of what came');
      this.#run(this.#session.download.hashed(sha256));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.abandon({ type: 'failed', reason });
    }
  }

  async #bind(receiver: Receiver, sink: SegmentSink): Promise<Port> {
    const udp = createSocket(udpFamily(this.#serverAddress));
    tapUdp(udp);
    this.#udp = udp;
    this.#counts = receiver.counts;
    await new Promise<void>((resolve, reject) => {
      udp.once('error', reject);
      udp.bind({ address: this.#localAddress, port: 0 }, resolve);
    });
    udp.on('error', () => undefined);
    askForReceiveBuffer(udp);
    this.#fast =
      receiver.fast &&
      new FeedbackSender(udp, this.#serverAddress, receiver, sink, this.#isShortWay);
    udp.on('message', (datagram, from) => {
      // Anybody can send to an open port; only the server's parts count.
      if (!this.#isServer(from, receiver.fast?.port)) {
        receiver.counts.invalid += 1;
        explainDatagram('not from the server, ignored');
        return;
      }
      const { phase, rto } = receiver;
      const at = now();
      const seq = receiver.inspect(datagram, at);
      if (seq < 0)
        explainDatagram(seq === INVALID ? 'no part of this file' : 'a duplicate, ignored');
      if (seq >= 0 && sink.write(seq, datagram, HEADER_BYTES)) receiver.accept(seq);
      const due = seq !== INVALID && this.#fast?.onDatagram(at);
      // Something new sets the timer back, so that it rings earlier than was thought.
      if (due || receiver.rto < rto) this.#arm();
      if (receiver.phase !== phase) {
        explainDatagram(
          receiver.phase === 'complete' ? 'the last part' : 'half of the file is there',
        );
        this.#run(this.#session.download.segmentsReceived(now()));
      }
    });
    const port = parsePort(String(udp.address().port));
    if (port === undefined) throw new Error('no UDP port');
    return port;
  }

  /** @param port where it sends from; any, under the document's rules. */
  #isServer(from: RemoteInfo, port: Port | undefined): boolean {
    if (port !== undefined && from.port !== port) return false;
    if (from.address === this.#lastSource) return true;
    if (plainAddress(from.address) !== this.#serverAddress) return false;
    this.#lastSource = from.address;
    return true;
  }

  #answerConnect(online: boolean): void {
    this.#connectDeadline = undefined;
    this.#connectAnswered?.(online);
    this.#connectAnswered = undefined;
  }

  #onDeadline(): void {
    if (this.#connectDeadline !== undefined && now() >= this.#connectDeadline) {
      this.#peer.destroy(new NoAnswerError());
      return;
    }
    // What was asked for before is not even sent: to ask for more would only add to the queue.
    if (this.#peer.backedUp) this.#peer.setDeadline(after(now(), RETRY_AFTER));
    else this.#run(this.#session.download.onTimeout(now()));
  }

  #endDownload(outcome: DownloadOutcome): void {
    this.#closeUdp();
    const ended = this.#downloadEnded;
    this.#downloadEnded = undefined;
    // Not before the place for the file is open: whoever opened it has to close it.
    void (this.#opening ?? Promise.resolve()).then(() => ended?.(outcome));
  }

  #closeUdp(): void {
    this.#udp?.close();
    this.#udp = undefined;
    this.#fast?.close();
    this.#fast = undefined;
  }

  #onClosed(error: Error | undefined): void {
    this.#gone = true;
    this.#run(this.#session.download.closed());
    this.#answerConnect(false);
    this.#options.onClosed(error);
  }
}

/** What the system allows; some refuse what is above their limit instead of taking the limit. */
function askForReceiveBuffer(udp: UdpSocket): void {
  try {
    udp.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  } catch {
    // A small buffer is told to the server by the credit.
  }
}

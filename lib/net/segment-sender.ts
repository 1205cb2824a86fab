import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import {
  type Numbering,
  payloadLength,
  type Segmentation,
  writeHeader,
} from '../udp-reliable/segment.ts';
import type { Sender } from '../udp-reliable/sender.ts';
import { udpFamily } from './addresses.ts';
import { Alarm, nextTurn, now } from './clock.ts';
import {
  HEADROOM,
  ReadAhead,
  type SegmentSource,
  ShortReadError,
  type Slot,
} from './read-ahead.ts';
import { explainDatagram, isRecorded, tapUdp } from './tap.ts';

/** Bytes that are handed to the socket before everybody else has a turn. */
const BATCH_BYTES = 65_536;
/** Asked of the system for the UDP socket, which gives what it allows. */
const SEND_BUFFER_BYTES = 1_048_576;
export interface SegmentSenderOptions {
  readonly sender: Sender;
  readonly source: SegmentSource;
  readonly cut: Segmentation;
  readonly numbering: Numbering;
  /** The client, and the address that it knows this server by. */
  readonly host: string;
  /** The client's port; `undefined`: {@link SegmentSender.connect} tells it later. */
  readonly port: number | undefined;
  readonly localAddress: string;
  /** The socket has this port. */
  readonly onBound: (port: number) => void;
  /** Something that was sent to the socket; once it is connected, by the client. */
  readonly onDatagram: (datagram: Buffer, from: RemoteInfo) => void;
  /** Everything that may go has gone. */
  readonly onPaused: () => void;
  /** The file is shorter than it was, or cannot be read. */
  readonly onFailed: (code: 'FILE_CHANGED' | 'READ_FAILED', error?: unknown) => void;
}

/** Sends the segments of one download from a UDP socket of its own, when the {@link Sender} says. */
export class SegmentSender {
  readonly #options: SegmentSenderOptions;
  readonly #socket: Socket;
  readonly #alarm = new Alarm(() => void this.#run());
  readonly #seqs: Uint32Array;
  #ahead: ReadAhead;
  #connecting = false;
  #ready = false;
  #running = false;
  #paused = false;
  #closed = false;
  /** How often each part went out; for who records it. */
  #sendings: Uint8Array | undefined;

  constructor(options: SegmentSenderOptions) {
    this.#options = options;
    const batch = Math.max(1, Math.floor(BATCH_BYTES / options.cut.payload));
    this.#seqs = new Uint32Array(batch);
    this.#ahead = new ReadAhead(options.source, options.cut, options.sender.rate);
    this.#socket = createSocket(udpFamily(options.host));
    tapUdp(this.#socket);
    // A client whose port is closed refuses datagrams; its silence on TCP is what counts.
    this.#socket.on('error', (error) => {
      if (!this.#ready && !this.#closed) options.onFailed('READ_FAILED', error);
    });
    this.#socket.on('message', (datagram, from) => options.onDatagram(datagram, from));
    this.#socket.bind({ address: options.localAddress, port: 0 }, () => {
      if (this.#closed) return;
      setSendBuffer(this.#socket);
      if (options.port !== undefined) this.connect(options.port);
      options.onBound(this.#socket.address().port);
    });
  }

  /** Sends to this port of the client from now on, and hears nobody else. */
  connect(port: number): void {
    if (this.#connecting || this.#closed) return;
    this.#connecting = true;
    this.#socket.connect(port, this.#options.host, (error?: Error) => {
      if (this.#closed) return;
      if (error !== undefined) {
        this.#options.onFailed('READ_FAILED', error);
        return;
      }
      this.#ready = true;
      this.wake();
    });
  }

  /** Goes on, after the {@link Sender} was told something. */
  wake(): void {
    if (this.#ready) void this.#run();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#alarm.clear();
    this.#socket.close();
  }

  async #run(): Promise<void> {
    if (this.#running || this.#closed) return;
    this.#running = true;
    try {
      await this.#sendWhatIsDue();
    } catch (error) {
      if (this.#closed) return;
      if (error instanceof ShortReadError) this.#options.onFailed('FILE_CHANGED');
      else this.#options.onFailed('READ_FAILED', error);
      return;
    } finally {
      this.#running = false;
    }
    if (this.#closed) return;
    const at = this.#options.sender.nextTimeout(now());
    this.#alarm.set(at);
    const { idle } = this.#options.sender;
    if (idle && !this.#paused) this.#options.onPaused();
    this.#paused = idle;
  }

  async #sendWhatIsDue(): Promise<void> {
    const { sender } = this.#options;
    while (!this.#closed) {
      const count = sender.take(now(), this.#seqs);
      if (count === 0) return;
      for (const seq of this.#seqs.subarray(0, count)) {
        // What still waits in a block must have gone before the block is used again.
        if (!this.#ahead.has(seq)) await this.#drained();
        const slot = this.#ahead.slot(seq);
        const loaded = slot instanceof Promise ? await slot : slot;
        if (this.#closed) return;
        this.#send(seq, loaded);
      }
      await this.#drained();
      if (this.#closed) return;
      this.#growAhead();
      this.#ahead.prefetch(this.#seqs[count - 1] ?? 0);
      // Everybody else has a turn.
      await nextTurn();
    }
  }

  /** A download that goes fast is worth more memory. */
  #growAhead(): void {
    if (this.#ahead.large) return;
    const { source, cut, sender } = this.#options;
    const ahead = new ReadAhead(source, cut, sender.rate);
    if (ahead.large) this.#ahead = ahead;
  }

  #send(seq: number, { bytes, datagram }: Slot): void {
    const { numbering, cut } = this.#options;
    const start = writeHeader(bytes, HEADROOM, seq, numbering);
    const length = HEADROOM + payloadLength(cut, seq) - start;
    // The system takes it at once, or it waits in the socket. One that fails is a loss.
    if (length === datagram.length) this.#socket.send(datagram);
    else this.#socket.send(bytes, start, length);
    if (isRecorded()) this.#explain(seq);
  }

  #explain(seq: number): void {
    this.#sendings ??= new Uint8Array(this.#options.sender.segmentCount);
    const sending = (this.#sendings[seq] ?? 0) + 1;
    this.#sendings[seq] = sending;
    if (sending > 1) explainDatagram(`part ${seq} again, sending ${sending}`);
  }

  /** Resolves when the system has taken everything, so that the memory can be used again. */
  async #drained(): Promise<void> {
    while (!this.#closed && this.#socket.getSendQueueCount() > 0) await nextTurn();
  }
}

/** What the system allows; it is not worth a word when that is less. */
function setSendBuffer(socket: Socket): void {
  try {
    socket.setSendBufferSize(SEND_BUFFER_BYTES);
  } catch {
    // Some systems refuse what is above their limit instead of taking the limit.
  }
}

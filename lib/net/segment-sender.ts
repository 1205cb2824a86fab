import { createSocket, type Socket } from 'node:dgram';
import {
  type Numbering,
  payloadLength,
  type Segmentation,
  writeHeader,
} from '../udp-reliable/segment.ts';
import type { Sender } from '../udp-reliable/sender.ts';
import { udpFamily } from './addresses.ts';
import { Alarm, now } from './clock.ts';

/** Bytes that are read from the file and handed to the socket at once, and in datagrams. */
const BATCH_BYTES = 131_072;
const LEAST_BATCH = 4;
/** Asked of the system for the UDP socket, which gives what it allows. */
const SEND_BUFFER_BYTES = 1_048_576;
/** Room before each payload for the longest header, `4294967295:`. */
const HEADROOM = 16;

/** Where the bytes of the segments come from. */
export interface SegmentSource {
  /** Reads into the buffers, one after the other, from `position` on; returns the bytes read. */
  read(buffers: readonly Buffer[], position: number): Promise<number>;
}

export interface SegmentSenderOptions {
  readonly sender: Sender;
  readonly source: SegmentSource;
  readonly cut: Segmentation;
  readonly numbering: Numbering;
  /** The client, and the address that it knows this server by. */
  readonly host: string;
  readonly port: number;
  readonly localAddress: string;
  /** Something that the client sent to the socket. */
  readonly onDatagram: (datagram: Buffer) => void;
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
  readonly #slots: readonly Buffer[];
  #ready = false;
  #running = false;
  #closed = false;

  constructor(options: SegmentSenderOptions) {
    this.#options = options;
    // One block for all datagrams: each payload is read to where it is sent from.
    const slotBytes = HEADROOM + options.cut.payload;
    const batch = Math.max(LEAST_BATCH, Math.floor(BATCH_BYTES / slotBytes));
    const block = Buffer.alloc(batch * slotBytes);
    this.#seqs = new Uint32Array(batch);
    this.#slots = Array.from({ length: batch }, (_, index) =>
      block.subarray(index * slotBytes, (index + 1) * slotBytes),
    );
    this.#socket = createSocket(udpFamily(options.host));
    // A client whose port is closed refuses datagrams; its silence on TCP is what counts.
    this.#socket.on('error', (error) => {
      if (!this.#ready && !this.#closed) options.onFailed('READ_FAILED', error);
    });
    this.#socket.on('message', (datagram) => options.onDatagram(datagram));
    this.#socket.bind({ address: options.localAddress, port: 0 }, () => {
      if (this.#closed) return;
      this.#socket.connect(options.port, options.host, () => {
        this.#ready = true;
        setSendBuffer(this.#socket);
        this.wake();
      });
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
      if (!this.#closed) this.#options.onFailed('READ_FAILED', error);
      return;
    } finally {
      this.#running = false;
    }
    if (this.#closed) return;
    const at = this.#options.sender.nextTimeout(now());
    this.#alarm.set(at);
    if (this.#options.sender.idle) this.#options.onPaused();
  }

  async #sendWhatIsDue(): Promise<void> {
    const { sender } = this.#options;
    while (!this.#closed) {
      const count = sender.take(now(), this.#seqs);
      if (count === 0) return;
      if (!(await this.#readPayloads(count))) {
        if (!this.#closed) this.#options.onFailed('FILE_CHANGED');
        return;
      }
      if (!this.#closed) await this.#sendBatch(count);
    }
  }

  /** Reads what the first `count` segments carry, one read for each run of neighbours. */
  async #readPayloads(count: number): Promise<boolean> {
    const { source, cut } = this.#options;
    for (let start = 0; start < count; ) {
      const first = this.#seqs[start] ?? 0;
      const buffers: Buffer[] = [];
      let wanted = 0;
      let end = start;
      while (end < count && this.#seqs[end] === first + (end - start)) {
        const length = payloadLength(cut, first + (end - start));
        buffers.push(this.#slot(end).subarray(HEADROOM, HEADROOM + length));
        wanted += length;
        end += 1;
      }
      if ((await source.read(buffers, first * cut.payload)) !== wanted) return false;
      start = end;
    }
    return true;
  }

  /** Resolves when the socket has taken all of them, so that their memory can be used again. */
  #sendBatch(count: number): Promise<void> {
    const { numbering, cut } = this.#options;
    return new Promise((resolve) => {
      for (let index = 0; index < count; index += 1) {
        const seq = this.#seqs[index] ?? 0;
        const slot = this.#slot(index);
        const start = writeHeader(slot, HEADROOM, seq, numbering);
        const end = HEADROOM + payloadLength(cut, seq);
        // They leave in order: when the last one is gone, all are. A send that fails is a loss.
        if (index < count - 1) this.#socket.send(slot, start, end - start, ignore);
        else this.#socket.send(slot, start, end - start, () => resolve());
      }
    });
  }

  #slot(index: number): Buffer {
    const slot = this.#slots[index];
    if (slot === undefined) throw new RangeError(`no slot ${index}`);
    return slot;
  }
}

function ignore(): void {}

/** What the system allows; it is not worth a word when that is less. */
function setSendBuffer(socket: Socket): void {
  try {
    socket.setSendBufferSize(SEND_BUFFER_BYTES);
  } catch {
    // Some systems refuse what is above their limit instead of taking the limit.
  }
}

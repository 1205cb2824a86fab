import type { RemoteInfo, Socket } from 'node:dgram';
import type { Millis } from '../core/brands.ts';
import { MAX_FEEDBACK_BYTES } from '../udp-reliable/feedback.ts';
import type { Receiver } from '../udp-reliable/receiver.ts';
import { HEADER_BYTES } from '../udp-reliable/segment.ts';
import { now } from './clock.ts';
import type { SegmentSink } from './segment-sink.ts';

/** What the system counts for a datagram in a receive buffer beyond its bytes, at most. */
const BUFFER_OVERHEAD = 768;

/** Tells the server what has come, on the socket that it comes to. */
export class FeedbackSender {
  readonly #udp: Socket;
  readonly #receiver: Receiver;
  readonly #sink: SegmentSink;
  /** Datagrams that the receive buffer of the system holds. */
  readonly #bufferRoom: number;
  #server: { readonly address: string; readonly port: number } | undefined;
  /** Whether a feedback is due at a time that is known already. */
  #armed = false;

  constructor(udp: Socket, receiver: Receiver, sink: SegmentSink) {
    this.#udp = udp;
    this.#receiver = receiver;
    this.#sink = sink;
    this.#bufferRoom = Math.floor(udp.getRecvBufferSize() / bufferBytes(receiver.payload));
  }

  /**
   * A datagram of the server has come. Tells it at once if that is due.
   * @returns whether the time of the next feedback has to be looked at anew.
   */
  onDatagram(from: RemoteInfo, at: Millis): boolean {
    if (this.#server?.port !== from.port) this.#server = { address: from.address, port: from.port };
    if (this.#receiver.feedbackDue(at)) {
      this.tell();
      return true;
    }
    const changed = !this.#armed;
    this.#armed = true;
    return changed;
  }

  tell(): void {
    this.#armed = false;
    // Before the first datagram nobody knows where to.
    if (this.#server === undefined) return;
    const { room = Number.POSITIVE_INFINITY } = this.#sink;
    this.#receiver.credit = Math.min(this.#bufferRoom, room);
    const out = Buffer.allocUnsafe(MAX_FEEDBACK_BYTES);
    const length = this.#receiver.writeFeedback(out, now());
    this.#udp.send(out, 0, length, this.#server.port, this.#server.address, ignore);
  }
}

/** Memory comes in powers of two (Linux, `skb->truesize`). */
function bufferBytes(payload: number): number {
  const bytes = HEADER_BYTES + payload + BUFFER_OVERHEAD;
  return bytes > 4096 ? bytes * 1.25 : 2 ** Math.ceil(Math.log2(bytes)) + BUFFER_OVERHEAD / 2;
}

function ignore(): void {}

import type { Socket } from 'node:dgram';
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
  readonly #host: string;
  /** Whether it is known when the next feedback is due. */
  #armed = false;
  readonly #eager: boolean;
  #closed = false;

  /**
   * @param host the server.
   * @param eager tells everything that came in one turn of the event loop at its end: on a short way
   *   the server would wait for what is gathered longer.
   */
  constructor(udp: Socket, host: string, receiver: Receiver, sink: SegmentSink, eager: boolean) {
    this.#host = host;
    this.#eager = eager;
    this.#udp = udp;
    this.#receiver = receiver;
    this.#sink = sink;
    this.#bufferRoom = Math.floor(udp.getRecvBufferSize() / bufferBytes(receiver.payload));
  }

  /**
   * A datagram of the server has come. Tells it at once if that is due.
   * @returns whether the time of the next feedback has to be looked at anew.
   */
  onDatagram(at: Millis): boolean {
    if (this.#receiver.feedbackDue(at)) {
      this.tell();
      return true;
    }
    if (this.#armed) return false;
    this.#armed = true;
    if (!this.#eager) return true;
    setImmediate(() => {
      if (this.#armed) this.tell();
    });
    return false;
  }

  close(): void {
    this.#closed = true;
  }

  tell(): void {
    this.#armed = false;
    if (this.#closed) return;
    const { room = Number.POSITIVE_INFINITY } = this.#sink;
    this.#receiver.credit = Math.min(this.#bufferRoom, room);
    const out = Buffer.allocUnsafe(MAX_FEEDBACK_BYTES);
    const length = this.#receiver.writeFeedback(out, now());
    this.#udp.send(out, 0, length, this.#receiver.fast?.port, this.#host, ignore);
  }
}

/** Memory comes in powers of two (Linux, `skb->truesize`). */
function bufferBytes(payload: number): number {
  const bytes = HEADER_BYTES + payload + BUFFER_OVERHEAD;
  return bytes > 4096 ? bytes * 1.25 : 2 ** Math.ceil(Math.log2(bytes)) + BUFFER_OVERHEAD / 2;
}

function ignore(): void {}

import { TCP } from './packets.ts';
import type { Direction } from './pcapng.ts';

const NOTHING = new Uint8Array(0);
/** What a write carries goes in pieces of this size: programs see streams, not segments. */
const SEGMENT_BYTES = 32_768;

/** A segment that such a connection would have had. */
export interface TcpSegment {
  readonly direction: Direction;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

/**
 * Segments for what a program knows of a TCP connection: that it is there, bytes each way, and ends.
 * The numbers fit each other, as if nothing had been lost.
 */
export class TcpFlow {
  readonly #emit: (segment: TcpSegment) => void;
  /** The next number, each way. */
  readonly #seq: Record<Direction, number>;
  readonly #ended: Record<Direction, boolean> = { in: false, out: false };
  /** Who has got bytes and not said so: it goes with what he says next. */
  readonly #owes: Record<Direction, boolean> = { in: false, out: false };
  #opened = false;
  #closed = false;

  /** @param initial the first number each way. */
  constructor(initial: Record<Direction, number>, emit: (segment: TcpSegment) => void) {
    this.#seq = { ...initial };
    this.#emit = emit;
  }

  /** @param by which side has opened it: `out` is this program. */
  opened(by: Direction): void {
    if (this.#opened) return;
    this.#opened = true;
    const other = otherOf(by);
    this.#say(by, TCP.SYN);
    this.#say(other, TCP.SYN | TCP.ACK);
    this.#say(by, TCP.ACK);
  }

  data(direction: Direction, bytes: Uint8Array): void {
    if (this.#closed || this.#ended[direction]) return;
    this.#settle(direction);
    for (let at = 0; at < bytes.length; at += SEGMENT_BYTES) {
      const payload = bytes.subarray(at, at + SEGMENT_BYTES);
      const isLast = at + payload.length === bytes.length;
      this.#say(direction, isLast ? TCP.PSH | TCP.ACK : TCP.ACK, payload);
    }
    this.#owes[otherOf(direction)] = bytes.length > 0;
  }

  /** That side has nothing more to say. */
  end(direction: Direction): void {
    if (this.#closed || this.#ended[direction]) return;
    this.#ended[direction] = true;
    this.#settle(direction);
    this.#say(direction, TCP.FIN | TCP.ACK);
    this.#say(otherOf(direction), TCP.ACK);
  }

  /** It is gone. @param resetBy whose reset it was, if it was one; if not, this side has nothing more to say. */
  closed(resetBy?: Direction): void {
    if (this.#closed) return;
    if (resetBy === undefined) this.end('out');
    else if (!(this.#ended.in && this.#ended.out)) this.#say(resetBy, TCP.RST | TCP.ACK);
    this.#closed = true;
  }

  /** What this side has said before is acknowledged before it goes on. */
  #settle(direction: Direction): void {
    if (this.#owes[otherOf(direction)]) this.#say(otherOf(direction), TCP.ACK);
  }

  #say(direction: Direction, flags: number, payload: Uint8Array = NOTHING): void {
    this.#owes[direction] = false;
    const seq = this.#seq[direction];
    const isFirst = flags === TCP.SYN;
    const ack = isFirst ? 0 : this.#seq[otherOf(direction)];
    this.#emit({ direction, seq, ack, flags, payload });
    // SYN and FIN take a number each (RFC 9293, section 3.4).
    const taken = payload.length + (flags & (TCP.SYN | TCP.FIN) ? 1 : 0);
    this.#seq[direction] = (seq + taken) >>> 0;
  }
}

function otherOf(direction: Direction): Direction {
  return direction === 'in' ? 'out' : 'in';
}

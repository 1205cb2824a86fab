/**
 * What the client of the fast profile tells the server by UDP while a download runs: what has come,
 * and when. It is a state, not an event: one that is lost costs nothing, since the next one says
 * all of it again. (PROTOCOL.md, "The fast profile", "Feedback".)
 */
export interface Feedback {
  /** The number that the server gave this download: nobody else knows it. */
  readonly key: number;
  /** The second half may come, too. */
  readonly proceed: boolean;
  /** Datagrams that may be on their way at once, as far as the client can hold them. */
  readonly credit: number;
  /** The segment of the newest datagram, and for how many microseconds the client has had it. */
  readonly newest: number;
  readonly heldFor: number;
  /** The client's clock in microseconds, and all datagrams that counted so far; both wrap at 2^32. */
  readonly clock: number;
  readonly received: number;
  /** Every segment below this one is there. */
  readonly base: number;
  /** Which of the segments from `base` on are there, eight a byte, the lowest bit first. */
  readonly bitmap: Uint8Array;
}

/** Segments above `base` that a feedback can tell of; none further ahead may be sent. */
export const FEEDBACK_WINDOW = 8192;
/** In `newest`: nothing has come yet. */
export const NOTHING_YET = 0xffff_ffff;

const HEADER_BYTES = 28;
export const MAX_FEEDBACK_BYTES = HEADER_BYTES + FEEDBACK_WINDOW / 8;
const MARK = 0x3f;
const PROCEED = 1;

/** Writes it into `out`; returns the length. */
export function encodeFeedback(feedback: Feedback, out: Buffer): number {
  out.writeUInt32BE(feedback.key, 0);
  out[4] = MARK;
  out[5] = feedback.proceed ? PROCEED : 0;
  out.writeUInt16BE(feedback.credit, 6);
  out.writeUInt32BE(feedback.newest, 8);
  out.writeUInt32BE(feedback.heldFor, 12);
  out.writeUInt32BE(feedback.clock, 16);
  out.writeUInt32BE(feedback.received, 20);
  out.writeUInt32BE(feedback.base, 24);
  out.set(feedback.bitmap, HEADER_BYTES);
  return HEADER_BYTES + feedback.bitmap.length;
}

/** Reads one; `undefined` when it is none, or not of the download with this key. */
export function decodeFeedback(datagram: Buffer, key: number): Feedback | undefined {
  if (datagram.length < HEADER_BYTES || datagram.length > MAX_FEEDBACK_BYTES) return undefined;
  if (datagram[4] !== MARK || datagram.readUInt32BE(0) !== key) return undefined;
  return {
    key,
    proceed: ((datagram[5] ?? 0) & PROCEED) !== 0,
    credit: datagram.readUInt16BE(6),
    newest: datagram.readUInt32BE(8),
    heldFor: datagram.readUInt32BE(12),
    clock: datagram.readUInt32BE(16),
    received: datagram.readUInt32BE(20),
    base: datagram.readUInt32BE(24),
    bitmap: datagram.subarray(HEADER_BYTES),
  };
}

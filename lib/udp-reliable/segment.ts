/** Bytes of the file in one segment, by the document. The last one may be shorter. */
export const SEGMENT_PAYLOAD = 2043;
/** Sequence number and `:`. */
export const HEADER_BYTES = 5;
/** A full datagram. */
export const DATAGRAM_BYTES = HEADER_BYTES + SEGMENT_PAYLOAD;
/** Above this the bitmap of what has come would need too much memory: 274 GB of file. */
export const MAX_SEGMENT_COUNT = 2 ** 27;
/** The most segments whose number fits the as-written dialect's 2048-byte buffer: 4 digits, `:`. */
export const MAX_ASCII_SEGMENT_COUNT = 10_000;

const COLON = 0x3a;

/** How a sequence number is written: 4 bytes big-endian, or (as-written dialect) in ASCII. */
export type Numbering = 'binary' | 'ascii';

/** How a file is cut: into `count` segments of `payload` bytes, the last one shorter. */
export interface Segmentation {
  readonly size: number;
  readonly payload: number;
  readonly count: number;
}

/** @param size bytes of the file; an empty one has no segment. */
export function segment(size: number, payload: number = SEGMENT_PAYLOAD): Segmentation {
  return { size, payload, count: Math.ceil(size / payload) };
}

/** Bytes of the file that segment `seq` carries. */
export function payloadLength({ size, payload }: Segmentation, seq: number): number {
  return Math.min(payload, size - seq * payload);
}

/** The most that one UDP datagram can carry over IPv4. */
export const MAX_PAYLOAD = 65_507 - HEADER_BYTES;
/** Larger datagrams cost the receiver more than they save: buffers are made for 64 KiB each. */
const MOST_FAST_PAYLOAD = 32_768 - HEADER_BYTES;
const LEAST_FAST_PAYLOAD = 512;

/**
 * What of a file fits one IP packet.
 * @param mtu the largest packet. @param host the address of either side: its family counts.
 */
export function fastPayload(mtu: number, host: string): number {
  const headers = (host.includes(':') ? 40 : 20) + 8 + HEADER_BYTES;
  return Math.max(LEAST_FAST_PAYLOAD, Math.min(MOST_FAST_PAYLOAD, mtu - headers));
}

/** How many segments go before the pause (document, "How the download works"). */
export function firstHalfOf(segmentCount: number): number {
  return Math.floor(segmentCount / 2);
}

/**
 * Writes the header so that it ends right before `slot[headerEnd]`, where the payload is; returns
 * where it begins. The payload never moves, whatever the length of the number.
 */
export function writeHeader(
  slot: Buffer,
  headerEnd: number,
  seq: number,
  numbering: Numbering,
): number {
  slot[headerEnd - 1] = COLON;
  if (numbering === 'binary') {
    slot.writeUInt32BE(seq, headerEnd - HEADER_BYTES);
    return headerEnd - HEADER_BYTES;
  }
  const digits = String(seq);
  slot.write(digits, headerEnd - 1 - digits.length, 'latin1');
  return headerEnd - 1 - digits.length;
}

/** The sequence number of a binary datagram, or -1 when it is none. */
export function readSequenceNumber(datagram: Buffer): number {
  if (datagram.length <= HEADER_BYTES || datagram[4] !== COLON) return -1;
  return datagram.readUInt32BE(0);
}

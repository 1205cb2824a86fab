import { MAX_SEGMENT_COUNT, readSequenceNumber } from '../udp-reliable/segment.ts';

/** How a peer numbers its datagrams: 4 bytes, the largest or the smallest first, or decimal digits. */
export type Numbering = 'big-endian' | 'little-endian' | 'ascii';

export interface PartHeader {
  readonly seq: number;
  /** Bytes before those of the file. */
  readonly length: number;
}

const COLON = 0x3a;
const MAX_DIGITS = 10;

/**
 * Reads the numbers of the parts of one download, however its server writes them: the document does not
 * say it. What a number cannot be tells; from then on all are read in that way.
 */
export class PartNumbers {
  readonly #count: number;
  #numbering: Numbering | undefined;

  /** @param count how many parts the file has, as far as that is known. @param numbering if it is known */
  constructor(count = MAX_SEGMENT_COUNT, numbering?: Numbering) {
    this.#count = count;
    this.#numbering = numbering;
  }

  /** `undefined` as long as what has come can be read in more than one way. */
  get numbering(): Numbering | undefined {
    return this.#numbering;
  }

  /** `undefined`: it is no part. */
  read(datagram: Buffer): PartHeader | undefined {
    const ways: Numbering[] =
      this.#numbering === undefined ? ['big-endian', 'little-endian', 'ascii'] : [this.#numbering];
    const found = ways.flatMap((way) => {
      const header = readAs(way, datagram);
      return header === undefined || header.seq >= this.#count ? [] : [{ way, header }];
    });
    const [first] = found;
    if (first === undefined) return undefined;
    if (found.length === 1) this.#numbering = first.way;
    return first.header;
  }
}

function readAs(numbering: Numbering, datagram: Buffer): PartHeader | undefined {
  if (numbering === 'ascii') {
    const end = datagram.subarray(0, MAX_DIGITS + 1).indexOf(COLON);
    const digits = datagram.toString('latin1', 0, Math.max(0, end));
    // C's %4d fills the four bytes of the document with spaces, and %04d with zeros.
    return /^ *\d+ *$/.test(digits) ? { seq: Number(digits), length: end + 1 } : undefined;
  }
  const seq = readSequenceNumber(datagram);
  if (seq === -1) return undefined;
  return { seq: numbering === 'big-endian' ? seq : datagram.readUInt32LE(0), length: 5 };
}

import { closeSync, openSync, readSync } from 'node:fs';
import { visible } from '../core/text.ts';
import { type Direction, SECTION_HEADER } from './pcapng.ts';

/** A packet as it stands in a capture. */
export interface Frame {
  /** From 1, as Wireshark counts. */
  readonly number: number;
  /** Nanoseconds since the first frame. */
  readonly time: number;
  /** What the bytes begin with (the numbers of tcpdump.org/linktypes.html). */
  readonly linkType: number;
  /** What was kept of the packet; valid until the next frame is read. */
  readonly bytes: Buffer;
  /** As seen where it was captured, if that is told. */
  readonly direction?: Direction | undefined;
  readonly comments: readonly string[];
}

/** The file is no capture, or a spoilt one. */
export class CaptureError extends Error {}

const CHUNK_BYTES = 1_048_576;
/** Larger than any packet with its comments. */
const MAX_BLOCK_BYTES = 16_777_216;

/** pcap: the magic number, and nanoseconds for each unit of its times. */
const PCAP = new Map([
  [0xa1b2c3d4, 1000n],
  [0xa1b23c4d, 1n],
]);
const PCAP_HEADER = 24;
const PCAP_RECORD = 16;

/** pcapng (draft-ietf-opsawg-pcapng, section 4). */
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const INTERFACE_DESCRIPTION = 1;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const BLOCK_HEADER = 8;
const COMMENT = 1;
const PACKET_FLAGS = 2;
const INTERFACE_RESOLUTION = 9;
const INTERFACE_OFFSET = 14;

/**
 * The packets of a pcapng or pcap file, in their order. What a killed program has left of the last one is
 * not there. Memory does not grow with the file.
 * @throws CaptureError when it is no capture, or one that is spoilt; errors of the system.
 */
export function* readFrames(path: string): Generator<Frame> {
  const bytes = new FileBytes(path);
  try {
    const start = bytes.peek(4);
    if (start === undefined) throw new CaptureError('it is no capture: it is empty');
    if (start.readUInt32BE(0) === SECTION_HEADER) yield* readPcapng(bytes);
    else yield* readPcap(bytes);
  } finally {
    bytes.close();
  }
}

function* readPcap(bytes: FileBytes): Generator<Frame> {
  const header = bytes.take(PCAP_HEADER);
  const isLittle = PCAP.has(header?.readUInt32LE(0) ?? 0);
  const read = readers(isLittle);
  const unit = PCAP.get(header === undefined ? 0 : read.u32(header, 0));
  if (header === undefined || unit === undefined) {
    throw new CaptureError('it is no capture: neither pcapng nor pcap');
  }
  // The upper bits say whether a checksum follows each packet.
  const linkType = read.u32(header, 20) & 0x0fff_ffff;
  const clock = new CaptureClock();
  for (let number = 1; ; number += 1) {
    const record = bytes.take(PCAP_RECORD);
    if (record === undefined) return;
    const kept = read.u32(record, 8);
    const time = clock.at(
      BigInt(read.u32(record, 0)) * 1_000_000_000n + BigInt(read.u32(record, 4)) * unit,
    );
    if (kept > MAX_BLOCK_BYTES) throw new CaptureError(`packet ${number} has ${kept} bytes`);
    const packet = bytes.take(kept);
    if (packet === undefined) return;
    yield { number, time, linkType, bytes: packet, comments: [] };
  }
}

interface Interface {
  readonly linkType: number;
  /** Nanoseconds since 1970 of a time that it says. */
  readonly nanoseconds: (units: bigint) => bigint;
}

function* readPcapng(bytes: FileBytes): Generator<Frame> {
  const clock = new CaptureClock();
  let read = readers(true);
  let interfaces: Interface[] = [];
  for (let number = 1; ; ) {
    const head = bytes.peek(BLOCK_HEADER + 4);
    if (head === undefined) return;
    if (head.readUInt32LE(0) === SECTION_HEADER) {
      read = readers(head.readUInt32LE(8) === BYTE_ORDER_MAGIC);
      if (read.u32(head, 8) !== BYTE_ORDER_MAGIC) throw new CaptureError('a section is spoilt');
      interfaces = [];
    }
    const type = read.u32(head, 0);
    const length = read.u32(head, 4);
    if (length < BLOCK_HEADER + 4 || length % 4 !== 0 || length > MAX_BLOCK_BYTES) {
      throw new CaptureError(`the block behind packet ${number - 1} has ${length} bytes`);
    }
    const block = bytes.take(length)?.subarray(BLOCK_HEADER, length - 4);
    if (block === undefined) return;
    if (type === INTERFACE_DESCRIPTION) interfaces.push(readInterface(block, read));
    const packet = readPacket(type, block, read, interfaces);
    if (packet === undefined) continue;
    const { linkType, at, ...rest } = packet;
    yield { number, time: clock.at(at), linkType, ...rest };
    number += 1;
  }
}

function readInterface(block: Buffer, read: Readers): Interface {
  if (block.length < 8) throw new CaptureError('an interface is spoilt');
  const options = readOptions(block.subarray(8), read);
  const [resolution = 6] = options.get(INTERFACE_RESOLUTION)?.[0] ?? [];
  const offset = options.get(INTERFACE_OFFSET)?.[0];
  const seconds = offset?.length === 8 ? read.u64(offset, 0) : 0n;
  // The highest bit tells powers of two from powers of ten.
  const perSecond = resolution < 0x80 ? 10n ** BigInt(resolution) : 2n ** BigInt(resolution & 0x7f);
  return {
    linkType: read.u16(block, 0),
    nanoseconds: (units) => (units * 1_000_000_000n) / perSecond + seconds * 1_000_000_000n,
  };
}

type Packet = Omit<Frame, 'number' | 'time'> & { readonly at: bigint | undefined };

function readPacket(
  type: number,
  block: Buffer,
  read: Readers,
  interfaces: readonly Interface[],
): Packet | undefined {
  if (type === SIMPLE_PACKET) {
    const [first] = interfaces;
    if (first === undefined || block.length < 4) throw new CaptureError('a packet is spoilt');
    const bytes = block.subarray(4, 4 + read.u32(block, 0));
    return { linkType: first.linkType, at: undefined, bytes, comments: [] };
  }
  if (type !== ENHANCED_PACKET && type !== OBSOLETE_PACKET) return undefined;
  if (block.length < 20) throw new CaptureError('a packet is spoilt');
  const from = interfaces[type === ENHANCED_PACKET ? read.u32(block, 0) : read.u16(block, 0)];
  const kept = read.u32(block, 12);
  if (from === undefined || kept > block.length - 20) throw new CaptureError('a packet is spoilt');
  const options = readOptions(block.subarray(20 + ((kept + 3) & ~3)), read);
  const flags = options.get(PACKET_FLAGS)?.[0];
  const units = (BigInt(read.u32(block, 4)) << 32n) | BigInt(read.u32(block, 8));
  return {
    linkType: from.linkType,
    at: from.nanoseconds(units),
    bytes: block.subarray(20, 20 + kept),
    direction: flags?.length === 4 ? DIRECTIONS[read.u32(flags, 0) & 3] : undefined,
    comments: (options.get(COMMENT) ?? []).map((bytes) => visible(bytes.toString())),
  };
}

const DIRECTIONS: readonly (Direction | undefined)[] = [undefined, 'in', 'out'];

function readOptions(bytes: Buffer, read: Readers): Map<number, Buffer[]> {
  const options = new Map<number, Buffer[]>();
  for (let at = 0; at + 4 <= bytes.length; ) {
    const code = read.u16(bytes, at);
    const length = read.u16(bytes, at + 2);
    if (code === 0) break;
    const value = bytes.subarray(at + 4, at + 4 + length);
    const values = options.get(code);
    if (values === undefined) options.set(code, [value]);
    else values.push(value);
    at += 4 + ((length + 3) & ~3);
  }
  return options;
}

interface Readers {
  readonly u16: (bytes: Buffer, at: number) => number;
  readonly u32: (bytes: Buffer, at: number) => number;
  readonly u64: (bytes: Buffer, at: number) => bigint;
}

function readers(isLittle: boolean): Readers {
  return isLittle
    ? {
        u16: (bytes, at) => bytes.readUInt16LE(at),
        u32: (bytes, at) => bytes.readUInt32LE(at),
        u64: (bytes, at) => bytes.readBigInt64LE(at),
      }
    : {
        u16: (bytes, at) => bytes.readUInt16BE(at),
        u32: (bytes, at) => bytes.readUInt32BE(at),
        u64: (bytes, at) => bytes.readBigInt64BE(at),
      };
}

/** Times since the first packet; those that are not told are that of the one before. */
class CaptureClock {
  #start: bigint | undefined;
  #last = 0;

  at(nanoseconds: bigint | undefined): number {
    if (nanoseconds === undefined) return this.#last;
    this.#start ??= nanoseconds;
    this.#last = Number(nanoseconds - this.#start);
    return this.#last;
  }
}

/** A file, read in order. */
class FileBytes {
  readonly #fd: number;
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(path: string) {
    this.#fd = openSync(path, 'r');
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** The next `count` bytes, which stay next; `undefined` when there are not as many. */
  peek(count: number): Buffer | undefined {
    while (this.#buffer.length - this.#at < count) if (!this.#readOn(count)) return undefined;
    return this.#buffer.subarray(this.#at, this.#at + count);
  }

  /** The same, and what follows is next; they are valid until the next call. */
  take(count: number): Buffer | undefined {
    const bytes = this.peek(count);
    if (bytes !== undefined) this.#at += count;
    return bytes;
  }

  #readOn(count: number): boolean {
    const rest = this.#buffer.subarray(this.#at);
    // A new one: views into the one before may still be looked at.
    const buffer = Buffer.allocUnsafe(rest.length + Math.max(CHUNK_BYTES, count));
    rest.copy(buffer);
    const read = readSync(this.#fd, buffer, rest.length, buffer.length - rest.length, null);
    this.#buffer = buffer.subarray(0, rest.length + read);
    this.#at = 0;
    return read > 0;
  }
}

import { firstCharacters } from '../core/text.ts';

/** Blocks of a pcapng file (draft-ietf-opsawg-pcapng, sections 4.1 to 4.3); little-endian here. */
export const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** Packets begin with the IP header (LINKTYPE_RAW). */
const LINK_TYPE_RAW = 101;

/** Codes of options; those of a block end with 0. */
const OPTION_END = 0;
const OPTION_COMMENT = 1;
const SECTION_APPLICATION = 4;
const INTERFACE_NAME = 2;
const INTERFACE_RESOLUTION = 9;
const PACKET_FLAGS = 2;

/** Ten to the minus ninth of a second. */
const NANOSECONDS = 9;
const FLAGS = { in: 1, out: 2 } as const;
const MAX_COMMENT = 4096;

/** As seen by the program that writes. */
export type Direction = keyof typeof FLAGS;

export interface PacketInfo {
  /** Nanoseconds since 1970: the upper and the lower 32 bits. */
  readonly high: number;
  readonly low: number;
  /** Where it was seen: by the order of {@link interfaceDescription}. */
  readonly interfaceNumber: number;
  readonly direction: Direction;
  /** May be added to until it is written. */
  comment?: string | undefined;
}

/** The beginning of a file. @param application what has written it. */
export function sectionHeader(application: string): Buffer {
  const fixed = Buffer.alloc(16);
  fixed.writeUInt32LE(BYTE_ORDER_MAGIC, 0);
  fixed.writeUInt16LE(1, 4);
  fixed.writeUInt16LE(0, 6);
  // The length of the section is not known.
  fixed.writeBigInt64LE(-1n, 8);
  return block(SECTION_HEADER, [fixed, option(SECTION_APPLICATION, application), END]);
}

/** Where packets come from; the first one is number 0. */
export function interfaceDescription(name: string): Buffer {
  const fixed = Buffer.alloc(8);
  fixed.writeUInt16LE(LINK_TYPE_RAW, 0);
  return block(INTERFACE_DESCRIPTION, [
    fixed,
    option(INTERFACE_NAME, name),
    option(INTERFACE_RESOLUTION, Buffer.of(NANOSECONDS)),
    END,
  ]);
}

/** Bytes of the block around a packet, before it. */
export const PACKET_AT = 28;

/** How long the block of a packet is. */
export function packetBlockBytes(packetBytes: number, comment?: string): number {
  return PACKET_AT + padded(packetBytes) + FLAGS_BYTES + commentBytes(comment) + END.length + 4;
}

/**
 * Writes the block around a packet that stands at `offset` + {@link PACKET_AT} of `target` already.
 * @returns where it ends: {@link packetBlockBytes} behind `offset`.
 */
export function encodePacketBlock(
  target: Buffer,
  offset: number,
  packetBytes: number,
  { high, low, interfaceNumber, direction, comment }: PacketInfo,
): number {
  const length = packetBlockBytes(packetBytes, comment);
  target.writeUInt32LE(ENHANCED_PACKET, offset);
  target.writeUInt32LE(length, offset + 4);
  target.writeUInt32LE(interfaceNumber, offset + 8);
  target.writeUInt32LE(high, offset + 12);
  target.writeUInt32LE(low, offset + 16);
  target.writeUInt32LE(packetBytes, offset + 20);
  target.writeUInt32LE(packetBytes, offset + 24);
  let at = offset + PACKET_AT + packetBytes;
  const options = offset + PACKET_AT + padded(packetBytes);
  for (; at < options; at += 1) target[at] = 0;
  target.writeUInt16LE(PACKET_FLAGS, options);
  target.writeUInt16LE(4, options + 2);
  target.writeUInt32LE(FLAGS[direction], options + 4);
  at = options + FLAGS_BYTES;
  if (comment !== undefined) at += commentOption(comment).copy(target, at);
  // The end of the options (END).
  target.writeUInt32LE(0, at);
  target.writeUInt32LE(length, at + 4);
  return at + 8;
}

const FLAGS_BYTES = 8;
const END = option(OPTION_END, Buffer.alloc(0));

/** What follows a packet in its block, at most. */
export const MAX_TRAILER_BYTES = 3 + FLAGS_BYTES + 4 + MAX_COMMENT + 3 + END.length + 4;

function commentBytes(comment: string | undefined): number {
  return comment === undefined ? 0 : commentOption(comment).length;
}

function commentOption(comment: string): Buffer {
  return option(OPTION_COMMENT, firstCharacters(comment, MAX_COMMENT));
}

function option(code: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  const whole = Buffer.alloc(4 + padded(bytes.length));
  whole.writeUInt16LE(code, 0);
  whole.writeUInt16LE(bytes.length, 2);
  bytes.copy(whole, 4);
  return whole;
}

function block(type: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const whole = Buffer.alloc(12 + body.length);
  whole.writeUInt32LE(type, 0);
  whole.writeUInt32LE(whole.length, 4);
  body.copy(whole, 8);
  whole.writeUInt32LE(whole.length, whole.length - 4);
  return whole;
}

/** Everything in a block begins at a multiple of four. */
function padded(bytes: number): number {
  return (bytes + 3) & ~3;
}

/** IP packets around what the programs send and receive, as the system would make them. */

/** An address, and a port of it. */
export interface Endpoint {
  /** IPv4 in four bytes, or IPv6 in sixteen. */
  readonly address: Uint8Array;
  readonly port: number;
}

export interface Flow {
  readonly source: Endpoint;
  readonly destination: Endpoint;
}

export interface TcpFields {
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
}

/** Control bits (RFC 9293, section 3.1). */
export const TCP = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 } as const;

const PROTOCOL = { tcp: 6, udp: 17 } as const;
const TIME_TO_LIVE = 64;
const UDP_HEADER = 8;
const TCP_HEADER = 20;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const DO_NOT_FRAGMENT = 0x4000;
const WINDOW = 65_535;

/** So much payload fits a packet of either family. */
export const MAX_PAYLOAD = 65_535 - IPV6_HEADER - TCP_HEADER;

/** The bytes of a UDP datagram with its IP header. */
export function udpBytes({ source }: Flow, payload: number): number {
  return ipHeaderBytes(source) + UDP_HEADER + payload;
}

/** The bytes of a TCP segment with its IP header. */
export function tcpBytes({ source }: Flow, payload: number): number {
  return ipHeaderBytes(source) + TCP_HEADER + payload;
}

/**
 * Writes a UDP datagram (RFC 768) with its IP header at `offset`, a multiple of four.
 * @returns where it ends.
 */
export function encodeUdp(target: Buffer, offset: number, flow: Flow, payload: Uint8Array): number {
  const length = UDP_HEADER + payload.length;
  const at = encodeIp(target, offset, flow, PROTOCOL.udp, length);
  target.writeUInt16BE(flow.source.port, at);
  target.writeUInt16BE(flow.destination.port, at + 2);
  target.writeUInt16BE(length, at + 4);
  target.writeUInt16BE(0, at + 6);
  target.set(payload, at + UDP_HEADER);
  const sum = transportChecksum(target, at, length, flow, PROTOCOL.udp);
  // 0 says that there is none.
  target.writeUInt16BE(sum === 0 ? 0xffff : sum, at + 6);
  return at + length;
}

/**
 * Writes a TCP segment (RFC 9293) with its IP header at `offset`, a multiple of four.
 * @returns where it ends.
 */
export function encodeTcp(
  target: Buffer,
  offset: number,
  flow: Flow,
  { seq, ack, flags }: TcpFields,
  payload: Uint8Array,
): number {
  const length = TCP_HEADER + payload.length;
  const at = encodeIp(target, offset, flow, PROTOCOL.tcp, length);
  target.writeUInt16BE(flow.source.port, at);
  target.writeUInt16BE(flow.destination.port, at + 2);
  target.writeUInt32BE(seq >>> 0, at + 4);
  target.writeUInt32BE(ack >>> 0, at + 8);
  target.writeUInt8((TCP_HEADER / 4) << 4, at + 12);
  target.writeUInt8(flags, at + 13);
  target.writeUInt16BE(WINDOW, at + 14);
  target.writeUInt32BE(0, at + 16);
  target.set(payload, at + TCP_HEADER);
  target.writeUInt16BE(transportChecksum(target, at, length, flow, PROTOCOL.tcp), at + 16);
  return at + length;
}

function ipHeaderBytes({ address }: Endpoint): number {
  return address.length === 4 ? IPV4_HEADER : IPV6_HEADER;
}

function encodeIp(
  target: Buffer,
  offset: number,
  flow: Flow,
  protocol: number,
  length: number,
): number {
  return flow.source.address.length === 4
    ? encodeIPv4(target, offset, flow, protocol, length)
    : encodeIPv6(target, offset, flow, protocol, length);
}

/** RFC 791, section 3.1. @returns where the payload begins. */
function encodeIPv4(
  target: Buffer,
  offset: number,
  { source, destination }: Flow,
  protocol: number,
  length: number,
): number {
  target.writeUInt16BE(0x4500, offset);
  target.writeUInt16BE(IPV4_HEADER + length, offset + 2);
  target.writeUInt16BE(0, offset + 4);
  target.writeUInt16BE(DO_NOT_FRAGMENT, offset + 6);
  target.writeUInt8(TIME_TO_LIVE, offset + 8);
  target.writeUInt8(protocol, offset + 9);
  target.writeUInt16BE(0, offset + 10);
  target.set(source.address, offset + 12);
  target.set(destination.address, offset + 16);
  const sum = sumOf(target, offset, IPV4_HEADER);
  target.writeUInt16BE(complement(sum), offset + 10);
  return offset + IPV4_HEADER;
}

/** RFC 8200, section 3. @returns where the payload begins. */
function encodeIPv6(
  target: Buffer,
  offset: number,
  { source, destination }: Flow,
  protocol: number,
  length: number,
): number {
  target.writeUInt32BE(0x60000000, offset);
  target.writeUInt16BE(length, offset + 4);
  target.writeUInt8(protocol, offset + 6);
  target.writeUInt8(TIME_TO_LIVE, offset + 7);
  target.set(source.address, offset + 8);
  target.set(destination.address, offset + 24);
  return offset + IPV6_HEADER;
}

/** Over the pseudo header, too (RFC 768; RFC 9293, section 3.1; RFC 8200, section 8.1). */
function transportChecksum(
  target: Buffer,
  at: number,
  length: number,
  { source }: Flow,
  protocol: number,
): number {
  // Both addresses stand right before the payload, in either family.
  const addresses = 2 * source.address.length;
  const sum = sumOf(target, at - addresses, addresses + length);
  return complement(sum + swap(length & 0xffff) + swap(length >>> 16) + swap(protocol));
}

/** The sum of 16-bit words as this machine reads them, in 32-bit steps: its byte order does not matter. */
function sumOf(bytes: Buffer, offset: number, length: number): number {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + offset, length >>> 2);
  const pairs = words.length & ~1;
  // Two sums side by side: the processor adds both at once.
  let [sum, other] = [words.length > pairs ? (words[pairs] ?? 0) : 0, 0];
  for (let index = 0; index < pairs; index += 2) {
    sum += words[index] ?? 0;
    other += words[index + 1] ?? 0;
  }
  let rest = 0;
  for (let index = length & ~3, place = 0; index < length; index += 1, place += 1) {
    rest += (bytes[offset + index] ?? 0) * 2 ** (LITTLE_ENDIAN ? 8 * place : 24 - 8 * place);
  }
  return sum + other + rest;
}

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Folded to 16 bits, complemented, and as a number that is to be written in network order. */
function complement(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = Math.floor(folded / 0x10000) + (folded % 0x10000);
  return swap(~folded & 0xffff);
}

/** Between network order and that of this machine. */
function swap(word: number): number {
  return LITTLE_ENDIAN ? ((word & 0xff) << 8) | (word >>> 8) : word;
}

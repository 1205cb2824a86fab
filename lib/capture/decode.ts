import type { Frame } from './capture-file.ts';
import { Fragments } from './fragments.ts';

/** What a frame carries over TCP or UDP. */
export type Packet = UdpPacket | TcpPacket;

interface Carried {
  /** The frame, without its bytes. */
  readonly frame: Omit<Frame, 'bytes'>;
  /** `127.0.0.1:55000`, `[::1]:55000`. */
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Valid until the next frame is read. */
  readonly payload: Buffer;
  /** Bytes that it had on the wire. */
  readonly length: number;
  /** Whether the capture has not kept all of them. */
  readonly isCut: boolean;
}

export interface UdpPacket extends Carried {
  readonly protocol: 'udp';
}

export interface TcpPacket extends Carried {
  readonly protocol: 'tcp';
  readonly seq: number;
  readonly ack: number;
  /** Control bits, see `TCP` in packets.ts. */
  readonly flags: number;
}

/** An IP packet's payload, and whose it is. */
export interface IpPayload {
  readonly protocol: number;
  readonly source: Buffer;
  readonly destination: Buffer;
  readonly bytes: Buffer;
  readonly isCut: boolean;
  readonly fragment?: {
    readonly id: number;
    readonly offset: number;
    readonly more: boolean;
  };
}

/** Link types (tcpdump.org/linktypes.html), and where the IP packet begins behind their header. */
type BeginOfIp = (bytes: Buffer) => number | undefined;
const LINK_TYPES: ReadonlyMap<number, BeginOfIp> = new Map<number, BeginOfIp>([
  [0, () => 4],
  [1, (bytes) => behindEtherType(bytes, 12)],
  [12, () => 0],
  [14, () => 0],
  [101, () => 0],
  [108, () => 4],
  [113, (bytes) => behindEtherType(bytes, 14)],
  [228, () => 0],
  [229, () => 0],
  [276, (bytes) => (isIp(bytes.readUInt16BE(0)) ? 20 : undefined)],
]);
const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd, vlan: 0x8100, serviceVlan: 0x88a8 };
const PROTOCOL = { tcp: 6, udp: 17 };
const IPV6_FRAGMENT = 44;
/** Hop-by-hop options, routing, destination options (RFC 8200, section 4). */
const IPV6_EXTENSIONS = [0, 43, 60];
const IPV6_HEADER = 40;
const MAX_TEXTS = 4096;

/** Takes packets out of frames; fragments are put together. What it cannot read it leaves out. */
export class Decoder {
  readonly #fragments = new Fragments();
  /** Addresses are few, and the same again and again. */
  readonly #texts = new Map<string, string>();

  /** `undefined` when it carries neither TCP nor UDP, or is the fragment of a packet. */
  decode({ bytes, ...frame }: Frame): Packet | undefined {
    try {
      const at = LINK_TYPES.get(frame.linkType)?.(bytes);
      if (at === undefined) return undefined;
      const found = readIp(bytes.subarray(at));
      const ip = found?.fragment === undefined ? found : this.#fragments.push(found, frame.time);
      return ip === undefined ? undefined : this.#carried(frame, ip);
    } catch (error) {
      // Whatever is shorter than its own words.
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }

  #carried(frame: Omit<Frame, 'bytes'>, ip: IpPayload): Packet | undefined {
    const { bytes } = ip;
    if (ip.protocol !== PROTOCOL.udp && ip.protocol !== PROTOCOL.tcp) return undefined;
    const sourcePort = bytes.readUInt16BE(0);
    const destinationPort = bytes.readUInt16BE(2);
    const ends = {
      ...{ frame, sourcePort, destinationPort },
      source: this.#text(ip.source, sourcePort),
      destination: this.#text(ip.destination, destinationPort),
    };
    if (ip.protocol === PROTOCOL.udp) {
      const length = bytes.readUInt16BE(4) - 8;
      const payload = bytes.subarray(8, 8 + length);
      const isCut = ip.isCut && payload.length < length;
      return { protocol: 'udp', ...ends, payload, length, isCut };
    }
    const seq = bytes.readUInt32BE(4);
    const ack = bytes.readUInt32BE(8);
    const flags = bytes.readUInt8(13);
    const payload = bytes.subarray(4 * (bytes.readUInt8(12) >>> 4));
    const { length } = payload;
    return { protocol: 'tcp', ...ends, seq, ack, flags, payload, length, isCut: ip.isCut };
  }

  #text(address: Buffer, port: number): string {
    const key = address.toString('latin1');
    const known = this.#texts.get(key);
    const text = known ?? formatAddress(address);
    if (this.#texts.size < MAX_TEXTS) this.#texts.set(key, text);
    return `${text}:${port}`;
  }
}

function isIp(etherType: number): boolean {
  return etherType === ETHERTYPE.ipv4 || etherType === ETHERTYPE.ipv6;
}

function behindEtherType(bytes: Buffer, first: number): number | undefined {
  let at = first;
  let type = bytes.readUInt16BE(at);
  while (type === ETHERTYPE.vlan || type === ETHERTYPE.serviceVlan) {
    at += 4;
    type = bytes.readUInt16BE(at);
  }
  return isIp(type) ? at + 2 : undefined;
}

function readIp(bytes: Buffer): IpPayload | undefined {
  const version = bytes.readUInt8(0) >>> 4;
  if (version === 4) return readIPv4(bytes);
  return version === 6 ? readIPv6(bytes) : undefined;
}

/** RFC 791, section 3.1. */
function readIPv4(bytes: Buffer): IpPayload {
  const header = 4 * (bytes.readUInt8(0) & 15);
  // 0 where the network card cuts the packet later.
  const length = bytes.readUInt16BE(2) || bytes.length;
  const place = bytes.readUInt16BE(6);
  const offset = 8 * (place & 0x1fff);
  const more = (place & 0x2000) !== 0;
  return {
    protocol: bytes.readUInt8(9),
    source: bytes.subarray(12, 16),
    destination: bytes.subarray(16, 20),
    bytes: bytes.subarray(header, length),
    isCut: bytes.length < length,
    ...((offset > 0 || more) && { fragment: { id: bytes.readUInt16BE(4), offset, more } }),
  };
}

/** RFC 8200, sections 3 and 4. */
function readIPv6(bytes: Buffer): IpPayload {
  const declared = bytes.readUInt16BE(4);
  const length = declared === 0 ? bytes.length : IPV6_HEADER + declared;
  let protocol = bytes.readUInt8(6);
  let at = IPV6_HEADER;
  let fragment: IpPayload['fragment'];
  for (;;) {
    if (IPV6_EXTENSIONS.includes(protocol)) {
      protocol = bytes.readUInt8(at);
      at += 8 * (1 + bytes.readUInt8(at + 1));
    } else if (protocol === IPV6_FRAGMENT) {
      protocol = bytes.readUInt8(at);
      const place = bytes.readUInt16BE(at + 2);
      const more = (place & 1) !== 0;
      fragment = { id: bytes.readUInt32BE(at + 4), offset: place & 0xfff8, more };
      at += 8;
    } else break;
  }
  return {
    protocol,
    source: bytes.subarray(8, 24),
    destination: bytes.subarray(24, 40),
    bytes: bytes.subarray(at, length),
    isCut: bytes.length < length,
    ...(fragment !== undefined && { fragment }),
  };
}

/** `127.0.0.1`, `[::1]` (RFC 5952). */
function formatAddress(address: Buffer): string {
  if (address.length === 4) return address.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => address.readUInt16BE(2 * index));
  const text = groups.map((group) => group.toString(16)).join(':');
  // The longest run of zeros, the first of equal ones.
  const runs = [...text.matchAll(/(?<![0-9a-f])0(?::0)+(?![0-9a-f])/g)];
  const [longest] = runs.sort((a, b) => b[0].length - a[0].length || a.index - b.index);
  if (longest === undefined) return `[${text}]`;
  const head = text.slice(0, longest.index).replace(/:$/, '');
  const tail = text.slice(longest.index + longest[0].length).replace(/^:/, '');
  return `[${head}::${tail}]`;
}

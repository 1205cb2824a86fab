import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseAddress } from '../../lib/capture/address.ts';
import { Decoder, type Packet } from '../../lib/capture/decode.ts';
import { encodeUdp, udpBytes } from '../../lib/capture/packets.ts';

const MTU = 1500;
const LINK_TYPE_RAW = 101;

/** The packets of one datagram, as a path with this MTU carries it. */
function fragmentsOf(host: string, payload: Buffer, id: number): Buffer[] {
  const [source, destination] = [5000, 6000].map((port) => ({ address: parseAddress(host), port }));
  if (source === undefined || destination === undefined) throw new Error('no ends');
  const flow = { source, destination };
  const whole = Buffer.alloc(udpBytes(flow, payload.length));
  encodeUdp(whole, 0, flow, payload);
  return host.includes(':') ? fragmentsOfIPv6(whole, id) : fragmentsOfIPv4(whole, id);
}

function fragmentsOfIPv4(whole: Buffer, id: number): Buffer[] {
  return pieces(whole.subarray(20), MTU - 20).map(({ offset, more, bytes }) => {
    const header = Buffer.from(whole.subarray(0, 20));
    header.writeUInt16BE(20 + bytes.length, 2);
    header.writeUInt16BE(id, 4);
    header.writeUInt16BE((more ? 0x2000 : 0) | (offset / 8), 6);
    return Buffer.concat([header, bytes]);
  });
}

function fragmentsOfIPv6(whole: Buffer, id: number): Buffer[] {
  return pieces(whole.subarray(40), MTU - 48).map(({ offset, more, bytes }) => {
    const header = Buffer.from(whole.subarray(0, 40));
    header.writeUInt16BE(8 + bytes.length, 4);
    header.writeUInt8(44, 6);
    const extension = Buffer.alloc(8);
    extension.writeUInt8(17, 0);
    extension.writeUInt16BE(offset | (more ? 1 : 0), 2);
    extension.writeUInt32BE(id, 4);
    return Buffer.concat([header, extension, bytes]);
  });
}

function pieces(bytes: Buffer, most: number): { offset: number; more: boolean; bytes: Buffer }[] {
  const size = most & ~7;
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => ({
    offset: index * size,
    more: (index + 1) * size < bytes.length,
    bytes: bytes.subarray(index * size, (index + 1) * size),
  }));
}

function decodeAll(packets: readonly Buffer[], times: readonly number[] = []): Packet[] {
  const decoder = new Decoder();
  return packets.flatMap((bytes, index) => {
    const time = times[index] ?? 0;
    const frame = { number: index + 1, time, linkType: LINK_TYPE_RAW, bytes, comments: [] };
    return decoder.decode(frame) ?? [];
  });
}

test.each(['192.0.2.1', '2001:db8::1'])(
  'datagrams of %s larger than a packet are put together, in any order',
  (host) => {
    const sizes = fc.array(fc.integer({ min: 0, max: 9000 }), { minLength: 1, maxLength: 6 });
    const property = fc.property(sizes, fc.infiniteStream(fc.nat(1000)), (lengths, order) => {
      const payloads = lengths.map((length, index) => Buffer.alloc(length, index + 1));
      const packets = payloads.flatMap((payload, id) => fragmentsOf(host, payload, id + 1));
      const shuffled = packets.map((packet) => [order.next().value, packet] as const);
      shuffled.sort(([a], [b]) => a - b);
      const found = decodeAll(shuffled.map(([, packet]) => packet));
      const texts = (list: readonly Buffer[]): string[] =>
        list.map((payload) => `${payload.length} ${payload[0]}`).sort();
      expect(texts(found.map(({ payload }) => payload))).toEqual(texts(payloads));
      expect(found.every(({ payload }) => payload.every((byte) => byte === payload[0]))).toBe(true);
    });
    fc.assert(property, { numRuns: 50 });
  },
);

test('what never becomes whole takes no room for ever', () => {
  const [first = Buffer.alloc(0)] = fragmentsOf('192.0.2.1', Buffer.alloc(3000), 1);
  const packets = Array.from({ length: 1000 }, (_, id) => {
    const packet = Buffer.from(first);
    packet.writeUInt16BE(id, 4);
    return packet;
  });
  // The first ones are given up, so that their rest does not complete them any more.
  const rest = fragmentsOf('192.0.2.1', Buffer.alloc(3000), 0).slice(1);
  expect(decodeAll([...packets, ...rest])).toEqual([]);
  const newest = fragmentsOf('192.0.2.1', Buffer.alloc(3000), 999).slice(1);
  expect(decodeAll([...packets, ...newest])).toHaveLength(1);
});

test('a number that comes again after half a minute is that of another packet', () => {
  const old = fragmentsOf('192.0.2.1', Buffer.alloc(3000, 1), 7).slice(1);
  const fresh = fragmentsOf('192.0.2.1', Buffer.alloc(3000, 2), 7);
  const late = [0, 0, 31e9, 31e9, 31e9];
  const [packet, ...others] = decodeAll([...old, ...fresh], late);
  expect(others).toEqual([]);
  expect(packet?.payload.every((byte) => byte === 2)).toBe(true);
});

test('of fragments that the capture has cut short, the first one stands for all', () => {
  const cut = fragmentsOf('192.0.2.1', Buffer.alloc(3000, 1), 7).map((bytes) =>
    bytes.subarray(0, 100),
  );
  const [packet, ...others] = decodeAll(cut);
  expect(others).toEqual([]);
  expect(packet).toMatchObject({ isCut: true, length: 3000 });
});

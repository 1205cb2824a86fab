import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodeTcp, encodeUdp, type Flow, tcpBytes, udpBytes } from '../../lib/capture/packets.ts';
import {
  encodePacketBlock,
  interfaceDescription,
  PACKET_AT,
  type PacketInfo,
  packetBlockBytes,
  sectionHeader,
} from '../../lib/capture/pcapng.ts';
import { TcpFlow, type TcpSegment } from '../../lib/capture/tcp-flow.ts';
import { TemporaryFolder } from '../storage/folder.ts';
import { someBytes } from '../support/server-under-test.ts';
import { hasTshark, packetFields, tshark } from '../support/tshark.ts';

const V4: Flow = {
  source: { address: Uint8Array.of(192, 0, 2, 1), port: 55_000 },
  destination: { address: Uint8Array.of(198, 51, 100, 7), port: 40_001 },
};
const V6: Flow = {
  source: { address: Uint8Array.from({ length: 16 }, (_, at) => (at === 0 ? 0xfd : at)), port: 1 },
  destination: { address: Uint8Array.from({ length: 16 }, (_, at) => 0xfd - at), port: 65_535 },
};
/** With all bits checked. */
const CHECKED = ['udp', 'tcp', 'ip'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]);

function packetBlock(
  info: PacketInfo,
  length: number,
  encode: (target: Buffer, offset: number) => number,
): Buffer {
  const bytes = Buffer.allocUnsafeSlow(packetBlockBytes(length, info.comment));
  expect(encode(bytes, PACKET_AT)).toBe(PACKET_AT + length);
  expect(encodePacketBlock(bytes, 0, length, info)).toBe(bytes.length);
  return bytes;
}

/** Of nanoseconds since 1970. */
function halves(time: bigint): { high: number; low: number } {
  return { high: Number(time >> 32n), low: Number(time & 0xffffffffn) };
}

async function capture(folder: TemporaryFolder, blocks: readonly Buffer[]): Promise<string> {
  const file = join(folder.path, 'a.pcapng');
  const head = [sectionHeader('wirelab test'), interfaceDescription('lo é')];
  await writeFile(file, Buffer.concat([...head, ...blocks]));
  return file;
}

describe.skipIf(!hasTshark)('tshark reads', () => {
  test('datagrams of both families, with right checksums, times, directions and comments', async () => {
    await using folder = await TemporaryFolder.make();
    const time = 1_700_000_000_123_456_789n;
    const cases = [V4, V6].flatMap((flow) =>
      [0, 1, 2, 3, 4, 5, 2043, 65_000].map((size) => ({
        flow,
        payload: someBytes(size, size + 1),
      })),
    );
    const blocks = cases.map(({ flow, payload }, index) =>
      packetBlock(
        {
          ...halves(time + BigInt(index)),
          interfaceNumber: 0,
          direction: index % 2 === 0 ? 'in' : 'out',
          comment: index === 3 ? 'a duplicate, ignored: é' : undefined,
        },
        udpBytes(flow, payload.length),
        (target, at) => encodeUdp(target, at, flow, payload),
      ),
    );
    const file = await capture(folder, blocks);
    const rows = await packetFields(
      file,
      [
        ...['frame.time_epoch', 'frame.packet_flags_direction', 'frame.comment'],
        ...['frame.interface_name', 'ip.src', 'ipv6.src', 'ip.checksum.status'],
        ...['udp.checksum.status', 'udp.srcport', 'udp.dstport', 'udp.payload'],
      ],
      ...CHECKED,
    );
    expect(rows).toEqual(
      cases.map(({ flow, payload }, index) => [
        `1700000000.${123_456_789 + index}`,
        index % 2 === 0 ? '0x00000001' : '0x00000002',
        index === 3 ? 'a duplicate, ignored: é' : '',
        'lo é',
        flow === V4 ? '192.0.2.1' : '',
        flow === V6 ? 'fd01:203:405:607:809:a0b:c0d:e0f' : '',
        flow === V4 ? '1' : '',
        ...['1', String(flow.source.port), String(flow.destination.port)],
        payload.toString('hex'),
      ]),
    );
  });

  test('connections without a complaint, whoever ends them', async () => {
    await using folder = await TemporaryFolder.make();
    const blocks: Buffer[] = [];
    let time = 1n;
    const flowFor = (port: number): TcpFlow => {
      const out: Flow = { ...V6, source: { ...V6.source, port } };
      const back: Flow = { source: out.destination, destination: out.source };
      // The numbers go through zero.
      return new TcpFlow({ out: 0xffff_fff0, in: 7 }, (segment: TcpSegment) => {
        const flow = segment.direction === 'out' ? out : back;
        time += 1000n;
        blocks.push(
          packetBlock(
            { ...halves(time), interfaceNumber: 0, direction: segment.direction },
            tcpBytes(flow, segment.payload.length),
            (target, at) => encodeTcp(target, at, flow, segment, segment.payload),
          ),
        );
      });
    };
    const orderly = flowFor(1001);
    orderly.opened('out');
    orderly.data('out', Buffer.from('connect ann\n'));
    orderly.data('in', someBytes(100_001));
    orderly.data('out', Buffer.alloc(0));
    orderly.end('in');
    orderly.data('out', Buffer.from('bye'));
    orderly.end('out');
    orderly.data('out', Buffer.from('nothing more'));
    orderly.closed('in');
    const broken = flowFor(1002);
    broken.opened('in');
    broken.data('in', Buffer.from('x'));
    broken.closed('out');
    const file = await capture(folder, blocks);
    const rows = await packetFields(
      file,
      ['tcp.stream', 'tcp.checksum.status', 'tcp.analysis.flags', 'tcp.flags.str'],
      ...CHECKED,
    );
    expect(new Set(rows.map(([, status]) => status))).toEqual(new Set(['1']));
    expect(rows.filter(([, , problem]) => problem !== '')).toEqual([]);
    const story = (stream: string): string =>
      rows
        .filter(([of]) => of === stream)
        .map((row) => row[3]?.replaceAll('·', ''))
        .join(' ');
    expect(story('0')).toBe('S AS A AP A A A AP A AF A AP A AF A');
    expect(story('1')).toBe('S AS A AP AR');
    const followed = await tshark('-r', file, '-q', '-z', 'follow,tcp,raw,0');
    const hex = followed.split('\n').filter((line) => /^\t?[0-9a-f]+$/.test(line));
    const bytes = (mine: boolean): string =>
      hex
        .filter((line) => line.startsWith('\t') !== mine)
        .map((line) => line.trim())
        .join('');
    expect(bytes(true)).toBe(Buffer.from('connect ann\nbye').toString('hex'));
    expect(bytes(false)).toBe(someBytes(100_001).toString('hex'));
  });
});

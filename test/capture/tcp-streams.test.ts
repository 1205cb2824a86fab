import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TcpPacket } from '../../lib/capture/decode.ts';
import { TCP } from '../../lib/capture/packets.ts';
import { type StreamEvent, TcpStreams } from '../../lib/capture/tcp-streams.ts';

const CLIENT = { source: '192.0.2.1:40000', sourcePort: 40_000 };
const SERVER = { destination: '192.0.2.2:55000', destinationPort: 55_000 };

function segment(seq: number, text: string, flags: number = TCP.ACK): TcpPacket {
  const frame = { number: 1, time: 0, linkType: 101, comments: [] };
  return {
    ...{ protocol: 'tcp', frame, ...CLIENT, ...SERVER, seq: seq >>> 0, ack: 0 },
    ...{ flags, payload: Buffer.from(text), length: Buffer.byteLength(text), isCut: false },
  };
}

function answer(seq: number, text: string, flags: number = TCP.ACK): TcpPacket {
  const { source, destination } = { source: SERVER.destination, destination: CLIENT.source };
  return {
    ...segment(seq, text, flags),
    ...{ source, destination, sourcePort: 55_000, destinationPort: 40_000 },
  };
}

function eventsOf(packets: readonly TcpPacket[]): StreamEvent[] {
  const streams = new TcpStreams();
  return [...packets.flatMap((packet) => [...streams.push(packet)]), ...streams.end()];
}

function textOf(events: readonly StreamEvent[], by: 'client' | 'server' = 'client'): string {
  return events
    .map((event) => {
      if (event.type === 'closed' || event.by !== by) return '';
      if (event.type === 'data') return event.bytes.toString();
      return event.type === 'gap' ? `<${event.length}>` : '$';
    })
    .join('');
}

test('segments in another order, twice, and overlapping are the stream that was written', () => {
  const text = 'abcdefghijklmnopqrstuvwxyz';
  const starts = fc.nat(2 ** 32 - 1);
  const cuts = fc.array(fc.tuple(fc.nat(25), fc.integer({ min: 1, max: 26 })), { maxLength: 12 });
  const property = fc.property(
    starts,
    cuts,
    fc.infiniteStream(fc.nat(99)),
    (start, extra, order) => {
      // All of it in threes, and whatever else of it in between.
      const threes = Array.from({ length: 9 }, (_, index) => [3 * index, 3] as const);
      const pieces = [...threes, ...extra].map(([at, length]) => ({
        packet: segment(start + 1 + at, text.slice(at, at + length)),
        rank: order.next().value,
      }));
      pieces.sort((a, b) => a.rank - b.rank);
      const end = segment(start + 1 + text.length, '', TCP.FIN | TCP.ACK);
      const packets = [segment(start, '', TCP.SYN), ...pieces.map(({ packet }) => packet), end];
      expect(textOf(eventsOf(packets))).toBe(`${text}$`);
    },
  );
  fc.assert(property);
});

test('who called is the client, with or without the beginning', () => {
  const whole = [segment(0, '', TCP.SYN), answer(0, '', TCP.SYN | TCP.ACK), segment(1, 'hello')];
  for (const packets of [whole, [answer(1, 'hi'), segment(1, 'hello')]]) {
    const [event] = eventsOf(packets);
    expect(event?.stream).toMatchObject({ client: CLIENT.source, server: SERVER.destination });
    expect(event?.stream.serverPort).toBe(55_000);
  }
});

test('what the capture does not have is a gap, once nothing else can come', () => {
  const packets = [segment(0, '', TCP.SYN), segment(1, 'abc'), segment(7, 'ghi')];
  const end = segment(10, '', TCP.FIN | TCP.ACK);
  expect(textOf(eventsOf([...packets, end]))).toBe('abc<3>ghi$');
  const reset = answer(1, '', TCP.RST);
  expect(textOf(eventsOf([...packets, reset, segment(4, 'def')])).slice(0, 9)).toBe('abc<3>ghi');
});

test('the same ports again are another connection', () => {
  const first = [segment(0, '', TCP.SYN), segment(1, 'first')];
  const second = [segment(90_000, '', TCP.SYN), segment(90_001, 'second')];
  const events = eventsOf([...first, ...second]);
  expect(new Set(events.map(({ stream }) => stream.number))).toEqual(new Set([0, 1]));
  expect(textOf(events)).toBe('firstsecond');
});

test('a side that has ended says nothing more, the other one may', () => {
  const packets = [
    ...[segment(0, '', TCP.SYN), answer(0, '', TCP.SYN | TCP.ACK)],
    ...[segment(1, 'bye', TCP.FIN | TCP.ACK), segment(4, 'more')],
    ...[answer(1, 'so long'), answer(8, '', TCP.FIN | TCP.ACK)],
  ];
  expect(textOf(eventsOf(packets))).toBe('bye$');
  expect(textOf(eventsOf(packets), 'server')).toBe('so long$');
});

test('a segment that is lost comes again, however many have come meanwhile', () => {
  const many = Array.from({ length: 3000 }, (_, index) => segment(2 + index, 'x'));
  const packets = [segment(0, '', TCP.SYN), ...many, segment(1, 'a')];
  const end = segment(3002, '', TCP.FIN | TCP.ACK);
  expect(textOf(eventsOf([...packets, end]))).toBe(`a${'x'.repeat(3000)}$`);
});

test('a beginning that comes once more changes nothing', () => {
  const packets = [segment(0, '', TCP.SYN), segment(1, 'abc'), segment(0, '', TCP.SYN)];
  const end = segment(7, '', TCP.FIN | TCP.ACK);
  expect(textOf(eventsOf([...packets, segment(4, 'def'), end]))).toBe('abcdef$');
});

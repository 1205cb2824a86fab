import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../lib/core/random.ts';
import { someBytes } from '../support/server-under-test.ts';
import { ClientUnderTest } from './client-under-test.ts';
import { Ear, OTHER_ADDRESS } from './raw-peer.ts';
import { type Reference, startReference } from './reference.ts';
import { until } from './waiting.ts';

/** 20 parts, the last one of 100 bytes. */
const FILE = someBytes(19 * 2043 + 100);
const HALF = 10;

function datagram(seq: number, length: number, separator = ':'): Buffer {
  const bytes = someBytes(5 + length, seq + length);
  bytes.writeUInt32BE(seq);
  bytes.write(separator, 4, 'latin1');
  return bytes;
}

/** The port that the client named. */
function clientPort(server: Reference): number {
  return Number(server.received.find((text) => /^\d+$/.test(text)));
}

/**
 * Sends `bad` to the client's UDP port in the pause, from `address`, and checks that each is
 * counted as invalid and that the file still comes right.
 */
async function expectAllDropped(address: string, bad: readonly Buffer[]): Promise<void> {
  await using server = await startReference({ files: { 'f.bin': FILE } });
  await using client = await ClientUnderTest.open({
    port: server.port,
    onHalf: async ({ driver, receiver }) => {
      using stranger = await Ear.open(address);
      for (const [index, one] of bad.entries()) {
        await stranger.send(one, clientPort(server));
        // One at a time, so that no buffer runs over.
        await until(`the count of ${one.toString('hex', 0, 8)}`, () => {
          return receiver.counts.invalid > index;
        });
      }
      driver.answer('proceed');
    },
  });
  const { outcome, bytes, receiver } = await client.fetch('f.bin');
  expect(outcome).toEqual({ type: 'complete' });
  expect(bytes?.equals(FILE)).toBe(true);
  expect(receiver?.counts).toMatchObject({ received: 20, invalid: bad.length });
}

const MALFORMED: Record<string, Buffer> = {
  'without a byte': Buffer.alloc(0),
  'of one byte': Buffer.of(0),
  'without a colon': datagram(12, 2043, ';'),
  'of a header alone': datagram(12, 0),
  'with too few bytes': datagram(12, 2042),
  'with too many bytes': datagram(12, 2044),
  'with far too many bytes': datagram(12, 60_000),
  'with the first number that does not exist': datagram(20, 2043),
  'with the greatest number': datagram(0xffff_ffff, 2043),
  'with a number that is negative in 32 bits': datagram(0x8000_0000, 2043),
  'whose last part is too long': datagram(19, 2044),
  'whose last part is empty': datagram(19, 0),
  'with a number in ASCII': Buffer.concat([Buffer.from('12:'), someBytes(2043)]),
};

describe("a datagram that is not as it must be is dropped and counted, from the server's address", () => {
  test.each(Object.entries(MALFORMED))('%s', async (_name, bad) => {
    await expectAllDropped('127.0.0.1', [bad]);
  });
});

test('a good datagram from another address is dropped and counted', async (ctx) => {
  if (process.platform !== 'linux') ctx.skip('only Linux has all of 127.0.0.0/8');
  const good = [HALF, HALF + 1, 18].map((seq) => datagram(seq, 2043));
  await expectAllDropped(OTHER_ADDRESS, [...good, ...Object.values(MALFORMED)]);
});

test('random datagrams from the address of the server are dropped and counted', async () => {
  const seed = 20_251_121;
  const random = seededRandom(seed);
  const bad = Array.from({ length: 500 }, (_, index) => {
    const length = Math.floor(random() * (index % 5 === 0 ? 3000 : 40));
    const bytes = someBytes(length, Math.floor(random() * 1e9));
    // By chance it could be a good one.
    if (length > 4) bytes[4] = 0x3b;
    return bytes;
  });
  await expectAllDropped('127.0.0.1', bad);
});

test('datagrams that are spoilt on the way are asked for again', async () => {
  const spoil: readonly ((bytes: Buffer) => Buffer)[] = [
    (bytes) => bytes.subarray(0, -1),
    (bytes) => Buffer.concat([bytes, Buffer.of(0)]),
    (bytes) => Buffer.concat([Buffer.from('ffff', 'hex'), bytes.subarray(2)]),
    (bytes) => Buffer.concat([bytes.subarray(0, 4), Buffer.from(';'), bytes.subarray(5)]),
  ];
  await using server = await startReference({
    files: { 'f.bin': FILE },
    hooks: {
      // Not the last part: nobody but the server knows how long that one is.
      datagram: (bytes, seq, nth) => {
        return [nth === 1 && seq < 19 ? (spoil[seq % 4]?.(bytes) ?? bytes) : bytes];
      },
    },
  });
  await using client = await ClientUnderTest.open({ port: server.port });
  const { bytes, receiver } = await client.fetch('f.bin');
  expect(bytes?.equals(FILE)).toBe(true);
  expect(receiver?.counts).toMatchObject({ received: 20, invalid: 19 });
});

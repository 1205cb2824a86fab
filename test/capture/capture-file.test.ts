import { execFile } from 'node:child_process';
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { CaptureError, readFrames } from '../../lib/capture/capture-file.ts';
import { Decoder, type Packet } from '../../lib/capture/decode.ts';
import type { TemporaryFolder } from '../app/folders.ts';
import { HERE, record, THERE } from '../support/recorded.ts';
import { hasTshark } from '../support/tshark.ts';

const PAYLOADS = ['one', 'two and more', '', 'four'].map((text) => Buffer.from(text));

function packetsOf(file: string): Packet[] {
  const decoder = new Decoder();
  return [...readFrames(file)].flatMap((frame) => decoder.decode(frame) ?? []);
}

function told(file: string): string[] {
  return packetsOf(file).map(
    ({ protocol, source, destination, payload }) =>
      `${protocol} ${source} ${destination} ${payload}`,
  );
}

describe('a capture is read', () => {
  let folder: TemporaryFolder;
  let file: string;
  beforeAll(async () => {
    const recording = await record(({ udp, came, tcp }) => {
      for (const payload of PAYLOADS) udp(5000, payload);
      came(6000, 7000, Buffer.from('back'));
      tcp(55_000).data('out', Buffer.from('hello'));
    });
    ({ folder, file } = recording);
    return () => folder[Symbol.asyncDispose]();
  });

  const expected = [
    ...PAYLOADS.map((payload) => `udp ${HERE}:5000 ${THERE}:5000 ${payload}`),
    `udp ${THERE}:6000 ${HERE}:7000 back`,
    `tcp ${HERE}:40000 ${THERE}:55000 hello`,
  ];

  test('as it was written: addresses, payloads, numbers, times, directions', () => {
    expect(told(file).filter((line) => !line.endsWith(' ') || line.startsWith('udp'))).toEqual(
      expected,
    );
    const frames = [...readFrames(file)];
    expect(frames.map(({ number }) => number)).toEqual(frames.map((_, index) => index + 1));
    const times = frames.map(({ time }) => time);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times[0]).toBe(0);
    expect(times.at(-1)).toBeLessThan(60e9);
    expect(frames.slice(0, 5).map(({ direction }) => direction)).toEqual([
      ...PAYLOADS.map(() => 'out'),
      'in',
    ]);
  });

  test.skipIf(!hasTshark).each([
    ['pcap', 1000],
    ['nsecpcap', 1],
    ['pcapng', 1],
  ])('in the format %s, to %i ns', async (format, unit) => {
    const other = join(folder.path, `other.${format}`);
    await promisify(execFile)('editcap', ['-F', format, file, other]);
    expect(told(other)).toEqual(told(file));
    const times = (path: string): number[] => [...readFrames(path)].map(({ time }) => time);
    for (const [index, time] of times(other).entries()) {
      // The first one is cut to whole units, too.
      expect(Math.abs(time - (times(file)[index] ?? 0))).toBeLessThanOrEqual(unit);
    }
  });

  test.skipIf(!hasTshark).each([
    ['ether', '0200000000010200000000020800', 1],
    ['linux-sll', '00000001000602000000000100000800', 113],
    ['linux-sll2', '0800000000000001000100060200000000010000', 276],
    ['null', '02000000', 0],
  ])('behind a header of %s', async (_, header, linkType) => {
    const wrapped = [...readFrames(file)].map(({ bytes }) =>
      Buffer.concat([Buffer.from(header, 'hex'), bytes]),
    );
    const other = join(folder.path, `wrapped-${linkType}.pcap`);
    writeFileSync(other, pcap(linkType, wrapped));
    expect(told(other)).toEqual(told(file));
  });

  test('as far as a killed program has written it', () => {
    const cut = join(folder.path, 'cut.pcapng');
    writeFileSync(cut, readFileSync(file));
    const whole = told(file);
    for (let size = statSync(file).size; size > 200; size -= 13) {
      truncateSync(cut, size);
      const lines = told(cut);
      expect(whole.slice(0, lines.length)).toEqual(lines);
    }
  });

  test('or refused with words when it is none', () => {
    const other = join(folder.path, 'none');
    const reasons = ['', 'PK\x03\x04 and so on, for a while', '\x0a\x0d\x0d\x0a'.repeat(10)].map(
      (text) => {
        writeFileSync(other, text, 'latin1');
        try {
          return told(other);
        } catch (error) {
          return error instanceof CaptureError ? error.message : error;
        }
      },
    );
    expect(reasons).toEqual([
      'it is no capture: it is empty',
      'it is no capture: neither pcapng nor pcap',
      'a section is spoilt',
    ]);
  });

  test('whatever bytes are others: some packets, or an error in words', () => {
    const bytes = readFileSync(file);
    const spoilt = join(folder.path, 'spoilt.pcapng');
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
    const property = fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
      const other = Buffer.from(bytes);
      for (const [at, value] of changes) other[at] = value;
      writeFileSync(spoilt, other);
      try {
        packetsOf(spoilt);
      } catch (error) {
        expect(error).toBeInstanceOf(CaptureError);
      }
    });
    fc.assert(property, { numRuns: 300 });
  });
});

/** A file of that format with little-endian numbers (draft-ietf-opsawg-pcap). */
function pcap(linkType: number, packets: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(262_144, 16);
  header.writeUInt32LE(linkType, 20);
  const records = packets.map((bytes, index) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(index, 4);
    record.writeUInt32LE(bytes.length, 8);
    record.writeUInt32LE(bytes.length, 12);
    return Buffer.concat([record, bytes]);
  });
  return Buffer.concat([header, ...records]);
}

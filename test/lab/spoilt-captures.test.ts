import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TemporaryFolder } from '../app/folders.ts';
import { run, WIRELAB } from '../app/programs.ts';
import { filesIn, packetsIn } from '../support/extracted.ts';
import { isLong } from '../support/long.ts';

const CASES = isLong ? 2000 : 80;
/** Most of a larger one are the bytes of a file, with which nothing can go wrong. */
const SMALL_BYTES = 2000;

const spoiltByte = fc.record({
  packet: fc.nat(),
  isSmall: fc.boolean(),
  at: fc.nat(),
  value: fc.oneof(fc.nat(255), fc.constantFrom(0, 10, 13, 32, 34, 49, 57, 123, 125, 255)),
});

/** Digits in place of others: sizes, offsets and ports that were never told. */
const spoiltNumber = fc.record({ nth: fc.nat(), digit: fc.nat(9) });

const isLinux = process.platform === 'linux';
const PROTOCOLS = ['classroom', 'relay', 'isend', ...(isLinux ? ['sent', 'lanshare'] : [])];

test.each(PROTOCOLS)('a capture of %s in which bytes are others is read', async (protocol) => {
  await using folder = await TemporaryFolder.create();
  const capture = join(folder.path, 'demo.pcapng');
  const demo = protocol === 'classroom' ? ['demo'] : ['demo', protocol];
  expect((await run(WIRELAB, [...demo, '--capture', capture])).status).toBe(0);
  const whole = filesIn(capture);
  expect(whole.length).toBeGreaterThan(0);
  expect(whole.every((one) => one.protocol === protocol && one.missing === undefined)).toBe(true);
  const original = await readFile(capture);
  const spoilt = `${capture}.spoilt`;
  let understood = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(spoiltByte, { minLength: 1, maxLength: 30 }),
      fc.array(spoiltNumber, { maxLength: 10 }),
      async (bytes, numbers) => {
        const copy = Buffer.from(original);
        const packets = packetsIn(copy);
        const small = packets.filter(({ length }) => length > 40 && length < SMALL_BYTES);
        for (const { packet, isSmall, at, value } of bytes) {
          const chosen = isSmall ? small : packets;
          const target = chosen[packet % chosen.length];
          if (target !== undefined) target[at % target.length] = value;
        }
        const digits = small.flatMap((packet) =>
          [...packet.keys()]
            .filter((at) => at >= 40 && isDigit(packet[at]))
            .map((at) => ({ packet, at })),
        );
        for (const { nth, digit } of numbers) {
          const place = digits[nth % digits.length];
          if (place !== undefined) place.packet[place.at] = 0x30 + digit;
        }
        await writeFile(spoilt, copy);
        understood += filesIn(spoilt).length;
      },
    ),
    { numRuns: CASES },
  );
  expect(understood).toBeGreaterThan(0);
});

function isDigit(byte = 0): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

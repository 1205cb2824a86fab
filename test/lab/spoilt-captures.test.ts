import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tracesOf } from '../../lib/app/capture-traces.ts';
import { summarize } from '../../lib/lab/trace-summary.ts';
import { TemporaryFolder } from '../app/folders.ts';
import { filesIn, packetsIn } from '../support/extracted.ts';
import { isLong } from '../support/long.ts';
import { captureOf } from '../support/samples/list.ts';

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

const SAMPLES_OF: Readonly<Record<string, string>> = {
  ...{ classroom: 'classroom-loss', relay: 'relay', isend: 'isend', sent: 'sent' },
  lanshare: 'lanshare',
};

test.each(Object.entries(SAMPLES_OF))(
  'a capture of %s in which bytes are others is read',
  async (protocol, name) => {
    await using folder = await TemporaryFolder.create();
    const capture = captureOf(name);
    const whole = filesIn(capture);
    expect(whole.length).toBeGreaterThan(0);
    expect(whole.every((one) => one.protocol === protocol)).toBe(true);
    const original = await readFile(capture);
    const spoilt = join(folder.path, 'spoilt.pcapng');
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
          tracesOf(spoilt).map(summarize);
        },
      ),
      { numRuns: CASES },
    );
    expect(understood).toBeGreaterThan(0);
  },
);

function isDigit(byte = 0): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

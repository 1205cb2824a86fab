import { describe, expect, test } from 'vitest';
import { PartNumbers } from '../../lib/lab/part-number.ts';

function datagram(seq: number, how: 'big' | 'little' | 'ascii'): Buffer {
  const header = Buffer.alloc(4);
  if (how === 'big') header.writeUInt32BE(seq);
  else header.writeUInt32LE(seq);
  return Buffer.concat([how === 'ascii' ? Buffer.from(`${seq}`) : header, Buffer.from(':data')]);
}

describe('the numbers of parts', () => {
  test.each([
    ['big', 'big-endian'],
    ['little', 'little-endian'],
    ['ascii', 'ascii'],
  ] as const)('are read however they are written: %s', (how, name) => {
    const numbers = new PartNumbers(3000);
    const seqs = [0, 1, 2, 300, 2999];
    expect(seqs.map((seq) => numbers.read(datagram(seq, how))?.seq)).toEqual(seqs);
    expect(numbers.numbering).toBe(name);
  });

  test('are not decided on by a number that reads the same both ways', () => {
    const numbers = new PartNumbers(10);
    expect(numbers.read(datagram(0, 'little'))).toEqual({ seq: 0, length: 5 });
    expect(numbers.numbering).toBeUndefined();
  });

  test('have a header of their own length', () => {
    expect(new PartNumbers(3000).read(datagram(1234, 'ascii'))).toEqual({ seq: 1234, length: 5 });
    expect(new PartNumbers(3000).read(datagram(17, 'ascii'))).toEqual({ seq: 17, length: 3 });
  });

  test.each(['', ':', 'abc', 'proceed', '99999:x', 'abcd;x', '\0\0\0\0'])(
    '%j is no part',
    (text) => {
      expect(new PartNumbers(100).read(Buffer.from(text))).toBeUndefined();
    },
  );
});

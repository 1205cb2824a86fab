import fc from 'fast-check';
import { expect, test } from 'vitest';
import { layout } from '../../lib/core/layout.ts';

const example = layout({ short: 'u8', word: 'u16', name: 3, long: 'u64' });

test('what is declared in an order stands in that order', () => {
  const values = { short: 1, word: 0x0203, name: Buffer.from('abc'), long: 2 ** 40 + 5 };
  const bytes = example.encode(values);
  expect(example.size).toBe(14);
  expect(bytes.toString('hex')).toBe('010203616263' + '0000010000000005');
  expect(example.decode(bytes)).toEqual(values);
});

test('whatever fits comes back, at any place', () => {
  const all = fc.record({
    short: fc.nat(255),
    word: fc.nat(65_535),
    name: fc.uint8Array({ minLength: 3, maxLength: 3 }),
    long: fc.maxSafeNat(),
  });
  const property = fc.property(all, fc.nat(9), (values, offset) => {
    const target = Buffer.alloc(example.size + offset);
    example.encodeInto(target, offset, values);
    const { name, ...numbers } = example.decode(target.subarray(offset));
    expect({ name: new Uint8Array(name), ...numbers }).toEqual(values);
  });
  fc.assert(property);
});

test.each([
  { short: 256, word: 0, name: Buffer.alloc(3), long: 0 },
  { short: 0, word: -1, name: Buffer.alloc(3), long: 0 },
  { short: 0, word: 0, name: Buffer.alloc(2), long: 0 },
])('what does not fit is refused: %j', (values) => {
  expect(() => example.encode(values)).toThrow(RangeError);
});

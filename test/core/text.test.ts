import fc from 'fast-check';
import { expect, test } from 'vitest';
import { firstCharacters, hasUnsafeCharacters, visible } from '../../lib/core/text.ts';

test.each([
  ['\x1b[2Jboo', '\\x1b[2Jboo'],
  ['a\r\nb\tc', 'a\\x0d\\x0ab\\x09c'],
  ['\x00\x7f\x9b', '\\x00\\x7f\\x9b'],
  ['a\u202egnp.exe', 'a\\u202egnp.exe'],
  ['grüße 🎈 日本', 'grüße 🎈 日本'],
])('%j is shown as %s', (text, shown) => {
  expect(visible(text)).toBe(shown);
});

test('nothing that is shown can drive a terminal, and other text is not touched', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(hasUnsafeCharacters(visible(text))).toBe(false);
      if (!hasUnsafeCharacters(text)) expect(visible(text)).toBe(text);
    }),
  );
});

test('the first characters are never half of one', () => {
  expect(firstCharacters('🎈🎈🎈', 2)).toBe('🎈🎈');
  expect(firstCharacters('ab', 40)).toBe('ab');
  expect(firstCharacters('ab', 0)).toBe('');
});

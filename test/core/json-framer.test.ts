import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonFramer } from '../../lib/core/json-framer.ts';

/** All objects in what comes in these pieces, and what is left behind the last one. */
function objectsIn(chunks: readonly Buffer[], max = 65_536): unknown[] {
  const framer = new JsonFramer(max);
  const objects: unknown[] = [];
  for (const chunk of chunks) {
    for (let rest = chunk; rest.length > 0; ) {
      const framed = framer.push(rest);
      if (framed === undefined) break;
      objects.push(JSON.parse(framed.text));
      rest = framed.rest;
    }
  }
  expect(framer.begun).toBe(false);
  return objects;
}

const anObject = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue());

describe('objects', () => {
  test('are found however they are cut, and whatever stands between them', () => {
    const space = fc.constantFrom('', '\n', '\r\n', ' \t');
    const parts = fc.array(fc.tuple(anObject, space, fc.nat(2)), { minLength: 1, maxLength: 4 });
    const property = fc.property(parts, fc.array(fc.nat(40)), (list, cuts) => {
      const text = list.map(([value, gap, indent]) => JSON.stringify(value, null, indent) + gap);
      const bytes = Buffer.from(text.join(''));
      const chunks: Buffer[] = [];
      let at = 0;
      for (const cut of cuts) {
        chunks.push(bytes.subarray(at, at + cut));
        at += cut;
      }
      chunks.push(bytes.subarray(at));
      expect(objectsIn(chunks)).toEqual(list.map(([value]) => JSON.parse(JSON.stringify(value))));
    });
    fc.assert(property, { numRuns: 300 });
  });

  test('are found byte by byte, with braces and quotes in their texts', () => {
    const value = { 'a}"{\\': ['}', '\\"', { b: '{"' }], é: '𝄞}' };
    const bytes = Buffer.from(`\n${JSON.stringify(value)}\n${JSON.stringify(value)}`);
    expect(objectsIn([...bytes].map((byte) => Buffer.from([byte])))).toEqual([value, value]);
  });
});

test('what comes behind an object is left alone', () => {
  const framer = new JsonFramer(100);
  const framed = framer.push(Buffer.from('{"a":1}\n{\u0000raw'));
  expect(framed?.text).toBe('{"a":1}');
  expect(framed?.rest.toString()).toBe('\n{\u0000raw');
});

describe('anything else is a fault', () => {
  test.each(['x{}', '[{}]', '"{}"', '\u0000', '1'])('%j', (text) => {
    expect(() => new JsonFramer(100).push(Buffer.from(text))).toThrow('NO_OBJECT');
  });

  test.each([1, 7, 1000])('an object that does not end, in pieces of %i', (size) => {
    const framer = new JsonFramer(100);
    const piece = Buffer.alloc(size, 'x');
    framer.push(Buffer.from('{"'));
    const endless = (): void => {
      for (let count = 0; count < 200; count += 1) framer.push(piece);
    };
    expect(endless).toThrow('MESSAGE_TOO_LONG');
  });

  test('one that is longer than may be', () => {
    const exact = `{"a":"${'x'.repeat(92)}"}`;
    expect(exact).toHaveLength(100);
    expect(new JsonFramer(100).push(Buffer.from(exact))?.text).toBe(exact);
    expect(() => new JsonFramer(99).push(Buffer.from(exact))).toThrow('MESSAGE_TOO_LONG');
  });
});

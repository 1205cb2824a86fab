import { describe, expect, test } from 'vitest';
import { after as later, millis } from '../../lib/core/brands.ts';
import { Gate } from '../../lib/isend/gate.ts';

const START = millis(1000);
const RIGHT = Buffer.from('secret');
const WRONG = Buffer.from('guess');
const at = (seconds: number) => later(START, millis(seconds * 1000));

describe('a gate with a password', () => {
  test('opens for the password and for nothing else', () => {
    const gate = new Gate(RIGHT);
    expect(gate.refusal('a', RIGHT, START)).toBeUndefined();
    expect(gate.refusal('a', undefined, START)).toBe('a password is needed');
    expect(gate.refusal('a', WRONG, START)).toBe('wrong password');
    expect(gate.refusal('a', Buffer.from('secret '), START)).toBe('wrong password');
  });

  test('stays closed for a minute after three wrong ones within a minute, for that address', () => {
    const gate = new Gate(RIGHT);
    for (const second of [0, 10, 20]) gate.refusal('a', WRONG, at(second));
    expect(gate.refusal('a', RIGHT, at(21))).toMatch(/too many/);
    expect(gate.refusal('a', undefined, at(21))).toMatch(/too many/);
    expect(gate.refusal('b', RIGHT, at(21))).toBeUndefined();
    expect(gate.refusal('a', RIGHT, at(79))).toMatch(/too many/);
    expect(gate.refusal('a', RIGHT, at(80))).toBeUndefined();
  });

  test('forgets wrong ones after a minute, and after a right one', () => {
    const gate = new Gate(RIGHT);
    for (const second of [0, 59, 60]) gate.refusal('a', WRONG, at(second));
    expect(gate.refusal('a', RIGHT, at(61))).toBeUndefined();
    for (const second of [62, 63]) gate.refusal('a', WRONG, at(second));
    expect(gate.refusal('a', RIGHT, at(64))).toBeUndefined();
    for (const second of [65, 66]) gate.refusal('a', WRONG, at(second));
    expect(gate.refusal('a', RIGHT, at(67))).toBeUndefined();
  });
});

test('a gate without a password is open', () => {
  const gate = new Gate(undefined);
  for (const password of [undefined, WRONG]) {
    expect(gate.refusal('a', password, START)).toBeUndefined();
  }
});

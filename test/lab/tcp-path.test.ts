import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
import { type TcpFaults, TcpPath } from '../../lib/lab/tcp-path.ts';

/** What arrives when, of writes at these times. */
function arrivals(faults: TcpFaults, ...writes: readonly (readonly [number, string])[]) {
  const path = new TcpPath(faults);
  const seen: [number, string][] = [];
  const pump = (until: number): void => {
    for (let at = path.nextTimeout(); at !== undefined && at <= until; at = path.nextTimeout()) {
      for (const what of path.take(at))
        seen.push([at, Buffer.isBuffer(what) ? what.toString('latin1') : what.toUpperCase()]);
    }
  };
  for (const [at, text] of writes) {
    pump(at);
    if (text === 'END') path.end(millis(at));
    else path.push(Buffer.from(text, 'latin1'), millis(at));
  }
  pump(Number.POSITIVE_INFINITY);
  expect(path.waitingBytes).toBe(0);
  return seen;
}

describe('one direction of a TCP connection', () => {
  test('without faults passes writes as they are, at once', () => {
    expect(arrivals({}, [1, 'one'], [1, 'two'], [2, 'END'])).toEqual([
      [1, 'one'],
      [1, 'two'],
      [2, 'END'],
    ]);
  });

  test('delays all, the end as well', () => {
    expect(arrivals({ delay: millis(20) }, [1, 'one'], [5, 'END'])).toEqual([
      [21, 'one'],
      [25, 'END'],
    ]);
  });

  test('takes its time at a rate, and keeps the order', () => {
    expect(arrivals({ rate: 1000 }, [0, 'x'.repeat(100)], [10, 'y'], [10, 'END'])).toEqual([
      [100, 'x'.repeat(100)],
      [101, 'y'],
      [101, 'END'],
    ]);
  });

  test('splits writes, with a gap behind each piece', () => {
    expect(arrivals({ split: 2, gap: millis(3) }, [0, 'abcde'])).toEqual([
      [0, 'ab'],
      [3, 'cd'],
      [6, 'e'],
    ]);
  });

  test('glues what is written within a time', () => {
    expect(
      arrivals({ glue: millis(10) }, [0, 'a'], [9, 'b'], [30, 'c'], [31, 'd'], [32, 'END']),
    ).toEqual([
      [10, 'ab'],
      [32, 'cd'],
      [32, 'END'],
    ]);
  });

  test('carries every byte once and in order, whatever it does', () => {
    const span = fc.integer({ min: 0, max: 50 }).map(millis);
    const faults: fc.Arbitrary<TcpFaults> = fc.record(
      {
        delay: span,
        rate: fc.integer({ min: 1, max: 5000 }),
        split: fc.integer({ min: 1, max: 9 }),
        gap: span,
        glue: span,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        faults,
        fc.array(fc.tuple(fc.nat(20), fc.string({ minLength: 1 }))),
        (how, all) => {
          let at = 0;
          const writes = all.map(([wait, text]) => {
            at += wait;
            return [at, Buffer.from(text).toString('latin1')] as const;
          });
          const seen = arrivals(how, ...writes, [at, 'END']);
          expect(seen.map(([, text]) => text).join('')).toBe(
            `${writes.map(([, text]) => text).join('')}END`,
          );
          const times = seen.map(([time]) => time);
          expect(times).toEqual([...times].sort((one, other) => one - other));
        },
      ),
    );
  });
});

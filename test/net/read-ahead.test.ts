import { describe, expect, test } from 'vitest';
import { ReadAhead } from '../../lib/net/read-ahead.ts';
import { segment } from '../../lib/udp-reliable/segment.ts';
import { someBytes } from '../support/server-under-test.ts';

const PART = 1000;
const bytes = someBytes(2_000_000);

/** Takes segments in this order, as a sender does; returns where it was read from. */
async function takeAll(seqs: Iterable<number>): Promise<number[]> {
  const reads: number[] = [];
  const source = {
    read: async (buffers: readonly Buffer[], position: number) => {
      reads.push(position);
      let at = position;
      for (const buffer of buffers) at += bytes.copy(buffer, 0, at);
      return at - position;
    },
  };
  const ahead = new ReadAhead(source, segment(bytes.length, PART), 1e6);
  for (const seq of seqs) {
    const { datagram } = await ahead.slot(seq);
    const expected = bytes.subarray(seq * PART, (seq + 1) * PART);
    expect(datagram.subarray(5).equals(expected)).toBe(true);
    ahead.prefetch(seq);
  }
  return reads;
}

function* range(from: number, to: number): Generator<number> {
  for (let seq = from; seq < to; seq += 1) yield seq;
}

describe('segments that are read ahead', () => {
  test('are read once, in order', async () => {
    const reads = await takeAll(range(0, 2000));
    expect(reads.length).toBeGreaterThan(5);
    expect(reads).toEqual([...new Set(reads)].sort((a, b) => a - b));
  });

  test('stay in memory while an earlier one is sent again', async () => {
    const once = await takeAll(range(0, 2000));
    const again = await takeAll([...range(0, 1000), 0, ...range(1000, 2000)]);
    expect(again.filter((position) => position === 0)).toHaveLength(2);
    expect(again).toHaveLength(once.length + 1);
  });

  test('take two blocks of memory as long as nothing is sent again', async () => {
    const source = {
      read: async (buffers: readonly Buffer[]) =>
        buffers.reduce((total, buffer) => total + buffer.length, 0),
    };
    const before = process.memoryUsage().arrayBuffers;
    const all = Array.from(
      { length: 50 },
      () => new ReadAhead(source, segment(2_000_000, PART), 1e6),
    );
    for (const ahead of all) {
      for (const seq of range(0, 2000)) {
        await ahead.slot(seq);
        ahead.prefetch(seq);
      }
    }
    const blocks = (process.memoryUsage().arrayBuffers - before) / all.length / 131_072;
    expect(blocks).toBeLessThan(2.5);
  });

  test('are read again for what has failed', async () => {
    let fails = true;
    const source = {
      read: async (buffers: readonly Buffer[], position: number) => {
        if (fails) throw new Error('EIO');
        return buffers.reduce((at, buffer) => at + bytes.copy(buffer, 0, at), position) - position;
      },
    };
    const ahead = new ReadAhead(source, segment(bytes.length, PART), 1e6);
    await expect(ahead.slot(0)).rejects.toThrow('EIO');
    fails = false;
    expect((await ahead.slot(0)).datagram.subarray(5, 9)).toEqual(bytes.subarray(0, 4));
  });
});

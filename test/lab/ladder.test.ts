import { expect, test } from 'vitest';
import type { DownloadTrace } from '../../lib/lab/download-trace.ts';
import { ladder } from '../../lib/lab/ladder.ts';
import type { Sending, Why } from '../../lib/lab/loss-finder.ts';
import { summarize } from '../../lib/lab/trace-summary.ts';

const MS = 1e6;
const stream = { number: 0, client: 'a:1', server: 'b:55000', serverPort: 55_000 };
const download = {
  ...{ number: 1, client: 'ann', file: 'f', segmentCount: 100, payload: 2043, stream },
  fast: undefined,
};

function sending(seq: number, ms: number, why: Why = 'first', lost = false): Sending {
  const frame = lost ? undefined : Math.round(ms * 10);
  return { seq, nth: 1, time: ms * MS, frame, bytes: 2043, why, lost };
}

function traceOf(parts: Partial<DownloadTrace>): DownloadTrace {
  const none = { sendings: [], reRequests: [], told: [], messages: [], pause: undefined };
  return { download, ...none, missing: { count: 0, first: [] }, ...parts };
}

function labels(parts: Partial<DownloadTrace>): string[] {
  return ladder(traceOf(parts)).map(({ label }) => label);
}

const row = (from: number, to: number, why: Why = 'first', at = 0): Sending[] =>
  Array.from({ length: to - from }, (_, index) => sending(from + index, at + index, why));

test('many parts in a row are one rung, as long as they are alike', () => {
  expect(labels({ sendings: row(0, 4) })).toEqual(['part 0', 'part 1', 'part 2', 'part 3']);
  expect(labels({ sendings: row(0, 5) })).toEqual(['parts 0 to 4 (5 datagrams)']);
  const mixed = [...row(0, 6), ...row(6, 12, 'again', 6)];
  expect(labels({ sendings: mixed })).toEqual([
    'parts 0 to 5 (6 datagrams)',
    'parts 6 to 11 (6 datagrams)',
  ]);
  const jump = [...row(0, 6), ...row(20, 26, 'first', 6)];
  expect(labels({ sendings: jump })).toHaveLength(2);
});

test('a message, a silence and a loss come between', () => {
  const proceed = {
    time: 2.5 * MS,
    frame: 25,
    by: 'client',
    text: 'proceed',
    type: 'proceed',
  } as const;
  const told = labels({ sendings: row(0, 6), messages: [proceed] });
  expect(told).toEqual(['part 0', 'part 1', 'part 2', 'proceed', 'part 3', 'part 4', 'part 5']);
  const late = [...row(0, 6), ...row(6, 12, 'first', 105)];
  expect(labels({ sendings: late })).toEqual([
    ...['parts 0 to 5 (6 datagrams)', '100 ms of silence', 'parts 6 to 11 (6 datagrams)'],
  ]);
  // One that is not in the capture stands behind what was sent right before it.
  const lost = [sending(1, 1, 'first', true), sending(0, 1), sending(2, 2)];
  expect(labels({ sendings: lost })).toEqual(['part 0', 'part 1', 'part 2']);
});

test('a long list of numbers, and a long text, are cut; what could drive a terminal is shown', () => {
  const said = (text: string, type: string) =>
    labels({ messages: [{ time: 0, frame: 1, by: 'client', text, type }] })[0];
  expect(said('1 2 3 4 5 6', 're-request')).toBe('1 2 3 4 5 6');
  expect(said('1 2 3 4 5 6 7 8', 're-request')).toBe('1 2 3 4 5 6 … (8 parts)');
  expect(said('x'.repeat(100), 'text')).toHaveLength(48);
  expect(said('a\u001b[2Jb', 'text')).toBe('a\\x1b[2Jb');
});

test('the silence before a list counts once, in however many messages it comes', () => {
  const asked = (ms: number) => ({ time: ms * MS, frame: ms * 10, seqs: [7] });
  const trace = traceOf({
    sendings: [sending(0, 10), sending(1, 20)],
    reRequests: [asked(120), asked(121), asked(130)],
  });
  // Until 120 ms, and then until each of the others.
  expect(summarize(trace).waited).toBe(110 * MS);
});

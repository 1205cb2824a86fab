import { expect, test } from 'vitest';
import type { Receiver } from '../../lib/udp-reliable/receiver.ts';
import type { ReferenceServerOptions } from '../support/reference-server.ts';
import { someBytes } from '../support/server-under-test.ts';
import { ClientUnderTest } from './client-under-test.ts';
import { type Reference, startReference } from './reference.ts';
import { until } from './waiting.ts';

/** What the client had, and where it was, when its timer ran out. */
interface TimeOut {
  readonly phase: Receiver['phase'];
  readonly had: ReadonlySet<number>;
}

interface Observed {
  /** One entry for each time-out that asked again. */
  readonly timeOuts: readonly TimeOut[];
  /** The numbers of each message that asked again. */
  readonly asked: readonly (readonly number[])[];
  readonly bytes: Buffer | undefined;
  readonly receiver: Receiver;
}

/** Downloads a file of so many parts, and notes what it had at each time-out. */
async function observe(
  parts: number,
  drop: NonNullable<ReferenceServerOptions['drop']>,
): Promise<Observed> {
  const file = someBytes(parts * 2043 - 1);
  await using server = await startReference({ files: { 'f.bin': file }, drop });
  const had = new Set<number>();
  const timeOuts: TimeOut[] = [];
  await using client = await ClientUnderTest.open({
    port: server.port,
    beforeSink: (receiver) =>
      onTimeOut(receiver, () => {
        timeOuts.push({ phase: receiver.phase, had: new Set(had) });
      }),
    wrapSink: (sink) => ({
      write: (seq, datagram, start) => {
        had.add(seq);
        return sink.write(seq, datagram, start);
      },
    }),
  });
  const { bytes, outcome } = await client.fetch('f.bin');
  expect(outcome).toEqual({ type: 'complete' });
  expect(bytes?.equals(file)).toBe(true);
  await until('the end', () => server.received.includes('stop'));
  return { timeOuts, asked: requestsIn(server), bytes, receiver: client.receiver };
}

/** The counter of re-requests is the one thing that changes at the very moment of one. */
function onTimeOut({ counts }: Receiver, note: () => void): void {
  let { reRequests } = counts;
  Object.defineProperty(counts, 'reRequests', {
    get: () => reRequests,
    set: (value: number) => {
      reRequests = value;
      note();
    },
  });
}

/** Messages of numbers, without the first of them, which is the port. */
function requestsIn(server: Reference): number[][] {
  const numbers = server.received.filter((text) => /^[\d ]+$/.test(text));
  return numbers.slice(1).map((text) => {
    // Decimal, one space between them, none at an end.
    expect(text).toMatch(/^(0|[1-9]\d*)( (0|[1-9]\d*))*$/);
    return text.split(' ').map(Number);
  });
}

const ALL = (count: number): number[] => Array.from({ length: count }, (_, seq) => seq);

// Most of the time is spent waiting for timers: they wait together.
test.concurrent('a re-request names all that has not come, and nothing that has', async () => {
  const drop = (seq: number, nth: number): boolean => nth <= seq % 4;
  const { timeOuts, asked } = await observe(60, drop);
  expect(asked).toHaveLength(timeOuts.length);
  for (const [index, numbers] of asked.entries()) {
    const { phase, had } = timeOuts[index] ?? { phase: 'asking', had: new Set() };
    const end = phase === 'first-half' ? 30 : 60;
    expect(numbers).toEqual(ALL(end).filter((seq) => !had.has(seq)));
  }
  expect(new Set(timeOuts.map(({ phase }) => phase))).toEqual(
    new Set(['first-half', 'second-half']),
  );
});

test.concurrent('during the first half, only parts of the first half are asked for', async () => {
  const { timeOuts, asked } = await observe(41, (seq, nth) => nth === 1 && seq % 2 === 0);
  const early = asked.filter((_, index) => timeOuts[index]?.phase === 'first-half');
  expect(early.length).toBeGreaterThan(0);
  expect(early.flat().filter((seq) => seq >= 20)).toEqual([]);
});

test.concurrent('more than 1,000 missing parts are asked for in several messages', async () => {
  const { asked } = await observe(2500, (seq, nth) => seq < 1250 && nth === 1);
  expect(asked[0]).toEqual(ALL(1000));
  expect(asked[1]).toEqual(ALL(1250).slice(1000));
  expect(Math.max(...asked.map((numbers) => numbers.length))).toBe(1000);
});

test.concurrent('the timer grows by 100 ms each time that nothing came, and falls back when something did', async () => {
  const times: number[] = [];
  const start = performance.now();
  await using server = await startReference({
    files: { 'f.bin': someBytes(2 * 2043) },
    // Three times in vain; the second half is then lost once.
    drop: (seq, nth) => nth <= (seq === 0 ? 3 : 1),
    hooks: {
      message: (text) => {
        if (/^\d$/.test(text)) times.push(performance.now() - start);
        return false;
      },
    },
  });
  const timers: { phase: string; next: number }[] = [];
  await using client = await ClientUnderTest.open({
    port: server.port,
    beforeSink: (receiver) =>
      onTimeOut(receiver, () => timers.push({ phase: receiver.phase, next: receiver.rto })),
  });
  expect((await client.fetch('f.bin')).outcome).toEqual({ type: 'complete' });
  expect(timers.slice(0, 3).map(({ next }) => next)).toEqual([200, 300, 400]);
  expect(timers.find(({ phase }) => phase === 'second-half')?.next).toBe(200);
  // A slow machine asks later, never earlier: 100, then 200, then 300 ms; then 100 ms once more.
  for (const [index, least] of [100, 300, 600, 700].entries()) {
    expect(times[index]).toBeGreaterThanOrEqual(least);
  }
});

test.concurrent('the timer is set back at once, not when it would have rung', async () => {
  const times: number[] = [];
  await using server = await startReference({
    files: { 'f.bin': someBytes(4 * 2043) },
    // After five requests in vain, which are 500 ms apart by then, one of two comes.
    drop: (seq, nth) => seq < 2 && nth <= 5 + seq,
    hooks: {
      message: (text) => {
        if (/^[01]( 1)?$/.test(text)) times.push(performance.now());
        return false;
      },
    },
  });
  await using client = await ClientUnderTest.open({ port: server.port });
  expect((await client.fetch('f.bin')).outcome).toEqual({ type: 'complete' });
  const [fifth = 0, sixth = 0] = times.slice(4);
  // 100 ms; 600 would be too late.
  expect(sixth - fifth).toBeLessThan(450);
});

import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { tracesOf } from '../../lib/app/capture-traces.ts';
import { millis } from '../../lib/core/brands.ts';
import type { DownloadTrace } from '../../lib/lab/download-trace.ts';
import { FaultPlan, type Faults } from '../../lib/lab/faults.ts';
import { ladder } from '../../lib/lab/ladder.ts';
import { goodputOverTime, summarize } from '../../lib/lab/trace-summary.ts';
import { patternBytes, TemporaryFolder } from '../app/folders.ts';
import { run, WIRELAB } from '../app/programs.ts';
import { RunningServer } from '../app/servers.ts';
import { lossyLink } from '../support/lossy-link.ts';
import { record } from '../support/recorded.ts';

/** No more than what the buffers of all sockets hold. */
const PARTS = 60;
const FILE = patternBytes(2043 * PARTS - 100);

interface Seen {
  readonly client: DownloadTrace;
  readonly server: DownloadTrace;
  /** `SEQ.NTH` of each that the path has dropped, and that it has doubled. */
  readonly dropped: string[];
  readonly doubled: number[];
}

/** A download over a path with these faults, as both sides have recorded it. */
async function download(faults: Faults, ...flags: readonly string[]): Promise<Seen> {
  await using folder = await TemporaryFolder.create({ 'f.bin': FILE });
  const at = (name: string): string => join(folder.path, name);
  const dropped: string[] = [];
  const doubled: number[] = [];
  const plan = new FaultPlan(faults, 11);
  await using server = await RunningServer.start(folder.path, '--capture', at('server.pcapng'));
  await using link = await lossyLink(
    server.port,
    (seq, nth) => {
      const fate = plan.fateOf(seq, nth);
      if (fate.length > 1) doubled.push(seq);
      return fate.map(() => ({ delay: millis(0) }));
    },
    (seq, nth) => void dropped.push(`${seq}.${nth}`),
  );
  const { status } = await run(WIRELAB, [
    ...['get', 'f.bin', '--port', String(link.port), '--yes', '--out', at('got.bin')],
    ...['--capture', at('client.pcapng'), ...flags],
  ]);
  expect(status).toBe(0);
  server.program.kill('SIGTERM');
  await server.program.exit;
  const [client] = tracesOf(at('client.pcapng'));
  const [serving] = tracesOf(at('server.pcapng'));
  if (client === undefined || serving === undefined) throw new Error('no download was recorded');
  return { client, server: serving, dropped, doubled };
}

/**
 * Whether a client that was held up has asked again before the first part came: then all parts are sent twice, and
 * which of the two was lost is not known.
 */
function asksTooEarly({ client, server }: Seen): boolean {
  return [client, server].some(({ reRequests, sendings }) => {
    const [first] = sendings;
    return reRequests.some(({ time }) => first === undefined || time <= first.time);
  });
}

function lostOf({ sendings }: DownloadTrace): string[] {
  return sendings
    .filter(({ lost }) => lost)
    .map(({ seq, nth }) => `${seq}.${nth}`)
    .sort();
}

describe('a download by the rules of the document, over a path that loses a quarter and doubles 5 %', () => {
  let seen: Seen;
  beforeAll(async () => {
    do {
      seen = await download({ loss: 0.25, duplicate: 0.05 }, '--document');
    } while (asksTooEarly(seen));
  });

  // On a busy machine the client asks for what is on its way, too: exactly it is known in virtual time only.
  test.each(['client', 'server'] as const)(
    'shows beside the %s each part that the path has dropped',
    (side) => {
      const numberOf = (one: string): string => one.replace(/\..*/, '');
      expect(seen.dropped.length).toBeGreaterThan(PARTS / 10);
      expect(lostOf(seen[side]).map(numberOf)).toEqual(
        expect.arrayContaining(seen.dropped.map(numberOf)),
      );
    },
  );

  test('counts what was sent again, and what was not needed', () => {
    const { client, server, dropped, doubled } = seen;
    for (const trace of [client, server]) {
      const summary = summarize(trace);
      const { sent, lost, needless, sentAgain, askedFor } = summary;
      const all = { parts: PARTS, received: PARTS, bytes: FILE.length, missing: 0 };
      expect(summary).toMatchObject(all);
      expect(sent).toBe(PARTS + lost + needless);
      expect(sentAgain).toBeGreaterThanOrEqual(dropped.length);
      expect(askedFor).toBeGreaterThanOrEqual(dropped.length);
    }
    expect(summarize(client).needless).toBeGreaterThanOrEqual(doubled.length);
    const { waited, span, paused, goodput = 0, reRequests } = summarize(client);
    expect(reRequests).toBeGreaterThan(0);
    // The client waits 100 ms at least (PROTOCOL.md, "Re-requests").
    expect(waited).toBeGreaterThan(90e6);
    expect(waited + paused).toBeLessThan(span);
    expect(goodput).toBeCloseTo((FILE.length / (span - paused)) * 1e9, 0);
  });

  test('adds up: goodput over time is all of the file', () => {
    const bins = goodputOverTime(seen.client, 50);
    const width = ((bins[1]?.time ?? 0) - (bins[0]?.time ?? 0)) / 1e9;
    const bytes = bins.reduce((sum, { rate }) => sum + rate * width, 0);
    expect(bytes).toBeCloseTo(FILE.length, 0);
  });

  test('is a ladder in which each part stands once for each sending', () => {
    for (const trace of [seen.client, seen.server]) {
      const rungs = ladder(trace);
      const counted = rungs.flatMap((rung) => {
        if (rung.kind === 'quiet' || !rung.label.startsWith('part')) return [];
        return [Number(/\((\d+) datagrams\)/.exec(rung.label)?.[1] ?? 1)];
      });
      expect(counted.reduce((sum, count) => sum + count, 0)).toBe(trace.sendings.length);
      const times = rungs.map(({ time }) => time);
      expect(times).toEqual([...times].sort((a, b) => a - b));
      const labels = rungs.map(({ label }) => label);
      expect(labels[0]).toBe('download|f.bin');
      expect(labels).toContain('proceed');
      // Before a re-request nothing comes for 100 ms.
      expect(rungs.some(({ kind }) => kind === 'quiet')).toBe(true);
    }
  });
});

test('the fast profile: beside the server all losses, beside the client those that were made good', async () => {
  const { client, server, dropped } = await download({ loss: 0.1 }, '--mtu', '1500');
  expect(dropped.length).toBeGreaterThan(5);
  for (const trace of [client, server]) {
    const { missing, received, parts } = summarize(trace);
    expect([missing, received]).toEqual([0, parts]);
    // What was lost beside those that came is not known: several copies go at the end. On a busy machine the server takes
    // more for lost than the path has dropped, and sends it again.
    const again = server.sendings.filter(({ nth }) => nth > 1);
    const taken = trace === client ? [] : again.map(({ seq, nth }) => `${seq}.${nth - 1}`);
    expect([...dropped, ...taken]).toEqual(expect.arrayContaining(lostOf(trace)));
    expect(lostOf(trace).length).toBeGreaterThan(dropped.length / 2);
  }
});

/** A capture beside the client: what it said and got, in order. */
async function recorded(
  count: number,
  tell: (say: (text: string) => void, part: (seq: number) => void) => void,
): Promise<DownloadTrace> {
  const { folder, file } = await record(({ tcp, came }) => {
    const connection = tcp(55_000);
    const say = (text: string): void => connection.data('out', Buffer.from(`${text}\n`));
    for (const text of ['connect|ann', 'download|f']) say(text);
    connection.data('in', Buffer.from(`connected\n|${count}\n`));
    say('40555');
    tell(say, (seq) => {
      const bytes = Buffer.alloc(2048, ':');
      bytes.writeUInt32BE(seq);
      came(45_000, 40_555, bytes);
    });
  });
  await using _ = folder;
  const [trace] = tracesOf(file);
  if (trace === undefined) throw new Error('there is no download');
  return trace;
}

test('what was asked for before it was sent is not lost', async () => {
  const numbers = Array.from({ length: 96 }, (_, index) => index + 4).join(' ');
  const trace = await recorded(200, (say, part) => {
    for (const seq of [0, 1, 2, 3]) part(seq);
    say(numbers);
    for (let seq = 4; seq < 100; seq += 1) part(seq);
    say('proceed');
  });
  expect(lostOf(trace)).toEqual([]);
  expect(trace.sendings.every(({ why }) => why === 'first')).toBe(true);
});

test('the last parts of a half are lost, and asked for', async () => {
  const trace = await recorded(20, (say, part) => {
    for (let seq = 0; seq < 7; seq += 1) part(seq);
    say('7 8 9');
    for (const seq of [7, 9]) part(seq);
    say('8');
    part(8);
    part(8);
    say('stop');
  });
  expect(lostOf(trace)).toEqual(['7.1', '8.1', '8.2', '9.1']);
  const whyOf = (seq: number): string[] =>
    trace.sendings.filter((sending) => sending.seq === seq).map(({ why }) => why);
  expect(whyOf(8)).toEqual(['first', 'again', 'again', 'needless']);
  expect(trace.missing).toEqual({ count: 10, first: [10, 11, 12, 13, 14, 15, 16, 17, 18, 19] });
});

import type { DownloadTrace } from './download-trace.ts';

/** What became of a download, in numbers; times in nanoseconds. */
export interface TraceSummary {
  readonly parts: number;
  /** Parts that came, each counted once, and their bytes. */
  readonly received: number;
  readonly bytes: number;
  readonly missing: number;
  /** Sendings, those included that were lost before they could be captured. */
  readonly sent: number;
  readonly lost: number;
  /** Messages that ask for parts, and how many parts they ask for. */
  readonly reRequests: number;
  readonly askedFor: number;
  /** Sent again: since they were missing, and though they were not. */
  readonly sentAgain: number;
  readonly needless: number;
  /** From the first part to the last one that was new. */
  readonly span: number;
  /** While the user was asked. */
  readonly paused: number;
  /** Bytes of the file a second, the pause not counted; `undefined` when there is no time to divide by. */
  readonly goodput: number | undefined;
  /** Silence before each re-request: the client's timer. */
  readonly waited: number;
}

const NANOSECONDS = 1e9;

export function summarize(trace: DownloadTrace): TraceSummary {
  const { download, sendings, reRequests, pause, missing } = trace;
  const counts = { again: 0, needless: 0, lost: 0 };
  const there = new Set<number>();
  let bytes = 0;
  let end = sendings[0]?.time ?? 0;
  for (const sending of sendings) {
    if (sending.lost) counts.lost += 1;
    if (sending.why !== 'first') counts[sending.why] += 1;
    if (sending.lost || there.has(sending.seq)) continue;
    there.add(sending.seq);
    bytes += sending.bytes;
    end = Math.max(end, sending.time);
  }
  const span = end - (sendings[0]?.time ?? 0);
  const paused = pause === undefined ? 0 : pause.to - pause.from;
  const busy = span - (pause !== undefined && pause.to <= end ? paused : 0);
  return {
    ...{ parts: download.segmentCount, received: there.size, bytes, missing: missing.count },
    ...{ sent: sendings.length, lost: counts.lost },
    ...{ sentAgain: counts.again, needless: counts.needless },
    reRequests: reRequests.length,
    askedFor: reRequests.reduce((sum, { seqs }) => sum + seqs.length, 0),
    ...{ span, paused, goodput: busy >= LEAST_BIN ? (bytes / busy) * NANOSECONDS : undefined },
    waited: waitedFor(trace),
  };
}

function waitedFor({ sendings, reRequests, pause, messages }: DownloadTrace): number {
  const seen = sendings.filter(({ frame }) => frame !== undefined);
  const begun = messages.find(({ type }) => type === 'address')?.time;
  let waited = 0;
  let index = 0;
  let since = begun;
  for (const { time } of reRequests) {
    for (; index < seen.length && (seen[index]?.time ?? 0) <= time; index += 1) {
      since = seen[index]?.time;
    }
    if (since === undefined) continue;
    if (pause !== undefined && pause.to > since && pause.to <= time) since = pause.to;
    waited += time - since;
    // Several messages may ask at once.
    since = time;
  }
  return waited;
}

export interface GoodputBin {
  /** Where it begins, in nanoseconds since the first frame. */
  readonly time: number;
  /** Bytes of the file a second that were new. */
  readonly rate: number;
}

/** Less than a millisecond says nothing of a rate. */
const LEAST_BIN = 1e6;

/** Goodput over time, in about `count` equal spans of a length that reads well; the last one is empty. */
export function goodputOverTime({ sendings }: DownloadTrace, count: number): GoodputBin[] {
  const first = sendings[0]?.time ?? 0;
  const last = sendings.at(-1)?.time ?? 0;
  const width = roundUp(Math.max(LEAST_BIN, (last - first) / count));
  const bins = new Array<number>(Math.floor((last - first) / width) + 2).fill(0);
  const there = new Set<number>();
  for (const { seq, lost, time, bytes } of sendings) {
    if (lost || there.has(seq)) continue;
    there.add(seq);
    const bin = Math.floor((time - first) / width);
    bins[bin] = (bins[bin] ?? 0) + bytes;
  }
  return bins.map((bytes, bin) => ({
    time: first + bin * width,
    rate: (bytes / width) * NANOSECONDS,
  }));
}

/** The next of 1, 2, 5, 10, 20, 50 … */
export function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = STEPS.find((factor) => factor * power >= value) ?? 10;
  return step * power;
}

const STEPS = [1, 2, 5, 10];

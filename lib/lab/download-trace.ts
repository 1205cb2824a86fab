import type { Side, Stream } from '../capture/tcp-streams.ts';
import { Bitmap } from '../udp-reliable/bitmap.ts';
import type { ClassroomEvent, Download } from './classroom-reader.ts';
import { LossFinder, type ReRequest, type Sending, type TransferEvent } from './loss-finder.ts';

/** What the client has told of what it has, in the fast profile. */
export interface Told {
  /** Nanoseconds since the first frame of the capture, as are all times here. */
  readonly time: number;
  readonly frame: number;
  /** Every part below is there. */
  readonly base: number;
}

export interface Said {
  readonly time: number;
  readonly frame: number;
  readonly by: Side;
  readonly text: string;
  /** Of the message, as the codec calls it. */
  readonly type: string;
}

/** Everything that a capture tells of one download, each list in the order in which it happened. */
export interface DownloadTrace {
  readonly download: Download;
  readonly sendings: readonly Sending[];
  readonly reRequests: readonly ReRequest[];
  readonly told: readonly Told[];
  readonly messages: readonly Said[];
  /** While the user was asked: from the last part before to `proceed`, or to whatever came instead. */
  readonly pause: { readonly from: number; readonly to: number } | undefined;
  /** Parts that the client does not have in the end, as far as the capture tells; the first ones of them. */
  readonly missing: { readonly count: number; readonly first: readonly number[] };
}

/** Numbers in all re-requests of a download: in a capture anything may stand. */
const MAX_ASKED = 1_000_000;
/** Missing parts that are named. */
const MAX_NAMED = 20;

/**
 * The downloads of a capture, in the order in which they began.
 * @param areTold the comments of the capture say which parts were lost; otherwise that is found out
 */
export function traceDownloads(events: Iterable<ClassroomEvent>, areTold = false): DownloadTrace[] {
  const tracers = new Map<Download, Tracer>();
  // What was asked for is known before what it begins.
  const requests = new Map<Stream, ClassroomEvent>();
  for (const event of events) {
    const { download } = event;
    if (event.type === 'said' && event.message.type === 'download')
      requests.set(event.stream, event);
    if (download === undefined) continue;
    const known = tracers.get(download);
    const tracer = known ?? new Tracer(download);
    tracers.set(download, tracer);
    const request = requests.get(download.stream);
    if (known === undefined && request !== undefined) tracer.on(request);
    tracer.on(event);
  }
  return [...tracers.values()].map((tracer) => tracer.trace(areTold));
}

/** What the client may say while it is asked whether to go on. */
const ENDS_PAUSE = new Set(['proceed', 'stop', 'unknown', 'disconnect']);

/** What a server says last. */
const ENDS_DOWNLOAD = new Set(['finished', 'stopped', 'download-ended']);

class Tracer {
  readonly #download: Download;
  readonly #events: TransferEvent[] = [];
  readonly #told: Told[] = [];
  readonly #messages: Said[] = [];
  #lastPartAt: number | undefined;
  #pause: DownloadTrace['pause'];
  #asked = 0;
  #hasAnswered = false;
  #isOver = false;

  constructor(download: Download) {
    this.#download = download;
  }

  on(event: ClassroomEvent): void {
    if (event.type === 'part') {
      const { type, time, frame, seq, direction, comments } = event;
      // A link and the grader say so of what they do not let through.
      const isDropped = comments.some((text) => text.startsWith('dropped'));
      this.#events.push({ type, time, frame, seq, direction, bytes: event.length, isDropped });
      this.#lastPartAt = time;
    } else if (event.type === 'feedback') {
      const { time, frame, feedback } = event;
      const { base } = feedback;
      // A copy: the capture is not kept in memory.
      this.#events.push({ type: 'told', time, base, bitmap: Buffer.from(feedback.bitmap) });
      this.#told.push({ time, frame, base: Math.min(base, this.#download.segmentCount) });
    } else if (event.type === 'said') this.#onSaid(event);
  }

  trace(areTold: boolean): DownloadTrace {
    const { sendings, reRequests, acknowledged } = new LossFinder(
      this.#download,
      this.#events,
      areTold,
    );
    return {
      ...{ download: this.#download, told: this.#told, messages: this.#messages },
      ...{ sendings: [...sendings].sort((a, b) => a.time - b.time), reRequests },
      ...{ pause: this.#pause, missing: this.#missing(sendings, acknowledged) },
    };
  }

  #missing(sendings: readonly Sending[], acknowledged: Bitmap): DownloadTrace['missing'] {
    const { segmentCount } = this.#download;
    const there = new Bitmap(segmentCount);
    let count = 0;
    const add = (seq: number): void => {
      if (!there.has(seq)) count += 1;
      there.add(seq);
    };
    for (const { seq, lost } of sendings) if (!lost) add(seq);
    // The client tells what it has, whether or not the capture shows how it came.
    for (const [from, to] of acknowledged.runs(0, acknowledged.length)) {
      for (let seq = from; seq < to; seq += 1) add(seq);
    }
    return { count: segmentCount - count, first: there.missing(segmentCount, MAX_NAMED) };
  }

  #onSaid({ message, text, by, time, frame }: Extract<ClassroomEvent, { type: 'said' }>): void {
    // What is said later has nothing to do with it.
    if (this.#isOver) return;
    this.#isOver = ENDS_DOWNLOAD.has(message.type);
    this.#messages.push({ time, frame, by, text, type: message.type });
    if (message.type === 're-request') {
      const seqs = [...new Set(message.seqs)].slice(0, MAX_ASKED - this.#asked);
      this.#asked += seqs.length;
      this.#events.push({ type: 'asked', time, frame, seqs });
    } else if (by === 'client' && ENDS_PAUSE.has(message.type) && !this.#hasAnswered) {
      // Who has said so before the first part is not asked.
      this.#hasAnswered = true;
      const from = this.#download.segmentCount > 1 ? this.#lastPartAt : undefined;
      if (from !== undefined) this.#pause = { from, to: time };
    }
  }
}

import { visible } from '../core/text.ts';
import type { DownloadTrace } from './download-trace.ts';
import type { Sending } from './loss-finder.ts';

/** A rung: something that goes from one side to the other, or a stretch in which nothing does. */
export type Rung =
  | {
      readonly kind: 'message' | 'told' | 'first' | 'again' | 'needless';
      readonly from: 'client' | 'server';
      readonly time: number;
      /** When the last of many went. */
      readonly until: number;
      readonly frame: number | undefined;
      readonly label: string;
      readonly lost: boolean;
    }
  | { readonly kind: 'quiet'; readonly time: number; readonly label: string };

type Arrow = Exclude<Rung, { kind: 'quiet' }>;
type Event = { readonly time: number; readonly frame: number | undefined } & (
  | { readonly sending: Sending }
  | { readonly arrow: Arrow }
);

/** Nothing for this long is drawn as one quiet stretch, in nanoseconds. */
const QUIET = 20e6;
/** As many parts in a row are drawn one by one; of more, the first and the last. */
const FEW = 4;
const MAX_LABEL = 48;
const MAX_NUMBERS = 6;

/** What client and server sent each other, in order; many parts in a row become one rung. */
export function ladder(trace: DownloadTrace): Rung[] {
  const events: Event[] = [
    ...trace.sendings.map((sending) => ({ time: sending.time, frame: sending.frame, sending })),
    ...[...messages(trace), ...feedback(trace)].map((arrow) => ({
      ...{ time: arrow.time, frame: arrow.frame, arrow },
    })),
  ];
  // What is not in the capture has the time of what was sent right before it.
  events.sort((a, b) => a.time - b.time || (a.frame ?? Infinity) - (b.frame ?? Infinity));
  return withQuiet([...rungs(events)]);
}

function* rungs(events: readonly Event[]): Generator<Arrow> {
  let run: Sending[] = [];
  for (const event of events) {
    if ('sending' in event && continues(run, event.sending)) {
      run.push(event.sending);
      continue;
    }
    yield* rungsOf(run);
    run = [];
    if ('sending' in event) run.push(event.sending);
    else yield event.arrow;
  }
  yield* rungsOf(run);
}

/** Whether it goes with those before: the next number, for the same reason, and not after a silence. */
function continues(run: readonly Sending[], { seq, why, lost, time }: Sending): boolean {
  const last = run.at(-1);
  if (last === undefined) return true;
  const isNext = seq === last.seq + 1 && why === last.why;
  return isNext && lost === last.lost && time - last.time < QUIET;
}

function* rungsOf(run: readonly Sending[]): Generator<Arrow> {
  const [first] = run;
  const last = run.at(-1);
  if (first === undefined || last === undefined) return;
  if (run.length <= FEW) for (const sending of run) yield one(sending);
  else
    yield {
      ...one(first),
      until: last.time,
      label: `parts ${first.seq} to ${last.seq} (${run.length} datagrams)`,
    };
}

function one({ seq, why: kind, time, frame, lost }: Sending): Arrow {
  const again = { first: '', again: ', again', needless: ', though it was there' }[kind];
  return { kind, from: 'server', time, until: time, frame, lost, label: `part ${seq}${again}` };
}

function messages({ messages }: DownloadTrace): Arrow[] {
  return messages.map(({ by: from, time, frame, text, type }) => {
    const numbers = text.split(' ');
    const label =
      type === 're-request' && numbers.length > MAX_NUMBERS
        ? `${numbers.slice(0, MAX_NUMBERS).join(' ')} … (${numbers.length} parts)`
        : cut(visible(text));
    return { kind: 'message', from, time, until: time, frame, label, lost: false };
  });
}

function feedback({ told }: DownloadTrace): Arrow[] {
  return told.map(({ time, frame, base }) => {
    const label = `feedback: all below ${base} are there`;
    return { kind: 'told', from: 'client', time, until: time, frame, label, lost: false };
  });
}

function withQuiet(arrows: readonly Arrow[]): Rung[] {
  return arrows.flatMap((arrow, index): Rung[] => {
    const before = arrows[index - 1]?.until ?? arrow.time;
    const span = arrow.time - before;
    if (span < QUIET) return [arrow];
    return [
      { kind: 'quiet', time: before, label: `${(span / 1e6).toFixed(0)} ms of silence` },
      arrow,
    ];
  });
}

function cut(text: string): string {
  return text.length <= MAX_LABEL ? text : `${text.slice(0, MAX_LABEL - 1)}…`;
}

import { inPattern } from '../../../core/text.ts';
import { SEGMENT_PAYLOAD } from '../../../udp-reliable/segment.ts';
import type { DownloadRecord, ServerBench, Talker } from '../server-bench.ts';

/** Whatever comes. */
export const ANYTHING = /[\s\S]+/;
/** Milliseconds in which what should not happen would have happened. */
export const NOTHING_FOR = 700;
/** Milliseconds that it takes a program to end, and more. */
export const ENDS_WITHIN = 250;
const MOST_PIECES = 50;
const GREETING_QUIET = 100;
/** Between two messages of a list, in milliseconds, and until there is no other. */
const APART = 40;
const MORE_PATIENCE = 110;
/** Once there were two of them. */
const MUCH_MORE_PATIENCE = 260;

/** What the list of users says, as it came. */
export async function usersSeenBy(bench: ServerBench, talker: Talker): Promise<string> {
  return await listSeenBy(bench, talker, 'get_users');
}

/** The answer to a question for a list, whatever its form. */
export async function listSeenBy(
  bench: ServerBench,
  talker: Talker,
  question: string,
): Promise<string> {
  const list = await listHeard(talker, question);
  if (list !== undefined) return list;
  return bench.fail({ wrong: `no answer to ${question}`, expected: 'a list', got: 'nothing' });
}

/** @returns `undefined` when there is no answer */
export async function listHeard(talker: Talker, question: string): Promise<string | undefined> {
  talker.forget();
  await talker.say(question);
  const answer = await talker.hears(ANYTHING);
  if (answer === undefined) return undefined;
  // A list may come in several pieces of one message, or in several messages: names do not run together then.
  let list = answer[0];
  let patience = MORE_PATIENCE;
  for (let pieces = 0; pieces < MOST_PIECES; pieces += 1) {
    const more = await talker.hears(ANYTHING, APART);
    const next = more ?? (await talker.hears(ANYTHING, patience));
    if (next === undefined) break;
    if (more === undefined) patience = MUCH_MORE_PATIENCE;
    list += (more === undefined ? '\n' : '') + next[0];
  }
  return list;
}

/** Hears all that a server says by itself. @param patience for the first of it, in milliseconds */
export async function hearsGreeting(talker: Talker, patience: number): Promise<boolean> {
  let isHeard = false;
  for (let pieces = 0; pieces < MOST_PIECES; pieces += 1) {
    const piece = await talker.hears(ANYTHING, isHeard ? GREETING_QUIET : patience);
    if (piece === undefined) break;
    isHeard = true;
  }
  return isHeard;
}

/** Whether the word stands in the list by itself: `ann` is not in `[anna]`, nor in `jo-ann`; it is in `1.ann.`. */
export function lists(answer: string, word: string): boolean {
  return new RegExp(`(?<!\\w|[A-Za-z][.-])${inPattern(word)}(?!\\w|[.-]\\w)`).test(answer);
}

/** Blames parts that never came. Whether they are right is the matter of other checks. */
export function expectAllParts(bench: ServerBench, record: DownloadRecord): Buffer {
  if (record.bytes !== undefined) return record.bytes;
  const { missing, parts, strays } = record;
  const [stray] = strays;
  return bench.fail({
    wrong: `${record.file} does not become whole`,
    expected: record.count === 1 ? 'its only part' : `all ${record.count} parts`,
    got:
      parts.length === 0 && stray !== undefined
        ? `datagrams that are no parts: ${stray.why}`
        : `${missing.length === 1 ? 'part' : 'parts'} ${shortList(missing)} never came`,
    frames: strays.slice(0, 3).map(({ frame }) => frame),
  });
}

/** Blames a part that has other bytes when it is sent again. */
export function expectSameAgain(bench: ServerBench, { parts }: DownloadRecord): void {
  const other = parts.find(({ isSame }) => !isSame);
  if (other === undefined) return;
  bench.fail({
    wrong: `part ${other.seq} has other bytes when it is sent again`,
    expected: 'the same part of the file',
    got: `${other.length} bytes, of which some are others`,
    frames: parts.filter(({ seq }) => seq === other.seq).map(({ frame }) => frame),
  });
}

/** Blames what is not as it is when nobody else downloads: mistakes that it has anyhow cost other points. */
export function expectAsAlone(bench: ServerBench, record: DownloadRecord): void {
  const bytes = expectAllParts(bench, record);
  const { alone } = bench.readings;
  if (alone === undefined || bytes.equals(alone)) return;
  const seq = Math.floor(firstDifference(bytes, alone) / SEGMENT_PAYLOAD);
  bench.fail({
    wrong: `${record.file} comes with other bytes than when nobody else downloads`,
    expected: `the same ${alone.length} bytes`,
    got: `${bytes.length} bytes, and the first that differs is in part ${seq}`,
    frames: record.parts.filter((part) => part.seq === seq).map(({ frame }) => frame),
  });
}

/**
 * Blames a server that does not wait where it has waited in another download.
 * @param share of the points
 */
export function expectPause(bench: ServerBench, record: DownloadRecord, share = 1): void {
  const { pauseAt } = bench.readings;
  const { count = 0, parts } = record;
  if (pauseAt === undefined) return;
  const most = Math.ceil(pauseAt * count) + 1;
  const early = parts.filter(({ seq, afterProceed }) => seq >= most && !afterProceed);
  if (early.length === 0) return;
  bench.blame({
    wrong: 'this time it does not wait for an answer before it sends the second half',
    ...{ expected: 'a pause, as in other downloads', share },
    got: `parts ${shortList(early.map(({ seq }) => seq))} before "proceed"`,
    frames: early.slice(0, 3).map(({ frame }) => frame),
  });
}

/** Blames a server that sends nothing at all: not a single datagram, whatever it holds. */
export function expectDatagrams(bench: ServerBench, record: DownloadRecord): void {
  if (record.parts.length === 0 && record.strayCount === 0) expectAllParts(bench, record);
}

/** Blames what is not as the file is. */
export function expectFile(bench: ServerBench, record: DownloadRecord): void {
  const file = bench.files[record.file];
  if (file === undefined) throw new Error(`there is no ${record.file}`);
  expectCount(bench, record, file.length);
  const bytes = expectAllParts(bench, record);
  if (bytes.equals(file)) return;
  const at = firstDifference(bytes, file);
  const seq = Math.floor(at / SEGMENT_PAYLOAD);
  bench.fail({
    wrong: `${record.file} comes with other bytes`,
    expected: `${file.length} bytes`,
    got: `${bytes.length} bytes, and the first that differs is number ${at} (part ${seq})`,
    frames: record.parts.filter((part) => part.seq === seq).map(({ frame }) => frame),
  });
}

/** Blames a wrong number of parts. */
export function expectCount(bench: ServerBench, { count }: DownloadRecord, size: number): void {
  const wanted = Math.ceil(size / SEGMENT_PAYLOAD);
  if (count === wanted) return;
  bench.fail({
    wrong: `the number of parts is wrong for a file of ${size} bytes`,
    expected: `|${wanted}`,
    got: `|${count}`,
  });
}

/** `1, 2, 5 and 38 more`. */
export function shortList(numbers: readonly number[]): string {
  const some = numbers.slice(0, 8).join(', ');
  return numbers.length > 8 ? `${some} and ${numbers.length - 8} more` : some;
}

function firstDifference(one: Buffer, other: Buffer): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at += 1) if (one[at] !== other[at]) return at;
  return length;
}

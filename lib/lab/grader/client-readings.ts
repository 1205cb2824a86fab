import { CheckEnded } from './check.ts';
import type {
  ClientReadings,
  ClientSession,
  SentNumbering,
  ServingRecord,
} from './client-bench.ts';
import { reaches, type Stage } from './stages.ts';

/** The ruling's reading, for what cannot be found out. */
export const USUAL_CLIENT_READINGS: ClientReadings = {
  ...{ framing: 'line', address: 'port', numbering: 'big-endian', proceedBy: 'tcp', asksAt: 0.5 },
  ...{ message: 'data-first', reaches: 'download-whole', saysStop: true, saved: undefined },
  ...{ savedAfter: 0, asksAhead: false, asksWith: '', question: undefined },
  nameQuestion: undefined,
};

/** What is needed to find out how a client reads the document. */
export interface ClientReadingsLab {
  /** A client that has just begun; `undefined` when it does not connect. */
  start(readings: ClientReadings): Promise<ClientSession | undefined>;
  framingOf(session: ClientSession): ClientReadings['framing'];
  /** Whether the machine was busy with other programs so far. */
  wasBusy(): Promise<boolean>;
}

/** Longer than what a pause needs. */
export const TRIAL_FILE = 'usual.txt';
const NUMBERINGS: readonly SentNumbering[] = [
  ...['big-endian', 'little-endian', 'ascii', 'four-digits'],
] as const;

/**
 * Finds out how a client reads the vague places, as far as it gets.
 * @returns `undefined` when it does not even connect
 */
export async function findClientReadings(
  lab: ClientReadingsLab,
): Promise<ClientReadings | undefined> {
  let found = await tryAll(lab);
  // Once more: what a busy machine has spoilt once must not cost all points.
  if (found?.reaches === 'download-begun' && (await lab.wasBusy())) {
    found = further(await tryAll(lab), found);
  }
  return found && { ...found, asksAt: await pauseOf(lab, found) };
}

/** Tries the readings, until the client does what it should. */
async function tryAll(lab: ClientReadingsLab): Promise<ClientReadings | undefined> {
  const left = [...NUMBERINGS];
  let best: ClientReadings | undefined;
  let mayFail = true;
  for (let [numbering] = left; numbering !== undefined; [numbering] = left) {
    const { readings, isTried } = await tryOut(lab, numbering);
    best = further(best, readings);
    if (best?.reaches === 'download-whole') return best;
    if (isTried) left.shift();
    else if (mayFail) mayFail = false;
    else break;
    // Who names his address was often written for numbers in ASCII.
    const isAscii = (one: SentNumbering): number => Number(!one.endsWith('-endian'));
    if (best?.address === 'ip-port') left.sort((one, other) => isAscii(other) - isAscii(one));
  }
  // One that has asked has understood the numbers.
  if (best === undefined || best.asksAt !== undefined) return best;
  return { ...best, numbering: best.address === 'ip-port' ? 'ascii' : 'big-endian' };
}

/** Where it asks: one that asks when half of the file has come may have asked for some time. */
async function pauseOf(lab: ClientReadingsLab, found: ClientReadings): Promise<number | undefined> {
  if (found.reaches !== 'download-whole' || found.asksAt === undefined) return found.asksAt;
  const session = await lab.start(found);
  const record = await works(async () => {
    await session?.login();
    return await session?.download(TRIAL_FILE, { isTrial: true, waitsEarly: true });
  });
  // What shows may be that it has ended instead.
  const isWhole = record !== undefined && stageOf(record) === 'download-whole';
  return (isWhole ? record.asksAt : undefined) ?? found.asksAt;
}

/** Those of the client that got further; of two that got as far, those by which it has asked, or the first. */
function further(
  one: ClientReadings | undefined,
  other: ClientReadings | undefined,
): ClientReadings | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  if (one.reaches !== other.reaches) return reaches(one.reaches, other.reaches) ? one : other;
  return one.asksAt === undefined && other.asksAt !== undefined ? other : one;
}

interface Trial {
  readonly readings: ClientReadings | undefined;
  /** Whether it has come to a download at all. */
  readonly isTried: boolean;
}

async function tryOut(lab: ClientReadingsLab, numbering: SentNumbering): Promise<Trial> {
  const usual: ClientReadings = { ...USUAL_CLIENT_READINGS, numbering };
  const session = await lab.start(usual);
  const isOnline = await works(async () => {
    await session?.login();
    return true;
  });
  if (session === undefined) return { readings: undefined, isTried: false };
  if (!isOnline) return { readings: { ...usual, reaches: 'started' }, isTried: false };
  const framing = lab.framingOf(session);
  const message = await messageOrderOf(session);
  const online: ClientReadings = { ...usual, framing, message, reaches: 'online' };
  const record = await works(() => session.download(TRIAL_FILE, { isTrial: true }));
  if (record === undefined) return { readings: online, isTried: false };
  const { address = 'port', asksAt, answeredBy, saved, savedAfter, stopped } = record;
  const { reRequests } = record;
  const asks = {
    asksAhead: reRequests.some(({ ahead }) => ahead.length > 0),
    asksWith: reRequests[0]?.word ?? '',
    question: record.question,
  };
  const reached = { address, asksAt, proceedBy: answeredBy, reaches: stageOf(record), ...asks };
  const begun: ClientReadings = { ...online, ...reached };
  if (begun.reaches !== 'download-whole') return { readings: begun, isTried: true };
  const nameQuestion = saved === undefined ? undefined : record.nameQuestion || undefined;
  return {
    readings: { ...begun, saved, savedAfter, saysStop: stopped, nameQuestion },
    isTried: true,
  };
}

/** @returns `undefined` when a check that did it would be over. */
async function works<T>(act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof CheckEnded) return undefined;
    throw error;
  }
}

/** One that says nothing more after its port has not begun with anything. */
function stageOf({ stopped, saved, asked, reRequests }: ServingRecord): Stage {
  if (stopped || saved !== undefined) return 'download-whole';
  return asked || reRequests.length > 0 ? 'download-begun' : 'online';
}

async function messageOrderOf(session: ClientSession): Promise<ClientReadings['message']> {
  await session.type('a message');
  await session.untilPrompt();
  await session.type('zoe');
  return (await session.hears(/msg\|zoe\|/, 300)) ? 'target-first' : 'data-first';
}

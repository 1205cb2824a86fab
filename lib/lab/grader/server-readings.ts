import { millis } from '../../core/brands.ts';
import { ASKINGS, type Asking, reRequestsFor } from './re-requests-for.ts';
import { ANYTHING, hearsGreeting, listHeard, lists } from './server/common.ts';
import {
  type DownloadPlan,
  type DownloadRecord,
  PAUSES,
  SEPARATORS,
  type ServerReadings,
  type Talker,
} from './server-bench.ts';
import type { Stage } from './stages.ts';

/** What is needed to find out how a server reads the document. */
export interface ReadingsLab {
  /** Starts the server anew: what has been tried before may have ended it, or is about to. */
  restart(): Promise<boolean>;
  open(readings: Pick<ServerReadings, 'hears' | 'says' | 'greets'>): Promise<Talker | undefined>;
  /** @returns the number of parts, when they are too many to be asked for; `undefined` when it is not told */
  download(
    talker: Talker,
    file: string,
    readings: ServerReadings,
    plan: DownloadPlan,
  ): Promise<DownloadRecord | number | undefined>;
  newName(): string;
}

/** The ruling's reading, for what cannot be found out. */
export const USUAL_READINGS: ServerReadings = {
  ...{ hears: 'line', says: 'line', address: 'port', numbering: 'big-endian', proceedBy: 'tcp' },
  ...{ pauseAt: 0.5, message: 'data-first', separator: ' ', answersStop: true },
  ...{ confirms: true, goesOn: true, greets: false, alone: undefined },
  askedWith: '',
  reaches: 'download-whole',
};

/** A server that waits for a line end never answers without one; others do at once. */
const BARE_PATIENCE = 2000;
/** Whoever greets does so at once. */
const GREETING_PATIENCE = 200;
const FILE = 'usual.txt';
const MOST_TRIES = 3;
/** For an answer that does not come. */
const FEW_TRIES = 2;
/** In the first fifth of that file. */
const LOST = [1, 3];
/** In its second half. */
const LOST_LATE = [31, 33];
const WORD_PATIENCE = 150;

/** Tries the readings of the vague places, until the server does what it should. */
export async function findReadings(lab: ReadingsLab): Promise<ServerReadings> {
  let framing = await findFraming(lab);
  if (framing === undefined) {
    // Once more: what a busy machine has spoilt once must not cost all points.
    await lab.restart();
    framing = await findFraming(lab);
  }
  if (framing === undefined) return { ...USUAL_READINGS, reaches: 'started' };
  const readings: ServerReadings = { ...USUAL_READINGS, ...framing, reaches: 'online' };
  const message = await findMessageOrder(lab, readings);
  let found: ServerReadings = { ...readings, message };
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    found = { ...found, ...(await findDownload(lab, { ...readings, message })) };
    // On a busy machine any silence looks like a pause.
    const { pauseAt, reaches } = found;
    const isUsual = pauseAt === undefined || PAUSES.includes(pauseAt);
    if (reaches === 'online' ? tries + 1 >= FEW_TRIES : isUsual) break;
  }
  if (found.reaches !== 'download-whole') return found;
  return { ...found, ...(await findAsking(lab, found)) };
}

type Framing = Pick<ServerReadings, 'hears' | 'says' | 'confirms' | 'greets'>;

/** @returns `undefined` when nobody can be connected */
async function findFraming(lab: ReadingsLab): Promise<Framing | undefined> {
  const talker = await lab.open({ hears: 'bare', says: 'bare', greets: false });
  if (talker === undefined) return undefined;
  const greets = await hearsGreeting(talker, GREETING_PATIENCE);
  // Nobody answers this with an empty text, as lists may be; and whoever wants a line end gets it behind.
  await talker.say(`connect|${talker.name}`);
  let answer = await talker.hears(ANYTHING, BARE_PATIENCE);
  const hears = answer === undefined ? 'line' : 'bare';
  if (answer === undefined) {
    await talker.sayBytes(Buffer.from('\n'));
    answer = await talker.hears(ANYTHING);
  }
  if (answer === undefined) {
    talker.close();
    return undefined;
  }
  const rest = await talker.hears(/[\s\S]*\n/, 200);
  const says = answer[0].endsWith('\n') || rest ? 'line' : 'bare';
  const welcome = answer[0] + (rest?.[0] ?? '');
  // "NAME is connected" is for everybody.
  const isForAll = welcome.includes(talker.name) && !/connected[\s\S]*connected/i.test(welcome);
  const confirms = !isForAll || (await talker.hears(/connected/i, 300)) !== undefined;
  const isOnline = /connected/i.test(welcome) || (await isUser(talker, hears));
  talker.close();
  return isOnline ? { hears, says, confirms, greets } : undefined;
}

/** Whether it is in the list of users: not every server says `connected`. */
async function isUser(talker: Talker, hears: ServerReadings['hears']): Promise<boolean> {
  const list = await listHeard(talker, hears === 'line' ? 'get_users\n' : 'get_users');
  return lists(list ?? '', talker.name);
}

async function login(lab: ReadingsLab, readings: ServerReadings): Promise<Talker | undefined> {
  const talker = await lab.open(readings);
  await talker?.say(`connect|${talker.name}`);
  await talker?.hears(/connected/i);
  return talker;
}

async function findMessageOrder(
  lab: ReadingsLab,
  readings: ServerReadings,
): Promise<ServerReadings['message']> {
  for (const order of ['data-first', 'target-first'] as const) {
    await lab.restart();
    const [from, to] = [await login(lab, readings), await login(lab, readings)];
    const fields = ['good-morning', to?.name ?? ''];
    if (order === 'target-first') fields.reverse();
    await from?.say(`msg|${fields.join('|')}`);
    const isRight = (await to?.hears(/good-morning/, 1000)) !== undefined;
    from?.close();
    to?.close();
    if (isRight) return order;
  }
  return 'data-first';
}

async function findDownload(
  lab: ReadingsLab,
  readings: ServerReadings,
): Promise<Partial<ServerReadings>> {
  const plan: DownloadPlan = { takesSilenceForPause: true };
  const begun = { reaches: 'download-begun' } as const;
  let best: Partial<ServerReadings> = begun;
  for (const address of ['port', 'ip-port'] as const) {
    for (const proceedBy of ['tcp', 'udp'] as const) {
      await lab.restart();
      const talker = await login(lab, readings);
      if (talker === undefined) return {};
      // It gets the time that a download takes that works.
      const usual = { pauseAt: undefined, reaches: 'download-whole' } as const;
      const tried: ServerReadings = { ...readings, address, proceedBy, ...usual };
      const record = await lab.download(talker, FILE, tried, plan);
      talker.close();
      if (record === undefined) return {};
      if (typeof record === 'number') return begun;
      const { parts, numbering = 'big-endian', sentBeforePause: sent, lastWords } = record;
      // It does not know where to send, or cannot be read.
      if (parts.length === 0) break;
      const hasGoneOn = parts.some((part) => part.afterProceed && !record.asked.has(part.seq));
      const isWhole = record.bytes !== undefined;
      const reaches: Stage = isWhole ? 'download-whole' : 'download-begun';
      const answersStop = !isWhole || lastWords !== '';
      const found = { address, numbering, proceedBy, reaches, answersStop, alone: record.bytes };
      if (sent === undefined) return { ...found, pauseAt: undefined };
      const pauseAt = pauseOf(sent, record.count ?? sent);
      if (hasGoneOn) return { ...found, pauseAt };
      // It has to be asked for each part of the second half: whole all the same.
      if (isWhole && best === begun) best = { ...found, pauseAt, goesOn: false };
    }
  }
  return best;
}

/** What a server takes for a list of numbers: two parts are lost, and asked for in one message. */
async function findAsking(lab: ReadingsLab, readings: ServerReadings): Promise<Asking> {
  const fateOf: DownloadPlan['fateOf'] = (seq, nth) =>
    nth === 1 && LOST.includes(seq) ? [] : [{ delay: millis(0) }];
  for (const separator of SEPARATORS) {
    await lab.restart();
    const talker = await login(lab, readings);
    if (talker === undefined) break;
    // It is not waited for as long as where it matters.
    const tried: ServerReadings = { ...readings, separator, reaches: 'download-begun' };
    const record = await lab.download(talker, FILE, tried, { fateOf });
    talker.close();
    if (typeof record === 'object' && record.bytes !== undefined) {
      return { separator, askedWith: '' };
    }
  }
  return (await findWord(lab, readings)) ?? { separator: undefined, askedWith: '' };
}

/** The same, behind a word: all of them in one download, in its second half, where no other word ends it. */
async function findWord(lab: ReadingsLab, readings: ServerReadings): Promise<Asking | undefined> {
  await lab.restart();
  const talker = await login(lab, readings);
  if (talker === undefined) return undefined;
  let found: Asking | undefined;
  const beforeAsking: DownloadPlan['beforeAsking'] = async (download) => {
    for (const asking of ASKINGS) {
      for (const message of reRequestsFor(LOST_LATE, asking)) await talker.say(message);
      await download.untilQuiet(WORD_PATIENCE);
      found = download.record.parts.some(({ seq, nth }) => seq === LOST_LATE[0] && nth > 1)
        ? asking
        : undefined;
      if (found !== undefined) return;
    }
  };
  const fateOf: DownloadPlan['fateOf'] = (seq, nth) =>
    nth === 1 && LOST_LATE.includes(seq) ? [] : [{ delay: millis(0) }];
  await lab.download(
    talker,
    FILE,
    { ...readings, reaches: 'download-begun' },
    { fateOf, beforeAsking },
  );
  talker.close();
  return found;
}

/** The share that is meant, where it is one of the document's. */
function pauseOf(sent: number, count: number): number {
  const near = PAUSES.find((share) => Math.abs(sent - share * count) < 2);
  return near ?? sent / count;
}

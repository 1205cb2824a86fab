import type { Numbering } from '../part-number.ts';
import type { ClientReadings, ClientSession, ServingRecord } from './client-bench.ts';

/** The ruling's reading, for what cannot be found out. */
export const USUAL_CLIENT_READINGS: ClientReadings = {
  ...{ framing: 'line', address: 'port', numbering: 'big-endian', proceedBy: 'tcp', asksAt: 0.5 },
  ...{ message: 'data-first', downloads: true, saysStop: true, saved: undefined },
};

/** What is needed to find out how a client reads the document. */
export interface ClientReadingsLab {
  /** A client that has just begun, and is online; `undefined` when that does not work. */
  startOnline(readings: ClientReadings): Promise<ClientSession | undefined>;
  framingOf(session: ClientSession): ClientReadings['framing'];
}

const FILE = 'usual.txt';
const NUMBERINGS: readonly Numbering[] = ['big-endian', 'little-endian', 'ascii'];

/** Tries the readings of the vague places, until the client does what it should. */
export async function findClientReadings(
  lab: ClientReadingsLab,
): Promise<ClientReadings | undefined> {
  let readings = USUAL_CLIENT_READINGS;
  let left = [...NUMBERINGS];
  for (let numbering = left.shift(); numbering !== undefined; numbering = left.shift()) {
    const tried: ClientReadings = { ...readings, numbering };
    const session = await lab.startOnline(tried);
    if (session === undefined) return undefined;
    readings = { ...readings, framing: lab.framingOf(session) };
    readings = { ...readings, message: await messageOrderOf(session) };
    const record = await session.download(FILE, { isTrial: true });
    readings = { ...readings, address: record.address ?? 'port' };
    if (isUnderstood(record)) {
      const { asksAt, answeredBy = 'tcp', saved, stopped } = record;
      const found = { numbering, asksAt, proceedBy: answeredBy, saved, saysStop: stopped };
      return { ...readings, ...found };
    }
    // Who names his address was written for numbers in ASCII.
    if (record.address === 'ip-port' && left.includes('ascii')) left = ['ascii', 'little-endian'];
  }
  const numbering = readings.address === 'ip-port' ? 'ascii' : 'big-endian';
  return { ...readings, numbering, downloads: false };
}

function isUnderstood({ stopped, saved }: ServingRecord): boolean {
  return stopped || saved !== undefined;
}

async function messageOrderOf(session: ClientSession): Promise<ClientReadings['message']> {
  await session.type('a message');
  await session.untilPrompt();
  await session.type('zoe');
  return (await session.hears(/msg\|zoe\|/, 300)) ? 'target-first' : 'data-first';
}

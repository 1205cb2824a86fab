import type { Side } from './check.ts';
import type { ClientReadings, SentNumbering } from './client-bench.ts';
import { PAUSES, type Separator, type ServerReadings } from './server-bench.ts';
import { IN_WORDS, reaches, type Stage } from './stages.ts';

/** A vague place of the document, as reports have it. */
interface Place<Readings> {
  readonly what: string;
  /** All that an assignment can require. */
  readonly all: readonly string[];
  readonly said: (readings: Readings) => string;
}

interface Places<Readings> {
  /** Found out as soon as it is online. */
  readonly online: readonly Place<Readings>[];
  readonly downloading: readonly Place<Readings>[];
}

type Words = readonly (readonly [what: string, how: string])[];

const ENDS = { line: 'a line end', bare: 'nothing (one write each)' };
const ORDERS = { 'data-first': 'msg|DATA|TARGET', 'target-first': 'msg|TARGET|DATA' };
const ADDRESSES = { port: 'PORT', 'ip-port': 'IP|PORT' };
const NUMBERINGS = {
  'big-endian': 'in 4 bytes, big-endian',
  'little-endian': 'in 4 bytes, little-endian',
  ascii: 'in ASCII digits',
};
const SENT_NUMBERINGS: Readonly<Record<SentNumbering, string>> = {
  ...NUMBERINGS,
  'four-digits': 'in 4 ASCII digits',
};
const WAYS = { tcp: 'TCP', udp: 'UDP' };
const BEFORE_NUMBERS = { nothing: 'nothing', word: 'a word' };
const YES_OR_NO = { yes: 'yes', no: 'no' };
const SEPARATED: Readonly<Record<Separator, string>> = {
  ' ': 'behind each other, with spaces',
  ',': 'behind each other, with commas',
  '|': "behind each other, with '|'",
  list: 'in brackets, [1, 2]',
  each: 'each in a message of its own',
};

const SERVER: Places<ServerReadings> = {
  online: [
    place('messages to it end with', ENDS, ({ hears }) => hears),
    place('its messages end with', ENDS, ({ says }) => says),
    place('it greets whoever connects', YES_OR_NO, ({ greets }) => (greets ? 'yes' : 'no')),
    place('a message to one is', ORDERS, ({ message }) => message),
  ],
  downloading: [
    place('the client answers the number of parts with', ADDRESSES, ({ address }) => address),
    place('parts are numbered', NUMBERINGS, ({ numbering }) => numbering),
    pause('it pauses at', 'no place', percent, ({ pauseAt }) => pauseAt),
    place('"proceed" goes by', WAYS, ({ proceedBy }) => proceedBy),
    {
      ...{ what: 'the numbers of a re-request stand', all: Object.values(SEPARATED) },
      said: ({ separator }) =>
        separator === undefined ? 'in no way that was tried' : SEPARATED[separator],
    },
    place('before them stands', BEFORE_NUMBERS, ({ askedWith }) =>
      askedWith === '' ? 'nothing' : 'word',
    ),
  ],
};

const CLIENT: Places<ClientReadings> = {
  online: [
    place('its messages end with', ENDS, ({ framing }) => framing),
    place('a message to one is', ORDERS, ({ message }) => message),
  ],
  downloading: [
    place('it answers the number of parts with', ADDRESSES, ({ address }) => address),
    place('it reads numbers of parts', SENT_NUMBERINGS, ({ numbering }) => numbering),
    pause(
      'it asks whether to go on',
      'never',
      (share) => `at ${percent(share)}`,
      ({ asksAt }) => asksAt,
    ),
    place('its answer goes by', { ...WAYS, no: 'nothing' }, ({ proceedBy = 'no' }) => proceedBy),
    place('it asks for parts that were not sent yet', YES_OR_NO, ({ asksAhead }) =>
      asksAhead ? 'yes' : 'no',
    ),
    place(
      'it asks for parts with',
      { numbers: 'numbers alone', word: 'a word and numbers' },
      ({ asksWith }) => (asksWith === '' ? 'numbers' : 'word'),
    ),
  ],
};

/** What can be required of a side: the names of its readings, and what reports say of each. */
export const READINGS: Readonly<Record<Side, ReadonlyMap<string, readonly string[]>>> = {
  server: allOf(SERVER),
  client: allOf(CLIENT),
};

/** How a server reads the vague places of the document, for people: as far as it gets. */
export function serverReadingsInWords(readings: ServerReadings): Words {
  return asFarAs(readings.reaches, SERVER, readings);
}

/** How a client reads the vague places of the document, for people: as far as it gets. */
export function clientReadingsInWords(readings: ClientReadings): Words {
  return asFarAs(readings.reaches, CLIENT, readings);
}

/** Whether they say the same of a reading: `50%` is `50 %`. */
export function isSameReading(one: string, other: string): boolean {
  return one.replaceAll(/\s/g, '') === other.replaceAll(/\s/g, '');
}

/** What was not reached was not found out. */
function asFarAs<Readings>(
  reached: Stage,
  { online, downloading }: Places<Readings>,
  readings: Readings,
): Words {
  const inWords = (places: readonly Place<Readings>[]): Words =>
    places.map(({ what, said }) => [what, said(readings)]);
  if (reached === 'download-whole') return inWords([...online, ...downloading]);
  const found = reaches(reached, 'online') ? inWords(online) : [];
  return [['it gets as far as', IN_WORDS[reached]], ...found];
}

function place<Readings, Key extends string>(
  what: string,
  words: Readonly<Record<Key, string>>,
  read: (readings: Readings) => Key,
): Place<Readings> {
  return { what, all: Object.values(words), said: (readings) => words[read(readings)] };
}

/** Elsewhere than in the document it can be, but not be required: that costs points. */
function pause<Readings>(
  what: string,
  none: string,
  at: (share: number) => string,
  read: (readings: Readings) => number | undefined,
): Place<Readings> {
  const said = (share: number | undefined): string => (share === undefined ? none : at(share));
  return {
    ...{ what, all: [...PAUSES.map(at), none] },
    said: (readings) => said(read(readings)),
  };
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function allOf<Readings>({ online, downloading }: Places<Readings>) {
  return new Map([...online, ...downloading].map(({ what, all }) => [what, all]));
}

import type { ClientReadings, SentNumbering } from './client-bench.ts';
import type { Separator, ServerReadings } from './server-bench.ts';
import { IN_WORDS, reaches, type Stage } from './stages.ts';

const SEPARATED: Readonly<Record<Separator, string>> = {
  ' ': 'behind each other, with spaces',
  ',': 'behind each other, with commas',
  '|': "behind each other, with '|'",
  list: 'in brackets, [1, 2]',
  each: 'each in a message of its own',
};

type Words = readonly (readonly [string, string])[];

/** How a server reads the vague places of the document, for people: as far as it gets. */
export function serverReadingsInWords(readings: ServerReadings): Words {
  const { hears, says, address, numbering, proceedBy, pauseAt, message, separator } = readings;
  return asFarAs(
    readings.reaches,
    [
      ['messages to it end with', hears === 'line' ? 'a line end' : 'nothing (one write each)'],
      ['its messages end with', says === 'line' ? 'a line end' : 'nothing (one write each)'],
      ['a message to one is', message === 'data-first' ? 'msg|DATA|TARGET' : 'msg|TARGET|DATA'],
    ],
    [
      ['the client answers the number of parts with', address === 'port' ? 'PORT' : 'IP|PORT'],
      ['parts are numbered', numbered(numbering)],
      ['it pauses at', pauseAt === undefined ? 'no place' : `${Math.round(pauseAt * 100)} %`],
      ['"proceed" goes by', proceedBy.toUpperCase()],
      [
        'the numbers of a re-request stand',
        separator === undefined ? 'in no way that was tried' : SEPARATED[separator],
      ],
    ],
  );
}

/** How a client reads the vague places of the document, for people: as far as it gets. */
export function clientReadingsInWords(readings: ClientReadings): Words {
  const { framing, address, numbering, proceedBy, asksAt, message, asksAhead, asksWith } = readings;
  return asFarAs(
    readings.reaches,
    [
      ['its messages end with', framing === 'line' ? 'a line end' : 'nothing (one write each)'],
      ['a message to one is', message === 'data-first' ? 'msg|DATA|TARGET' : 'msg|TARGET|DATA'],
    ],
    [
      ['it answers the number of parts with', address === 'port' ? 'PORT' : 'IP|PORT'],
      ['it reads numbers of parts', numbered(numbering)],
      ['it asks whether to go on', asksAt === undefined ? 'never' : `at ${asksAt * 100} %`],
      ['its answer goes by', proceedBy?.toUpperCase() ?? 'nothing'],
      ['it asks for parts that were not sent yet', asksAhead ? 'yes' : 'no'],
      ['it asks for parts with', asksWith === '' ? 'numbers alone' : `a word and numbers`],
    ],
  );
}

/** What was not reached was not found out. */
function asFarAs(reached: Stage, online: Words, downloading: Words): Words {
  if (reached === 'download-whole') return [...online, ...downloading];
  const found = reaches(reached, 'online') ? online : [];
  return [['it gets as far as', IN_WORDS[reached]], ...found];
}

function numbered(numbering: SentNumbering): string {
  if (numbering === 'four-digits') return 'in 4 ASCII digits';
  return numbering === 'ascii' ? 'in ASCII digits' : `in 4 bytes, ${numbering}`;
}

import type { Numbering } from '../part-number.ts';
import type { ClientReadings } from './client-bench.ts';
import type { Separator, ServerReadings } from './server-bench.ts';

const SEPARATED: Readonly<Record<Separator, string>> = {
  ' ': 'behind each other, with spaces',
  ',': 'behind each other, with commas',
  '|': "behind each other, with '|'",
  each: 'each in a message of its own',
};

/** How a server reads the vague places of the document, for people. */
export function serverReadingsInWords(readings: ServerReadings): (readonly [string, string])[] {
  const { hears, says, address, numbering, proceedBy, pauseAt, message, separator } = readings;
  return [
    ['messages to it end with', hears === 'line' ? 'a line end' : 'nothing (one write each)'],
    ['its messages end with', says === 'line' ? 'a line end' : 'nothing (one write each)'],
    ['the client answers the number of parts with', address === 'port' ? 'PORT' : 'IP|PORT'],
    ['parts are numbered', numbering === 'ascii' ? 'in ASCII digits' : `in 4 bytes, ${numbering}`],
    ['it pauses at', pauseAt === undefined ? 'no place' : `${Math.round(pauseAt * 100)} %`],
    ['"proceed" goes by', proceedBy.toUpperCase()],
    ['a message to one is', message === 'data-first' ? 'msg|DATA|TARGET' : 'msg|TARGET|DATA'],
    ['the numbers of a re-request stand', SEPARATED[separator]],
  ];
}

/** How a client reads the vague places of the document, for people. */
export function clientReadingsInWords(readings: ClientReadings): (readonly [string, string])[] {
  const { framing, address, numbering, proceedBy, asksAt, message } = readings;
  return [
    ['its messages end with', framing === 'line' ? 'a line end' : 'nothing (one write each)'],
    ['it answers the number of parts with', address === 'port' ? 'PORT' : 'IP|PORT'],
    ['it reads numbers of parts', numbered(numbering)],
    ['it asks whether to go on', asksAt === undefined ? 'never' : `at ${asksAt * 100} %`],
    ['its answer goes by', proceedBy.toUpperCase()],
    ['a message to one is', message === 'data-first' ? 'msg|DATA|TARGET' : 'msg|TARGET|DATA'],
  ];
}

function numbered(numbering: Numbering): string {
  return numbering === 'ascii' ? 'in ASCII digits' : `in 4 bytes, ${numbering}`;
}

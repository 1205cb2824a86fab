import { WITH_DISSECTORS } from '../dissectors.ts';
import { tshark } from '../tshark.ts';
import type { Sample } from './play.ts';

/** Parts the values of a field; nobody says it. */
const SEPARATOR = '\u001f';
/** As Wireshark numbers them; what is below says nothing that the line does not say. */
const SEVERITIES: Readonly<Record<string, string>> = {
  1048576: 'comment',
  4194304: 'note',
  6291456: 'warning',
  8388608: 'error',
};
/** What Wireshark says of TCP differs from version to version. */
const OF_TCP = /^(?:This frame|Connection) /;
const REASSEMBLED = / ?\[TCP (?:segment of a reassembled PDU|PDU reassembled in \d+)\]/;
const HEADINGS = ['No.', 'Time', 'Source', 'Destination', 'Protocol', 'Length', 'Info'];
/** What a line has no room for. */
const DETAILS = [
  ['classroom.text', 'says'],
  ['classroom.missing', 'wants'],
  ['classroom.absent', 'lacks'],
] as const;
/** Numbers stand to the right. */
const NUMBERS = [0, 1, 5];

interface Row {
  readonly cells: readonly string[];
  /** What the dissectors, and the program that recorded it, say of it. */
  readonly remarks: readonly string[];
}

/** What is in a capture, for a reader without Wireshark: a line for each packet, and remarks below it. */
export async function listing(file: string, { name, shows }: Sample): Promise<string> {
  const rows = await readRows(file);
  const columns = HEADINGS.map((heading, column) =>
    Math.max(heading.length, ...rows.map(({ cells }) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        NUMBERS.includes(column)
          ? cell.padStart(columns[column] ?? 0)
          : cell.padEnd(columns[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  const margin = ' '.repeat(columns.slice(0, -1).reduce((sum, width) => sum + width + 2, 2));
  const lines = rows.flatMap(({ cells, remarks }) => [
    line(cells),
    ...remarks.map((remark) => margin + remark),
  ]);
  return [`${name}: ${shows}`, '', line(HEADINGS), ...lines, ''].join('\n');
}

async function readRows(file: string): Promise<Row[]> {
  const fields = [
    ...['frame.number', 'frame.time_relative', '_ws.col.Source', '_ws.col.Destination'],
    ...['_ws.col.Protocol', '_ws.col.Length', '_ws.col.Info'],
    ...['_ws.expert.message', '_ws.expert.severity'],
    ...DETAILS.map(([field]) => field),
  ].flatMap((field) => ['-e', field]);
  const format = ['-T', 'fields', '-E', `aggregator=${SEPARATOR}`, ...fields];
  // Without a filter the first of two passes looks at nothing.
  const text = await tshark(...WITH_DISSECTORS, '-2', '-Y', 'frame', '-r', file, ...format);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const values = line.split('\t');
      const [number = '', time = '', ...rest] = values
        .slice(0, HEADINGS.length)
        .map((value) => value.replace(REASSEMBLED, ''));
      const [messages = [], severities = [], ...details] = values
        .slice(HEADINGS.length)
        .map((text) => (text === '' ? [] : text.split(SEPARATOR)));
      return {
        cells: [number, Number(time).toFixed(6), ...rest],
        remarks: [...detailsOf(details), ...remarksOf(messages, severities)],
      };
    });
}

function detailsOf(details: readonly (readonly string[])[]): string[] {
  return DETAILS.flatMap(([, word], index) => {
    const values = details[index] ?? [];
    return values.length === 0 ? [] : [`${word}: ${values.join(', ')}`];
  });
}

function remarksOf(messages: readonly string[], severities: readonly string[]): string[] {
  return messages.flatMap((message, index) => {
    const severity = SEVERITIES[severities[index] ?? ''];
    // The program may have said the same.
    const isSaid = messages.indexOf(message) < index;
    return severity === undefined || isSaid || OF_TCP.test(message)
      ? []
      : [`${severity}: ${message}`];
  });
}

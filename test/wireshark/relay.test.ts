import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TemporaryFolder } from '../app/folders.ts';
import { run, WIRELAB } from '../app/programs.ts';
import { bearHostileBytes, packets } from '../support/dissectors.ts';
import { record } from '../support/recorded.ts';
import { hasTshark } from '../support/tshark.ts';

interface Vector {
  readonly text: string;
  readonly message?: Readonly<Record<string, unknown>>;
  readonly refused?: string;
}
const VECTORS = JSON.parse(
  readFileSync(join(import.meta.dirname, '../vectors/relay.json'), 'utf8'),
) as {
  readonly command: readonly Vector[];
  readonly notification: readonly Vector[];
  readonly data: readonly Vector[];
  readonly dataReply: readonly Vector[];
  readonly refusals: readonly (readonly [code: string, text: string])[];
};
const COMMANDS = 1100;
const LOG_IN = 'alice secret\r\n';

/** What the messages of the vectors are called here. */
const FIELDS: Readonly<Record<string, string>> = {
  ...{ file: 'relay.file', size: 'relay.size', recipients: 'relay.count', user: 'relay.user' },
  ...{ sender: 'relay.user', port: 'relay.port', key: 'relay.key', bytes: 'relay.offset' },
};

function expected(message: Readonly<Record<string, unknown>>): Record<string, string> {
  const known = Object.entries(message).flatMap(([name, value]) => {
    const field = FIELDS[name];
    return field === undefined ? [] : [[field, String(value)]];
  });
  return Object.fromEntries(known) as Record<string, string>;
}

async function expectRead(
  vectors: readonly Vector[],
  say: (text: string) => readonly (readonly ['in' | 'out', string])[],
): Promise<void> {
  const { folder, file } = await record(({ tcp }) => {
    for (const { text } of vectors) {
      const connection = tcp(COMMANDS);
      connection.data('in', Buffer.from('WELCOME\r\n'));
      for (const [direction, said] of say(text)) connection.data(direction, Buffer.from(said));
    }
  });
  await using _ = folder;
  const rows = await packets(file, 'relay.message', [
    ...['relay.message', 'relay.unknown', 'tcp.stream', ...new Set(Object.values(FIELDS))],
  ]);
  vectors.forEach(({ text, message = {} }, index) => {
    const row = rows.find(
      (one) => Number(one['tcp.stream']) === index && one['relay.message'] === text,
    );
    expect({ text, ...row }).toMatchObject({ text, ...expected(message), 'relay.unknown': '' });
  });
}

describe.skipIf(!hasTshark)('the dissector of relay', () => {
  test('reads the vectors', async () => {
    const good = (vectors: readonly Vector[]) => vectors.filter(({ message }) => message);
    await expectRead(good(VECTORS.command), (text) => [
      ['out', LOG_IN],
      ['out', `${text}\r\n`],
    ]);
    await expectRead(good(VECTORS.notification), (text) => [
      ['out', LOG_IN],
      ['in', `${text}\r\n`],
    ]);
    await expectRead(good(VECTORS.data), (text) => [['out', `${text}\r\n`]]);
    await expectRead(good(VECTORS.dataReply), (text) => [
      ['out', 'WRITE alice k resume\r\n'],
      ['in', `${text}\r\n`],
    ]);
  });

  test('marks refusals, and what is no line of it', async () => {
    const texts = [
      ...VECTORS.refusals.map(([, text]) => text),
      ...VECTORS.dataReply.flatMap(({ text, refused }) => (refused === undefined ? [] : [text])),
    ];
    const { folder, file } = await record(({ tcp }) => {
      const connection = tcp(COMMANDS);
      connection.data('in', Buffer.from('WELCOME\r\n'));
      connection.data('out', Buffer.from(LOG_IN));
      for (const text of texts) connection.data('in', Buffer.from(`${text}\r\n`));
      connection.data('in', Buffer.from('what?\r\n'));
      connection.data('out', Buffer.from('what?\r\n'));
    });
    await using _ = folder;
    const refused = await packets(file, 'relay.refused', ['relay.message']);
    expect(refused.map((row) => row['relay.message'])).toEqual(texts);
    expect(await packets(file, 'relay.unknown', ['relay.message'])).toHaveLength(2);
  });

  test('follows a reader: the question, the port, the file in pieces', async () => {
    const { folder, file } = await record(({ tcp }) => {
      const asked = tcp(1101);
      asked.data('in', Buffer.from('WELCOME\r\n'));
      asked.data('out', Buffer.from('bob k details\r\n'));
      asked.data('in', Buffer.from('200 AUTHENTICATION OK\r\nRCFR alice "a b.txt" 12\r\n'));
      asked.data('out', Buffer.from('400 OK\r\n'));
      asked.data('in', Buffer.from('OPEN alice "a b.txt" 40321\r\n'));
      const data = tcp(40_321);
      data.data('out', Buffer.from('READ bob k 2 det'));
      data.data('out', Buffer.from('ails\r\n'));
      data.data('in', Buffer.from('500 "a b.txt" 12\r\n2345'));
      data.data('in', Buffer.from('678901'));
      data.data('out', Buffer.from('OK\r\n'));
    });
    await using _ = folder;
    const rows = await packets(file, 'relay.content', ['relay.content', 'relay.position']);
    expect(rows).toEqual([
      { 'relay.content': '32333435', 'relay.position': '2' },
      { 'relay.content': '363738393031', 'relay.position': '6' },
    ]);
    const [offer] = await packets(file, 'relay.size == "12" && relay.user == "alice"', [
      ...['relay.file', 'relay.reply_in'],
    ]);
    expect(offer?.['relay.file']).toBe('a b.txt');
    const [yes] = await packets(file, 'relay.code == 400', ['frame.number']);
    expect(offer?.['relay.reply_in']?.split(',')).toContain(yes?.['frame.number']);
    expect(await packets(file, 'relay.unknown', ['frame.number'])).toEqual([]);
  });

  test('follows a sender of ours, and bears hostile bytes', async () => {
    await using folder = await TemporaryFolder.create();
    const file = join(folder.path, 'demo.pcapng');
    expect((await run(WIRELAB, ['demo', 'relay', '--capture', file])).status).toBe(0);
    const pieces = await packets(file, 'relay.content', ['relay.content']);
    const whole = Buffer.from(pieces.map((row) => row['relay.content']).join(''), 'hex');
    const picture = readFileSync(join(import.meta.dirname, '../../files/picture.png'));
    expect(whole.equals(picture)).toBe(true);
    expect(await packets(file, 'relay.unknown', ['frame.number'])).toEqual([]);
    expect(await bearHostileBytes(file, 40, 'relay: ')).toBeGreaterThan(10);
  });
});

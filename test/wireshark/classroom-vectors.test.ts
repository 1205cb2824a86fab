import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packets } from '../support/dissectors.ts';
import { HERE, record } from '../support/recorded.ts';
import { hasTshark } from '../support/tshark.ts';

type Message = Readonly<Record<string, unknown>> & { readonly type: string };
interface Vector {
  readonly text: string;
  readonly message: Message;
  readonly expecting?: 'address' | 'transfer';
  readonly dialect?: 'original';
}
interface Datagram {
  readonly hex: string;
  readonly numbering: 'binary' | 'ascii';
  readonly seq: number;
  readonly payload: string;
}
const VECTORS = JSON.parse(
  readFileSync(join(import.meta.dirname, '../vectors/classroom.json'), 'utf8'),
) as {
  readonly client: readonly Vector[];
  readonly server: readonly Vector[];
  readonly errors: readonly { readonly text: string }[];
  readonly datagrams: readonly Datagram[];
  readonly feedback: readonly { readonly hex: string; readonly message: Message }[];
};
const SERVER = 55_003;

/** What the messages of the vectors are called here, and how they are shown. */
const FIELDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  connect: { name: 'classroom.name' },
  'msg-all': { data: 'classroom.text' },
  msg: { data: 'classroom.text', target: 'classroom.target' },
  download: { file: 'classroom.file' },
  address: { port: 'classroom.port' },
  're-request': { seqs: 'classroom.missing' },
  joined: { name: 'classroom.name' },
  left: { name: 'classroom.name' },
  said: { name: 'classroom.name', data: 'classroom.text' },
  'said-to-all': { name: 'classroom.name', data: 'classroom.text' },
  'segment-count': { count: 'classroom.parts' },
};
const SHOWN = [...new Set(Object.values(FIELDS).flatMap((names) => Object.values(names)))];

function expected(message: Message): Record<string, string> {
  const names = Object.entries(FIELDS[message.type] ?? {});
  return Object.fromEntries(
    names
      .filter(([name]) => message[name] !== undefined)
      .map(([name, field]) => [field, String(message[name])]),
  );
}

/** What was said before, so that a message makes sense. */
const BEFORE: Readonly<Record<string, readonly (readonly ['in' | 'out', string])[]>> = {
  command: [['out', 'connect|eve']],
  address: [
    ['out', 'connect|eve'],
    ['out', 'download|before'],
    ['in', '|100'],
  ],
  transfer: [
    ['out', 'connect|eve'],
    ['out', 'download|before'],
    ['in', '|100'],
    ['out', '40001'],
  ],
};

async function expectRead(vectors: readonly Vector[], direction: 'in' | 'out'): Promise<void> {
  const { folder, file } = await record(({ tcp }) => {
    for (const { text, expecting = 'command' } of vectors) {
      const connection = tcp(SERVER);
      for (const [way, before] of BEFORE[expecting] ?? []) {
        connection.data(way, Buffer.from(`${before}\n`));
      }
      connection.data(direction, Buffer.from(`${text}\n`));
    }
  });
  await using _ = folder;
  const rows = await packets(file, 'classroom.message', [
    ...['classroom.message', 'classroom.unknown', 'tcp.stream', ...SHOWN],
  ]);
  vectors.forEach(({ text, message }, index) => {
    const row = rows.filter((one) => Number(one['tcp.stream']) === index).at(-1);
    const shown = { 'classroom.message': text, 'classroom.unknown': '', ...expected(message) };
    expect({ text, ...row }).toMatchObject(shown);
  });
}

describe.skipIf(!hasTshark)('the dissector of the classroom protocol reads the vectors', () => {
  test('of what clients say', async () => {
    // Which order `msg` has cannot be told from the wire.
    const vectors = VECTORS.client.filter(({ dialect }) => dialect === undefined);
    expect(vectors.length).toBeGreaterThan(10);
    await expectRead(vectors, 'out');
  });

  test('of what servers say', async () => {
    expect(VECTORS.server.length).toBeGreaterThan(10);
    await expectRead(VECTORS.server, 'in');
  });

  test('of refusals', async () => {
    const { folder, file } = await record(({ tcp }) => {
      const connection = tcp(SERVER);
      connection.data('out', Buffer.from('connect|eve\n'));
      for (const { text } of VECTORS.errors) connection.data('in', Buffer.from(`${text}\n`));
    });
    await using _ = folder;
    const rows = await packets(file, 'classroom.refused', ['classroom.error']);
    expect(rows.map((row) => row['classroom.error'])).toEqual(
      VECTORS.errors.map(({ text }) => text),
    );
  });

  test.each(['binary', 'ascii'] as const)('of datagrams with %s numbers', async (numbering) => {
    const vectors = VECTORS.datagrams.filter((one) => one.numbering === numbering);
    expect(vectors.length).toBeGreaterThan(1);
    const { folder, file } = await record(({ tcp, came }) => {
      const connection = tcp(SERVER);
      const address = numbering === 'ascii' ? `${HERE}|40001` : '40001';
      connection.data('out', Buffer.from('connect|eve\ndownload|f\n'));
      connection.data('in', Buffer.from('|4294967295\n'));
      connection.data('out', Buffer.from(`${address}\n`));
      for (const { hex } of vectors) came(45_000, 40_001, Buffer.from(hex, 'hex'));
    });
    await using _ = folder;
    const rows = await packets(file, 'classroom.seq', ['classroom.seq', 'classroom.content']);
    expect(rows).toEqual(
      vectors.map(({ seq, payload }) => ({
        'classroom.seq': String(seq),
        'classroom.content': payload,
      })),
    );
  });

  test('of feedback', async () => {
    const fields = ['key', 'proceed', 'credit', 'newest', 'held', 'clock', 'received', 'base'];
    const { folder, file } = await record(({ tcp, udp }) => {
      const connection = tcp(SERVER);
      connection.data('out', Buffer.from('connect|eve\ndownload|f|fast=1|mtu=1500\n'));
      const options = 'fast=1|part=1467|size=100000|id=x|port=45001|key=7';
      connection.data('in', Buffer.from(`|69|${options}\n`));
      for (const { hex } of VECTORS.feedback) udp(45_001, Buffer.from(hex, 'hex'));
    });
    await using _ = folder;
    const names = [...fields, 'bitmap'].map((name) => `classroom.feedback.${name}`);
    const rows = await packets(file, 'classroom.feedback.key', names);
    expect(rows).toEqual(
      VECTORS.feedback.map(({ message: { heldFor, proceed, key, ...rest } }) => {
        const values: Record<string, unknown> = {
          ...{ ...rest, held: heldFor, proceed: proceed ? 1 : 0 },
          key: `0x${Number(key).toString(16).padStart(8, '0')}`,
        };
        return Object.fromEntries(
          [...fields, 'bitmap'].map((name) => [`classroom.feedback.${name}`, String(values[name])]),
        );
      }),
    );
  });
});

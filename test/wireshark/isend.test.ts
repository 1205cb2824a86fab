import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TemporaryFolder } from '../app/folders.ts';
import { run, WIRELAB } from '../app/programs.ts';
import { bearHostileBytes, packets } from '../support/dissectors.ts';
import { type Recording, record } from '../support/recorded.ts';
import { hasTshark } from '../support/tshark.ts';

interface Vectors {
  readonly requests: readonly { hex: string; request: { id: number; length: number } }[];
  readonly replies: readonly { hex: string; reply: { id: number; text: string } }[];
  readonly badRequests: readonly { hex: string; code: string }[];
}
const VECTORS = JSON.parse(
  readFileSync(join(import.meta.dirname, '../vectors/isend.json'), 'utf8'),
) as Vectors;
const CONNECT = Buffer.from('000000000000', 'hex');
const EXPERTS: Readonly<Record<string, string>> = {
  UNKNOWN_CODE: 'isend.unknown',
  BAD_CONTENT_FLAG: 'isend.bad_flag',
  BAD_LENGTH: 'isend.bad_length',
};

type Said = readonly [direction: 'in' | 'out', bytes: Buffer];

/** A capture of a connection for each of these conversations. */
function capture(conversations: readonly (readonly Said[])[]): Promise<Recording> {
  return record(({ tcp }) => {
    for (const conversation of conversations) {
      const connection = tcp(7770);
      for (const [direction, bytes] of conversation) connection.data(direction, bytes);
    }
  });
}

describe.skipIf(!hasTshark)('the dissector of isend', () => {
  test('reads the instructions of the vectors', async () => {
    const said = VECTORS.requests.map(({ hex, request }) =>
      Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(request.length, 'x')]),
    );
    const answers = VECTORS.replies.map(({ hex }) => Buffer.from(hex, 'hex'));
    const { folder, file } = await capture([
      ...said.map((bytes): Said[] => [
        ['out', CONNECT],
        ['out', bytes],
      ]),
      ...answers.map((bytes): Said[] => [
        ['out', CONNECT],
        ['in', bytes],
      ]),
    ]);
    await using _ = folder;
    const fields = ['isend.id', 'isend.opcode', 'isend.length', 'isend.text', 'isend.unknown'];
    const rows = await packets(
      file,
      'isend && !(isend.id == 0 && isend.opcode == 0 && tcp.seq == 1 && tcp.len == 6)',
      [...fields, ...['isend.bad_flag', 'isend.bad_length', 'tcp.stream']],
    );
    const byStream = new Map(rows.map((row) => [Number(row['tcp.stream']), row]));
    VECTORS.requests.forEach(({ hex, request }, index) => {
      if (index === 0) return;
      expect(byStream.get(index)).toMatchObject({
        'isend.id': String(request.id),
        'isend.opcode': String(Number.parseInt(hex.slice(4, 6), 16)),
        'isend.length': String(request.length),
        ...{ 'isend.unknown': '', 'isend.bad_flag': '', 'isend.bad_length': '' },
      });
    });
    VECTORS.replies.forEach(({ hex, reply }, index) => {
      expect(byStream.get(VECTORS.requests.length + index)).toMatchObject({
        'isend.id': String(reply.id),
        'isend.opcode': String(Number.parseInt(hex.slice(4, 6), 16)),
        'isend.text': reply.text,
        ...{ 'isend.unknown': '', 'isend.bad_flag': '', 'isend.bad_length': '' },
      });
    });
  });

  test('marks what is none', async () => {
    const conversations = VECTORS.badRequests.map(({ hex }): Said[] => [
      ['out', CONNECT],
      ['out', Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(0xffff)])],
    ]);
    const { folder, file } = await capture(conversations);
    await using _ = folder;
    const rows = await packets(file, Object.values(EXPERTS).join(' || '), [
      ...['tcp.stream', ...Object.values(EXPERTS), 'isend.opcode'],
    ]);
    for (const [index, { code, hex }] of VECTORS.badRequests.entries()) {
      const row = rows.find((one) => Number(one['tcp.stream']) === index);
      expect({ hex, found: row?.[EXPERTS[code] ?? ''] }).not.toEqual({ hex, found: '' });
      expect(row).toBeDefined();
    }
  });

  test('names all that a frame brings, though it ends a piece that began before', async () => {
    const instruction = (head: string, content = Buffer.alloc(0)): Buffer =>
      Buffer.concat([Buffer.from(head, 'hex'), content]);
    const bytes = Buffer.concat([
      instruction('00020b01c350', Buffer.alloc(50_000)),
      instruction('00030c000000'),
    ]);
    const { folder, file } = await capture([
      [
        ['out', CONNECT],
        ['out', instruction('00010a010001', Buffer.from('f'))],
        ['out', bytes.subarray(0, 30_000)],
        ['out', bytes.subarray(30_000)],
      ],
    ]);
    await using _ = folder;
    const rows = await packets(file, 'isend.opcode == 12', ['_ws.col.Info']);
    expect(rows.map((row) => row['_ws.col.Info'])).toEqual([
      'sender: piece of the file: f from 0 on / the file ends',
    ]);
  });

  test('follows a folder that our programs send, and bears hostile bytes', async () => {
    await using folder = await TemporaryFolder.create();
    const file = join(folder.path, 'demo.pcapng');
    expect((await run(WIRELAB, ['demo', 'isend', '--capture', file])).status).toBe(0);
    const named = await packets(file, 'isend.name', [
      'isend.name',
      'isend.ready_in',
      'isend.reply_in',
    ]);
    expect(named.map((row) => row['isend.name'])).toContain('picture.png');
    for (const row of named) {
      expect(Number(row['isend.ready_in'])).toBeGreaterThan(0);
      expect(Number(row['isend.reply_in'])).toBeGreaterThanOrEqual(Number(row['isend.ready_in']));
    }
    const pieces = await packets(file, 'isend.file == "picture.png" && isend.content', [
      ...['isend.position', 'isend.content'],
    ]);
    expect(pieces.map((row) => row['isend.position']?.split(',')[0])).toEqual([
      ...['0', '65535', '131070', '196605'],
    ]);
    const bytes = pieces.map((row) => row['isend.content']?.split(',')[0]).join('');
    expect(bytes.startsWith('89504e47')).toBe(true);
    const wrong = 'isend.unknown || isend.bad_flag || isend.bad_length || isend.unasked';
    expect(await packets(file, wrong, ['frame.number'])).toEqual([]);
    expect(await bearHostileBytes(file, 40, 'isend: ')).toBeGreaterThan(10);
  });
});

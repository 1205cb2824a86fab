import { execFile } from 'node:child_process';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
import { patternBytes, TemporaryFolder } from '../app/folders.ts';
import { run, WIRELAB } from '../app/programs.ts';
import { RunningServer } from '../app/servers.ts';
import { bearHostileBytes, packets, WITH_DISSECTORS } from '../support/dissectors.ts';
import { lossyLink } from '../support/lossy-link.ts';
import { record as recorded } from '../support/recorded.ts';
import { captureOf } from '../support/samples/list.ts';
import { hasTshark, tshark } from '../support/tshark.ts';

const FILE = patternBytes(50_000);
const PARTS = 25;

/** A download over a path that loses parts 3, 13 and 23 once and doubles part 5; as server and client saw it. */
async function record(folder: TemporaryFolder, ...flags: readonly string[]): Promise<void> {
  const at = (name: string): string => join(folder.path, name);
  await using server = await RunningServer.start(folder.path, '--capture', at('server.pcapng'));
  await using link = await lossyLink(server.port, (seq, nth) => {
    if (nth === 1 && seq % 10 === 3) return [];
    return Array.from({ length: nth === 1 && seq === 5 ? 2 : 1 }, () => ({ delay: millis(0) }));
  });
  const { status } = await run(WIRELAB, [
    ...['get', 'f.bin', '--port', String(link.port), '--yes', '--out', at('got.bin')],
    ...['--capture', at('client.pcapng'), ...flags],
  ]);
  expect(status).toBe(0);
  server.program.kill('SIGTERM');
  await server.program.exit;
}

describe.skipIf(!hasTshark)('the dissector of the classroom protocol', () => {
  describe('of a download by the rules of the document', () => {
    // Parts 0, 7 and 23 were lost, 7 twice; part 5 came twice.
    const SAMPLE_PARTS = 24;
    const file = (side: 'client' | 'server'): string =>
      captureOf(side === 'client' ? 'classroom-loss' : 'classroom-loss-server');

    test('tells the story in words', async () => {
      const rows = await packets(file('client'), 'tcp && classroom', ['_ws.col.Info']);
      // What is said in one go may come in one segment or in two.
      const told = rows.flatMap((row) => {
        const [by = '', ...words] = row['_ws.col.Info']?.split(/: | \/ /) ?? [];
        return words.map((text) => `${by}: ${text.replace(/UDP port \d+/, 'UDP port P')}`);
      });
      const story = [
        ...['ann: connect as ann', 'server: ann is connected', 'server: connected'],
        ...['ann: asks for story.txt', 'server: story.txt has 24 parts'],
        ...['ann: listens on UDP port P', 'ann: re-request 1 for 2 parts'],
        ...['ann: re-request 2 for 1 part', 'ann: proceed', 'ann: re-request 3 for 1 part'],
        ...['ann: stop', 'server: all of it was sent; its last byte is 10', 'ann: disconnect'],
      ];
      // Whoever leaves need not hear the goodbye.
      expect(told.slice(0, story.length)).toEqual(story);
    });

    test('knows of each part which it is, and whether it was sent before', async () => {
      const fields = [
        'classroom.seq',
        'classroom.part',
        'classroom.sending',
        'classroom.data.file',
      ];
      const seen = await packets(file('server'), 'udp && classroom', [
        ...fields,
        ...['classroom.retransmission', 'classroom.first', 'frame.number'],
      ]);
      expect(seen).toHaveLength(SAMPLE_PARTS + 4);
      const sent = new Map<string, string>();
      const again = new Set<string>();
      for (const row of seen) {
        const seq = row['classroom.seq'] ?? '';
        const first = sent.get(seq);
        expect(row).toMatchObject({
          'classroom.part': `${Number(seq) + 1} of ${SAMPLE_PARTS}`,
          'classroom.data.file': 'story.txt',
          'classroom.sending':
            first === undefined ? '1' : seq === '7' && again.has(seq) ? '3' : '2',
          'classroom.retransmission': first === undefined ? '0' : '1',
          'classroom.first': first ?? '',
        });
        if (first === undefined) sent.set(seq, row['frame.number'] ?? '');
        else {
          expect(['0', '7', '23']).toContain(seq);
          again.add(seq);
        }
      }
    });

    test('links a re-request to what was asked for, what answered it, and a reply to its request', async () => {
      const asked = await packets(file('client'), 'classroom.missing', [
        ...['frame.number', 'classroom.missing', 'classroom.answered_by'],
      ]);
      expect(asked.map((row) => row['classroom.missing'])).toEqual(['0,7', '7', '23']);
      const answered: string[] = [];
      for (const row of asked) {
        const filter = `classroom.asked_in == ${row['frame.number']}`;
        const answers = await packets(file('client'), filter, [
          ...['frame.number', 'classroom.seq', 'classroom.retransmission'],
        ]);
        answered.push(answers.map((one) => one['classroom.seq']).join());
        expect(answers.map((one) => one['frame.number']).join()).toBe(row['classroom.answered_by']);
        expect(answers.every((one) => one['classroom.retransmission'] === '1')).toBe(true);
      }
      // Part 7 was lost once more.
      expect(answered).toEqual(['0', '7', '23']);
      const [reply] = await packets(file('client'), 'classroom.parts', [
        ...['classroom.reply_to', 'classroom.parts'],
      ]);
      const [request] = await packets(file('client'), 'classroom.file', [
        ...['frame.number', 'classroom.reply_in'],
      ]);
      expect(reply?.['classroom.parts']).toBe(String(SAMPLE_PARTS));
      expect(reply?.['classroom.reply_to']).toBe(request?.['frame.number']);
      expect(request?.['classroom.reply_in']).not.toBe('');
    });

    test('warns of what nobody asked for, and of nothing else', async () => {
      const at = async (
        side: 'client' | 'server',
        filter: string,
      ): Promise<(string | undefined)[]> =>
        (await packets(file(side), filter, ['classroom.seq'])).map((row) => row['classroom.seq']);
      expect(await at('client', 'classroom.data.duplicate')).toEqual(['5']);
      expect(await at('client', 'classroom.data.unasked')).toEqual(['5']);
      expect(await at('client', 'classroom.data.retransmission')).toEqual(['0', '7', '23']);
      expect(await at('server', 'classroom.data.unasked')).toEqual([]);
      const others = ['data.early', 'data.range', 'incomplete', 'unknown', 'refused']
        .map((name) => `classroom.${name}`)
        .join(' || ');
      for (const side of ['client', 'server'] as const) expect(await at(side, others)).toEqual([]);
    });

    test('counts what became of the download', async () => {
      const counts = async (side: 'client' | 'server'): Promise<string[]> => {
        const args = ['-q', ...WITH_DISSECTORS, '-X', 'lua_script1:downloads', '-r', file(side)];
        const [, line = ''] = (await tshark(...args)).split('\n');
        return line.split(/ +/);
      };
      const [client, serving] = [await counts('client'), await counts('server')];
      // The client has one part twice; the server has sent what it was asked for.
      expect(client.slice(0, 6)).toEqual(['story.txt', '24', '24', '4', '4', '1']);
      expect(serving.slice(0, 6)).toEqual(['story.txt', '24', '24', '4', '4', '4']);
      expect(serving[6]).toBe(client[6]);
      expect(Number(client[8])).toBeGreaterThan(0);
    });

    test('says which parts a capture does not have', async () => {
      await using folder = await TemporaryFolder.create();
      const cut = join(folder.path, 'cut.pcapng');
      const rows = await packets(file('server'), 'classroom.seq == 8', ['frame.number']);
      await promisify(execFile)('editcap', [file('server'), cut, rows[0]?.['frame.number'] ?? '']);
      const incomplete = await packets(cut, 'classroom.incomplete', ['classroom.absent']);
      expect(incomplete).toEqual([{ 'classroom.absent': '8' }]);
    });

    test('bears hostile bytes without a Lua error', async () => {
      await using folder = await TemporaryFolder.create();
      const copy = join(folder.path, 'copy.pcapng');
      await copyFile(file('client'), copy);
      const understood = await bearHostileBytes(copy, 28, 'Classroom: ');
      expect(understood).toBeGreaterThan(SAMPLE_PARTS);
    });
  });

  test('puts messages together, and says which parts come too early, overtaken, or not at all', async () => {
    const part = (seq: number): Buffer => Buffer.from([0, 0, 0, seq, 0x3a, ...Buffer.alloc(2043)]);
    const { folder, file } = await recorded(({ tcp, came }) => {
      const connection = tcp(55_007);
      connection.data('out', Buffer.from('connect|ann\ndown'));
      connection.data('in', Buffer.from('connected\r\n'));
      connection.data('out', Buffer.from('load|f'));
      connection.data('out', Buffer.from('.bin\n'));
      connection.data('in', Buffer.from('|7\n'));
      connection.data('out', Buffer.from('40555\n'));
      for (const seq of [1, 0, 4, 2, 9]) came(45_353, 40_555, part(seq));
      connection.data('out', Buffer.from('proceed\nstop\n'));
    });
    await using _ = folder;
    const said = await packets(file, 'classroom.message', ['classroom.message']);
    expect(said.map((row) => row['classroom.message']).join(',')).toBe(
      'connect|ann,connected,download|f.bin,|7,40555,proceed,stop',
    );
    const found = await packets(file, 'udp', [
      ...['classroom.seq', 'classroom.data.file', 'classroom.data.out_of_order'],
      ...['classroom.data.early', 'classroom.data.range'],
    ]);
    const marks = found.map((row) => [
      row['classroom.seq'],
      ...['out_of_order', 'early', 'range'].filter((name) => row[`classroom.data.${name}`] !== ''),
    ]);
    // The part that came early has not overtaken the one behind it.
    expect(marks).toEqual([['1'], ['0', 'out_of_order'], ['4', 'early'], ['2'], ['9', 'range']]);
    expect(found.every((row) => row['classroom.data.file'] === 'f.bin')).toBe(true);
    const [end] = await packets(file, 'classroom.incomplete', ['classroom.absent']);
    expect(end).toEqual({ 'classroom.absent': '3,5,6' });
  });

  test('reads the fast profile, on any port', async () => {
    await using folder = await TemporaryFolder.create({ 'f.bin': FILE });
    await record(folder, '--mtu', '1500');
    const file = join(folder.path, 'client.pcapng');
    const parts = await packets(file, 'classroom.seq', ['classroom.seq', 'classroom.part']);
    const numbers = new Set(parts.map((row) => Number(row['classroom.seq'])));
    expect(numbers.size).toBe(Math.ceil(FILE.length / 1467));
    const feedback = await packets(file, 'classroom.feedback.base', [
      ...['classroom.feedback.base', 'classroom.data.file'],
    ]);
    expect(feedback.at(-1)).toEqual({
      'classroom.feedback.base': String(numbers.size),
      'classroom.data.file': 'f.bin',
    });
    expect(
      await packets(file, 'classroom.data.unasked || classroom.unknown', ['frame.number']),
    ).toEqual([]);
  });

  test('reads peers without line ends', async () => {
    await using folder = await TemporaryFolder.create({ 'f.bin': FILE });
    await using server = await RunningServer.start(folder.path);
    const file = join(folder.path, 'bare.pcapng');
    const { status, stderr } = await run(WIRELAB, [
      ...['get', 'f.bin', '--port', String(server.port), '--yes', '--bare', '--name', 'ann'],
      '--document',
      ...['--out', join(folder.path, 'got.bin'), '--capture', file],
    ]);
    expect(status, stderr).toBe(0);
    const said = await packets(file, 'classroom.message', ['classroom.message']);
    const messages = said.map((row) => row['classroom.message']);
    expect(messages).toContain('connect|ann');
    expect(messages).toContain('download|f.bin');
    expect(messages).toContain(`|${PARTS}`);
    expect(messages).toContain('proceed');
    const parts = await packets(file, 'classroom.seq', ['classroom.seq']);
    expect(new Set(parts.map((row) => row['classroom.seq'])).size).toBe(PARTS);
  });
});

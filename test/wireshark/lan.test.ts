import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { TemporaryFolder } from '../app/folders.ts';
import { run, WIRELAB } from '../app/programs.ts';
import { bearHostileBytes, packets, WITH_DISSECTORS } from '../support/dissectors.ts';
import { record } from '../support/recorded.ts';
import { captureOf } from '../support/samples/list.ts';
import { hasTshark } from '../support/tshark.ts';

interface Vector {
  readonly hex: string;
}
type Vectors = Readonly<
  Record<'presence' | 'messages' | 'understood' | 'header' | 'answers', Vector[]>
>;

function vectors(name: string): Vectors {
  const file = join(import.meta.dirname, '../vectors', `${name}.json`);
  return JSON.parse(readFileSync(file, 'utf8')) as Vectors;
}

function bytes({ hex }: Vector): Buffer {
  return Buffer.from(hex, 'hex');
}

/** The values of an object by their paths; of a list, the first. */
function flatten(value: unknown, path = ''): Record<string, string> {
  if (Array.isArray(value)) return flatten(value[0], path);
  if (typeof value !== 'object' || value === null) return { [path]: String(value) };
  return Object.assign(
    {},
    ...Object.entries(value).map(([key, inner]) => flatten(inner, path ? `${path}.${key}` : key)),
  ) as Record<string, string>;
}

/** What stands in a vector, as fields of the dissector. */
function expected(vector: Vector, protocol: string): Record<string, string> {
  const values = flatten(JSON.parse(bytes(vector).toString()));
  const shown = Object.entries(values).filter(([path]) => path !== 'more');
  return Object.fromEntries(shown.map(([path, value]) => [`${protocol}.${path}`, value]));
}

async function expectShown(file: string, protocol: string, all: readonly Vector[]): Promise<void> {
  const wanted = all.map((vector) => expected(vector, protocol));
  const fields = [...new Set(wanted.flatMap((one) => Object.keys(one)))];
  const rows = await packets(file, protocol, fields);
  expect(rows).toHaveLength(all.length);
  rows.forEach((row, index) => {
    // Of a list, only the first is compared; line ends are shown as they are escaped.
    const first = Object.entries(row).map(([key, value]) => [
      key,
      key.includes('receivers') ? value.split(',')[0] : value.replaceAll('\\n', '\n'),
    ]);
    const absent = fields.filter((field) => wanted[index]?.[field] === undefined);
    expect(Object.fromEntries(first)).toEqual({
      ...wanted[index],
      ...Object.fromEntries(absent.map((field) => [field, ''])),
    });
  });
}

describe.skipIf(!hasTshark || process.platform !== 'linux').each([
  ['sent', 8081, 8080],
  ['lanshare', 9998, 9999],
] as const)('the dissector of %s', (protocol, udpPort, tcpPort) => {
  const { presence, messages, understood = [] } = vectors(protocol);

  test('reads the vectors', async () => {
    // Each on a connection of its own: some are followed by a file.
    const all = [...messages, ...understood];
    const { folder, file } = await record(({ tcp, udp }) => {
      for (const vector of presence) udp(udpPort, bytes(vector));
      for (const vector of all) tcp(tcpPort).data('out', bytes(vector));
    });
    await using _ = folder;
    await expectShown(file, protocol, [...presence, ...all]);
    expect(await packets(file, `${protocol}.unknown`, ['frame.number'])).toEqual([]);
  });

  test('puts objects together that come in pieces, and takes those apart that come in one', async () => {
    const [first, second] = messages.filter((vector) => !/"FILE"/.test(bytes(vector).toString()));
    if (first === undefined || second === undefined) throw new Error('there are more');
    const { folder, file } = await record(({ tcp }) => {
      const pieces = tcp(tcpPort);
      for (let at = 0; at < bytes(first).length; at += 7) {
        pieces.data('out', bytes(first).subarray(at, at + 7));
      }
      tcp(tcpPort).data('out', Buffer.concat([bytes(first), bytes(second)]));
    });
    await using _ = folder;
    const info = await packets(file, protocol, ['_ws.col.Info', `${protocol}.unknown`]);
    const told = info.map((row) => row['_ws.col.Info'] ?? '').filter((text) => !/\[TCP/.test(text));
    expect(told).toHaveLength(2);
    expect(told[1]?.startsWith(`${told[0]} / `)).toBe(true);
    expect(info.every((row) => row[`${protocol}.unknown`] === '')).toBe(true);
  });

  test('follows what our programs say, and bears hostile bytes', async () => {
    await using folder = await TemporaryFolder.create();
    const file = join(folder.path, 'demo.pcapng');
    expect((await run(WIRELAB, ['demo', protocol, '--capture', file])).status).toBe(0);
    const content = `${protocol}.bytes`;
    const parts = await packets(file, content, [content, `${protocol}.position`, 'tcp.stream']);
    // A picture to each of two.
    expect(new Set(parts.map((row) => row['tcp.stream'])).size).toBe(2);
    const first = parts.filter((row) => row['tcp.stream'] === parts[0]?.['tcp.stream']);
    const whole = Buffer.from(first.map((row) => row[content]).join(''), 'hex');
    const picture = readFileSync(join(import.meta.dirname, '../../files/picture.png'));
    expect(whole.equals(picture)).toBe(true);
    let position = 0;
    for (const row of first) {
      expect(row[`${protocol}.position`]).toBe(String(position));
      position += (row[content]?.length ?? 0) / 2;
    }
    expect(await packets(file, `${protocol}.unknown`, ['frame.number'])).toEqual([]);
    const answers = await packets(file, `${protocol}.reply_to`, [
      ...['frame.number', `${protocol}.reply_to`],
    ]);
    expect(answers.length).toBeGreaterThanOrEqual(4);
    const [{ 'frame.number': number = '', [`${protocol}.reply_to`]: asked = '' } = {}] = answers;
    const request = await packets(file, `frame.number == ${asked}`, [`${protocol}.reply_in`]);
    expect(request).toEqual([{ [`${protocol}.reply_in`]: number }]);
    expect(await bearHostileBytes(file, 40, `${protocol}: `)).toBeGreaterThan(10);
  });
});

test.skipIf(!hasTshark)('what is no object on the port of sent is left to HTTP', async () => {
  const { folder, file } = await record(({ tcp }) => {
    const web = tcp(8080);
    web.data('out', Buffer.from('GET /page HTTP/1.1\r\nHost: x\r\n\r\n'));
    web.data('in', Buffer.from('HTTP/1.1 204 No Content\r\n\r\n'));
  });
  await using _ = folder;
  const rows = await packets(file, 'http', ['http.request.uri', 'http.response.code']);
  expect(rows.map((row) => Object.values(row).join(''))).toEqual(['/page', '204']);
  expect(await packets(file, 'sent', ['frame.number'])).toEqual([]);
});

test.skipIf(!hasTshark)('the folder alone is enough, among the personal plugins', async () => {
  await using home = await TemporaryFolder.create();
  const plugins = join(home.path, '.local/lib/wireshark/plugins/wirelab');
  await cp(join(import.meta.dirname, '../../wireshark/dissectors'), plugins, { recursive: true });
  const { folder, file } = await record(({ udp }) => {
    for (const vector of vectors('sent').presence) udp(8081, bytes(vector));
    for (const vector of vectors('lanshare').presence) udp(9998, bytes(vector));
  });
  await using _ = folder;
  const args = ['-r', file, '-T', 'fields', '-e', '_ws.col.Protocol'];
  const { stdout, stderr } = await promisify(execFile)('tshark', args, {
    env: { ...process.env, HOME: home.path, XDG_CONFIG_HOME: join(home.path, 'config') },
  });
  expect(stderr).not.toMatch(/lua/i);
  expect(stdout.split('\n').filter(Boolean).sort()).toEqual([
    ...['lanshare', 'lanshare', 'sent', 'sent', 'sent'],
  ]);
  // Those of the repository, besides: nothing is loaded twice, and the table is there.
  const table = [...WITH_DISSECTORS, '-X', 'lua_script1:downloads', '-q'];
  const again = await promisify(execFile)('tshark', [...table, '-r', captureOf('classroom-loss')], {
    env: { ...process.env, HOME: home.path, XDG_CONFIG_HOME: join(home.path, 'config') },
  });
  expect(again.stderr).not.toMatch(/lua/i);
  expect(again.stdout).toMatch(/^story\.txt +24 +24 /m);
});

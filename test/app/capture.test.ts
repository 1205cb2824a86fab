import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
import { freePorts } from '../net/free-ports.ts';
import { until } from '../net/waiting.ts';
import { lossyLink } from '../support/lossy-link.ts';
import { hasTshark, packetFields } from '../support/tshark.ts';
import { patternBytes, TemporaryFolder } from './folders.ts';
import { run, start, WIRELAB } from './programs.ts';
import { RunningServer } from './servers.ts';

const FILE = patternBytes(50_000);
const PARTS = 25;
const CHECKED = ['udp', 'tcp', 'ip'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]);

/**
 * Everything that Wireshark finds wrong, or worth a warning. A port that the system chose may be that of
 * another protocol, which finds nothing of its own: what is carried counts as data.
 */
async function complaints(file: string): Promise<string[][]> {
  const ports = await packetFields(file, ['tcp.port', 'udp.port']);
  const asData = ['tcp', 'udp'].flatMap((name, column) =>
    [...new Set(ports.flatMap((row) => row[column]?.split(',') ?? []))]
      .filter(Boolean)
      .flatMap((port) => ['-d', `${name}.port==${port},data`]),
  );
  const filter = '_ws.expert.severity >= 0x600000 || _ws.malformed || tcp.analysis.flags';
  const fields = ['frame.number', '_ws.expert.message'];
  return packetFields(file, fields, '-Y', filter, ...CHECKED, ...asData);
}

/** What each side said over TCP, and the payload of each datagram. */
async function conversation(file: string) {
  const rows = await packetFields(file, [
    ...['tcp.srcport', 'tcp.payload', 'udp.payload', 'frame.packet_flags_direction'],
    ...['frame.comment', 'frame.interface_name'],
  ]);
  const server = rows[1]?.[0];
  const said = (byServer: boolean): string =>
    rows
      .filter(([port]) => port !== '' && (port === server) === byServer)
      .map(([, payload]) => Buffer.from(payload ?? '', 'hex').toString('latin1'))
      .join('');
  const datagrams = rows.flatMap(([, , payload = '', direction]) =>
    payload === '' ? [] : [{ payload, direction: Number(direction) === 1 ? 'in' : 'out' }],
  );
  return {
    ...{ client: said(false), server: said(true), datagrams },
    comments: rows.map((row) => row[4] ?? '').filter(Boolean),
    interfaces: [...new Set(rows.map((row) => row[5]))],
  };
}

describe.skipIf(!hasTshark)('--capture', () => {
  test('of both sides of a download over a path with losses', async () => {
    await using folder = await TemporaryFolder.create({ 'f.bin': FILE });
    const at = (name: string): string => join(folder.path, name);
    await using server = await RunningServer.start(folder.path, '--capture', at('server.pcapng'));
    // On a busy machine the client may ask for what is still on its way.
    const passed = { sent: 0, came: 0 };
    await using link = await lossyLink(server.port, (seq, nth) => {
      const copies = nth === 1 && seq % 10 === 3 ? 0 : nth === 1 && seq === 5 ? 2 : 1;
      passed.sent += 1;
      passed.came += copies;
      return Array.from({ length: copies }, () => ({ delay: millis(0) }));
    });
    const flags = ['--yes', '--document', '--out', at('got.bin')];
    const { status, stderr } = await run(WIRELAB, [
      ...['get', 'f.bin', '--port', String(link.port), ...flags],
      ...['--capture', at('client.pcapng')],
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    server.program.kill('SIGTERM');
    await server.program.exit;
    const [client, serving] = [at('client.pcapng'), at('server.pcapng')];
    expect(await complaints(client)).toEqual([]);
    expect(await complaints(serving)).toEqual([]);
    const mine = await conversation(client);
    const its = await conversation(serving);
    // Whoever leaves need not have read the last word.
    expect(its.server.startsWith(mine.server)).toBe(true);
    // The path puts its own port in place of the client's.
    const withoutPort = (text: string): string => text.replace(/^\d{4,5}$/m, 'PORT');
    expect(withoutPort(mine.client)).toBe(withoutPort(its.client));
    expect(mine.server).toContain(`|${PARTS}\n`);
    const sent = its.datagrams.filter(({ direction }) => direction === 'out');
    const came = mine.datagrams.filter(({ direction }) => direction === 'in');
    // Parts 3, 13 and 23 were lost once and sent again; part 5 came twice.
    expect(sent).toHaveLength(passed.sent);
    expect(came).toHaveLength(passed.came);
    expect(sent.length).toBeGreaterThanOrEqual(PARTS + 3);
    expect(new Set(came.map(({ payload }) => payload)).size).toBe(PARTS);
    expect(mine.comments).toContain('a duplicate, ignored');
    expect(mine.comments).toContain('half of the file is there');
    expect(
      mine.comments.filter((text) => /^re-request \d+ for (1 part|2 parts)$/.test(text)),
    ).not.toEqual([]);
    for (const part of [3, 13, 23]) expect(its.comments).toContain(`part ${part} again, sending 2`);
    expect(mine.interfaces).toHaveLength(1);
  });

  test('of a program that was killed can be read', async () => {
    await using folder = await TemporaryFolder.create({ 'f.bin': FILE });
    const file = join(folder.path, 'killed.pcapng');
    await using server = await RunningServer.start(folder.path, '--capture', file);
    const get = ['get', 'f.bin', '--yes', '--port', String(server.port)];
    expect((await run(WIRELAB, [...get, '--out', `${file}.bin`])).status).toBe(0);
    // What was recorded is in the file soon, and whole blocks at any time.
    await until('the datagrams', async () => (await stat(file)).size > FILE.length);
    server.program.kill('SIGKILL');
    await server.program.exit;
    expect(await complaints(file)).toEqual([]);
    // The file is in it, in however many packets.
    const lengths = (await packetFields(file, ['frame.len'])).map(([length]) => Number(length));
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBeGreaterThan(FILE.length);
  });

  test('over IPv6', async () => {
    await using folder = await TemporaryFolder.create({ 'f.bin': FILE });
    const file = join(folder.path, 'six.pcapng');
    await using server = await RunningServer.start(folder.path, '--host', '::1');
    const get = ['get', 'f.bin', '--yes', '--server', '::1', '--port', String(server.port)];
    const { status } = await run(WIRELAB, [...get, '--out', `${file}.bin`, '--capture', file]);
    expect(status).toBe(0);
    expect(await complaints(file)).toEqual([]);
    const rows = await packetFields(file, ['ipv6.src', 'ipv6.dst', 'udp.length']);
    expect(rows.every((row) => row[0] === '::1' && row[1] === '::1')).toBe(true);
    expect(rows.filter(([, , length]) => length !== '')).not.toEqual([]);
  });

  test('stops at its limit with a notice, and the download goes on', async () => {
    await using folder = await TemporaryFolder.create({ 'f.bin': FILE });
    const file = join(folder.path, 'short.pcapng');
    await using server = await RunningServer.start(folder.path);
    const flags = ['--yes', '--port', String(server.port), '--out', join(folder.path, 'got.bin')];
    const { status, stderr } = await run(WIRELAB, [
      ...['get', 'f.bin', ...flags, '--capture', file, '--capture-limit', '20K'],
    ]);
    expect(status).toBe(0);
    expect(stderr).toMatch(
      /^No more is recorded in .*short\.pcapng.*: it has reached its limit\.$/m,
    );
    expect((await readFile(join(folder.path, 'got.bin'))).equals(FILE)).toBe(true);
    expect((await stat(file)).size).toBeLessThanOrEqual(20_000);
    expect(await complaints(file)).toEqual([]);
  });

  test('of both peers of sent, with their presence', async (ctx) => {
    if (process.platform !== 'linux') ctx.skip('only Linux has all of 127.0.0.0/8');
    await using folder = await TemporaryFolder.create({ 'f.bin': FILE });
    const ports = await freePorts();
    const peer = (name: string, ip: string): string[] => [
      ...['--name', name, '--ip', ip, '--broadcast', '127.255.255.255'],
      ...['--udp-port', String(ports.udpPort), '--tcp-port', String(ports.tcpPort)],
      ...['--capture', join(folder.path, `${name}.pcapng`)],
    ];
    const to = ['--to', join(folder.path, 'to'), '--accept', 'all', '--once'];
    await using bob = start(WIRELAB, ['sent', 'receive', ...to, ...peer('bob', '127.0.0.3')]);
    await bob.waitFor(/is there/);
    const send = ['sent', 'send', join(folder.path, 'f.bin'), 'bob', ...peer('ann', '127.0.0.2')];
    expect((await run(WIRELAB, send)).status).toBe(0);
    expect((await bob.exit).status).toBe(0);
    for (const name of ['ann', 'bob']) {
      const file = join(folder.path, `${name}.pcapng`);
      expect(await complaints(file)).toEqual([]);
      const rows = await packetFields(file, ['ip.dst', 'udp.payload', 'tcp.len']);
      expect(rows.some(([to, udp]) => to === '127.255.255.255' && udp !== '')).toBe(true);
      const comments = await packetFields(file, ['frame.comment'], '-Y', 'udp && frame.comment');
      expect(comments.flat()).toContain('my own, ignored');
      const bytes = rows.reduce((sum, row) => sum + Number(row[2] ?? 0), 0);
      expect(bytes).toBeGreaterThan(FILE.length);
    }
  });
});

test('--capture into a folder that is not there is told, and nothing begins', async () => {
  const file = join('nowhere', 'to', 'be.pcapng');
  const { status, stderr, stdout } = await run(WIRELAB, [
    'serve',
    '--ports',
    '0',
    '--capture',
    file,
  ]);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^error: nothing can be recorded: ENOENT.*\n$/);
});

test('--capture writes over an earlier capture, and over nothing else', async () => {
  await using folder = await TemporaryFolder.create({ mine: 'something else' });
  const at = (name: string): string => join(folder.path, name);
  const record = (file: string) => run(WIRELAB, ['get', 'f', '--port', '1', '--capture', file]);
  expect((await record(at('mine'))).stderr).toMatch(
    /^error: nothing can be recorded: .* no capture\n$/,
  );
  expect(await readFile(at('mine'), 'utf8')).toBe('something else');
  for (const _ of [1, 2]) {
    expect((await record(at('new.pcapng'))).stderr).toMatch(/ECONNREFUSED|no server|refused/i);
    expect((await readFile(at('new.pcapng'))).length).toBeGreaterThan(20);
  }
  const demo = await run(WIRELAB, ['demo', '--capture', at('no/such/folder.pcapng')]);
  expect(demo.status).toBe(1);
  expect(demo.stderr).toMatch(/^error: nothing can be recorded: there is no .*such\n$/);
});

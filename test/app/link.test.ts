import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hasTshark, packetFields } from '../support/tshark.ts';
import { patternBytes, TemporaryFolder } from './folders.ts';
import { type Program, run, start, WIRELAB } from './programs.ts';
import { RunningServer } from './servers.ts';

const PARTS = 24;
const FILE = patternBytes(2043 * PARTS - 5);

/** A link in front of a server, as a program. */
async function startLink(server: RunningServer, ...flags: readonly string[]) {
  const to = ['--listen', '127.0.0.1:0', '--server', `127.0.0.1:${server.port}`];
  const program = start(WIRELAB, ['link', ...to, ...flags]);
  const [, port = ''] = await program.waitFor(/clients connect to 127\.0\.0\.1:(\d+)/);
  return { program, port };
}

async function stop(program: Program): Promise<string> {
  program.kill('SIGINT');
  const { status } = await program.exit;
  expect(status).toBe(0);
  return program.stderr;
}

function get(port: string, ...flags: readonly string[]) {
  return run(WIRELAB, ['get', 'f.bin', '--port', port, '--yes', '--document', ...flags]);
}

describe('wirelab link', () => {
  test('lets through what its scenario says, and tells each decision', async () => {
    await using folder = await TemporaryFolder.create({ 'f.bin': FILE });
    await using server = await RunningServer.start(folder.path);
    const { program, port } = await startLink(server, '--scenario', 'every-third', '--seed', '42');
    await using _ = program;
    const out = join(folder.path, 'got.bin');
    expect((await get(port, '--out', out)).status).toBe(0);
    expect((await readFile(out)).equals(FILE)).toBe(true);
    const output = await stop(program);
    expect(output).toContain('every-third: every third part is lost once');
    expect(output).toContain('--seed 42 repeats');
    expect(output.match(/dropped: seed 42, part \d+, sending 1$/gm)).toHaveLength(PARTS / 3);
    expect(output).toMatch(new RegExp(`\\d+ datagrams to the client: ${PARTS / 3} dropped`));
  });

  test.skipIf(!hasTshark)('records both sides, with each decision as a comment', async () => {
    await using folder = await TemporaryFolder.create({ 'f.bin': FILE });
    const capture = join(folder.path, 'link.pcapng');
    await using server = await RunningServer.start(folder.path);
    const faults = ['--rule', 'drop seq=7 times=2', '--rule', 'duplicate seq=3 times=1'];
    const { program, port } = await startLink(
      server,
      ...faults,
      '--seed',
      '5',
      '--capture',
      capture,
    );
    await using _ = program;
    expect((await get(port, '--out', join(folder.path, 'got.bin'))).status).toBe(0);
    await stop(program);
    const rows = await packetFields(
      capture,
      ['udp.srcport', 'udp.dstport', 'udp.payload', 'frame.comment'],
      ...['-Y', 'udp'],
    );
    const comments = rows.map((row) => row[3]).filter((text) => text !== '');
    expect(comments).toEqual([
      'duplicated: seed 5, part 3, sending 1',
      'dropped: seed 5, part 7, sending 1',
      'dropped: seed 5, part 7, sending 2',
    ]);
    // What has a comment came from the server; all but the two that were dropped went on, one of them twice.
    const linkPort = rows[0]?.[1];
    const came = rows.filter(([, to]) => to === linkPort).length;
    const went = rows.filter(([from]) => from === linkPort).length;
    expect(came).toBeGreaterThanOrEqual(PARTS + 2);
    expect(went).toBe(came - 2 + 1);
    const streams = await packetFields(capture, ['tcp.stream'], '-Y', 'tcp');
    expect(new Set(streams.map(([stream]) => stream)).size).toBe(2);
    const complaints = await packetFields(capture, ['frame.number'], '-Y', 'tcp.analysis.flags');
    expect(complaints).toEqual([]);
  });

  test('takes a scenario from a file, and flags before it', async () => {
    await using folder = await TemporaryFolder.create({
      'f.bin': FILE,
      'mine.yaml': 'about: mine\nto-client:\n  loss: 100%\n  rules: [drop seq=2 times=1]\n',
    });
    await using server = await RunningServer.start(folder.path);
    const mine = ['--scenario', join(folder.path, 'mine.yaml'), '--loss', '0'];
    const { program, port } = await startLink(server, ...mine);
    await using _ = program;
    expect((await get(port, '--out', join(folder.path, 'got.bin'))).status).toBe(0);
    const output = await stop(program);
    expect(output).toContain('mine.yaml: mine');
    expect(output.match(/dropped: seed \d+, part 2, sending 1$/gm)).toHaveLength(1);
  });

  test('names the ready scenarios, and shows one that can be used as a file', async () => {
    await using folder = await TemporaryFolder.create({});
    const list = await run(WIRELAB, ['link', '--list']);
    expect(list.stdout).toMatch(/^clean +a path without faults$/m);
    const shown = await run(WIRELAB, ['link', '--show', 'wifi']);
    expect(shown.stdout).toContain('burst: 1%/40%/70%');
    const lost = await run(WIRELAB, ['link', '--scenario', join(folder.path, 'no.yaml')]);
    expect(lost.status).toBe(2);
    expect(lost.stderr).toMatch(/there is no scenario '.*no\.yaml', and no file of that name/);
  });

  test.each([
    [['--loss', '120%'], 'to-client: loss has to be a share'],
    [['--rule', 'lose it'], "the rule 'lose it' is not understood"],
    [['--tcp', 'break-at=soon'], 'break-at has to be a moment'],
    [['--to-server', 'loss'], 'write it like loss=5%'],
    [['--listen', 'nowhere'], 'Give an address and a port'],
    [['--seed', 'x'], 'Give a number'],
    [['--break-at', 'foo'], 'break-at has to be a moment'],
    [['--show', 'nosuch'], "there is no scenario 'nosuch'; see --list"],
  ])('refuses %j in one line', async (flags, words) => {
    const { status, stderr } = await run(WIRELAB, ['link', ...flags]);
    expect(status).toBe(2);
    expect(stderr).toContain(words);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { extractFiles } from '../../lib/app/extraction.ts';
import { millis } from '../../lib/core/brands.ts';
import { lossyLink } from '../support/lossy-link.ts';
import { record } from '../support/recorded.ts';
import { hasTshark } from '../support/tshark.ts';
import { patternBytes, TemporaryFolder } from './folders.ts';
import { type Finished, run, WIRELAB } from './programs.ts';
import { RunningServer } from './servers.ts';

const FILE = patternBytes(50_000);

/** A download in which every tenth part is lost once, as both sides have recorded it. */
async function recordDownload(folder: string, ...flags: readonly string[]): Promise<void> {
  const at = (name: string): string => join(folder, name);
  await using server = await RunningServer.start(folder, '--capture', at('server.pcapng'));
  await using link = await lossyLink(server.port, (seq, nth) =>
    seq % 10 === 3 && nth === 1 ? [] : [{ delay: millis(0) }],
  );
  const got = await run(WIRELAB, [
    ...['get', 'f.bin', '--port', String(link.port), '--yes', '--out', at('got.bin')],
    ...['--capture', at('client.pcapng'), ...flags],
  ]);
  expect(got.status).toBe(0);
  server.program.kill('SIGTERM');
  await server.program.exit;
}

interface Extracted {
  readonly status: number;
  readonly stdout: string;
}

/** What the program does, without starting one. */
async function extract(capture: string, to: string): Promise<Extracted> {
  const lines: string[] = [];
  const areWhole = await extractFiles(capture, to, (line) => void lines.push(`${line}\n`));
  return { status: areWhole ? 0 : 1, stdout: lines.join('') };
}

function extractByProgram(capture: string, to: string): Promise<Finished> {
  return run(WIRELAB, ['extract', capture, '--to', to]);
}

describe.each([
  ['by the rules of the document', ['--document']],
  ['in the fast profile', ['--mtu', '1500']],
  ['without line ends', ['--document', '--bare', '--name', 'ann']],
])('a download %s', (_, flags) => {
  let folder: TemporaryFolder;
  const at = (name: string): string => join(folder.path, name);
  beforeAll(async () => {
    folder = await TemporaryFolder.create({ 'f.bin': FILE });
    if (flags.includes('--bare')) {
      await using server = await RunningServer.start(folder.path, '--capture', at('server.pcapng'));
      const args = ['get', 'f.bin', '--port', String(server.port), '--yes', '--out', at('got.bin')];
      await run(WIRELAB, [...args, '--capture', at('client.pcapng'), ...flags]);
      server.program.kill('SIGTERM');
      await server.program.exit;
    } else await recordDownload(folder.path, ...flags);
    return () => folder[Symbol.asyncDispose]();
  });

  test.each(['client', 'server'])('is whole beside the %s', async (side) => {
    const to = at(`to-${side}`);
    const { status, stdout } = await (side === 'client' ? extractByProgram : extract)(
      at(`${side}.pcapng`),
      to,
    );
    expect(stdout).toMatch(
      /^f\.bin \(classroom, 127\.0\.0\.1:\d+ to 127\.0\.0\.1:\d+\): whole, saved as .*f\.bin\n$/,
    );
    expect(status).toBe(0);
    expect(readdirSync(to)).toEqual(['f.bin']);
    expect(readFileSync(join(to, 'f.bin')).equals(FILE)).toBe(true);
  });
});

describe('a capture', () => {
  let folder: TemporaryFolder;
  const at = (name: string): string => join(folder.path, name);
  beforeAll(async () => {
    folder = await TemporaryFolder.create({ 'f.bin': FILE });
    await recordDownload(folder.path, '--mtu', '1500');
    return () => folder[Symbol.asyncDispose]();
  });

  test('whose file was changed on its way, is found out by the hash', async () => {
    const bytes = readFileSync(at('client.pcapng'));
    const place = bytes.indexOf(FILE.subarray(20_000, 20_050));
    bytes[place] = (bytes[place] ?? 0) ^ 1;
    writeFileSync(at('other.pcapng'), bytes);
    const { status, stdout } = await extract(at('other.pcapng'), at('to'));
    expect(stdout).toMatch(
      /it is not the file that was announced: its SHA256 is another; kept as .*f\.bin\.part\n$/,
    );
    expect(status).toBe(1);
    expect(readdirSync(at('to'))).toEqual(['f.bin.part']);
  });

  test.skipIf(!hasTshark)('that lacks parts is told of, and what there is kept', async () => {
    // The last quarter of the frames is cut off.
    await promisify(execFile)('editcap', ['-r', at('client.pcapng'), at('cut.pcapng'), '1-30']);
    const { status, stdout } = await extract(at('cut.pcapng'), at('to-cut'));
    const [, missing, of] = /not in the capture: (\d+) of (\d+) parts \(\d+[,–]/.exec(stdout) ?? [];
    expect(Number(of)).toBe(Math.ceil(FILE.length / 1467));
    expect(Number(missing)).toBeGreaterThan(5);
    expect(status).toBe(1);
    const part = readFileSync(at('to-cut/f.bin.part'));
    expect(part.subarray(0, 1467).equals(FILE.subarray(0, 1467))).toBe(true);
  });

  test('twice into one folder: what is there stays', async () => {
    await extract(at('client.pcapng'), at('twice'));
    writeFileSync(at('twice/f.bin'), 'mine');
    writeFileSync(at('twice/f.bin.part'), 'mine, too');
    const { status } = await extract(at('client.pcapng'), at('twice'));
    expect(status).toBe(0);
    expect(readdirSync(at('twice')).sort()).toEqual(['f (1).bin', 'f.bin', 'f.bin.part']);
    expect(readFileSync(at('twice/f.bin'), 'utf8')).toBe('mine');
    expect(readFileSync(at('twice/f.bin.part'), 'utf8')).toBe('mine, too');
    expect(readFileSync(at('twice/f (1).bin')).equals(FILE)).toBe(true);
  });

  test.each(['../../out.txt', '/etc/out.txt', 'x\u001b[2J'])(
    'with a file called %j: it stays in its folder',
    async (name) => {
      const { folder: other, file } = await record(({ tcp, came }) => {
        const connection = tcp(55_000);
        const say = (text: string): void => connection.data('out', Buffer.from(`${text}\n`));
        for (const text of ['connect|ann', `download|${name}`]) say(text);
        connection.data('in', Buffer.from('connected\n|1\n'));
        say('40555');
        came(45_000, 40_555, Buffer.from('\0\0\0\0:content'));
      });
      await using _ = other;
      const to = join(other.path, 'deep/to');
      const { status, stdout } = await extract(file, to);
      expect(status).toBe(0);
      expect(stdout).not.toContain('\u001b');
      const [saved = '', ...more] = readdirSync(to);
      expect(more).toEqual([]);
      expect(saved).toMatch(/^[^.\\][^\\]*$/);
      expect(readFileSync(join(to, saved), 'utf8')).toBe('content');
      expect(readdirSync(join(other.path, 'deep'))).toEqual(['to']);
    },
  );

  test('that is none, or shows none, gets a clear word', async () => {
    const { folder: other, file } = await record(({ udp }) => udp(5000, Buffer.from('x')));
    await using _ = other;
    const said = async (path: string, to: string): Promise<string> => {
      const { status, stderr } = await extractByProgram(path, to);
      return `${status} ${stderr.trim()}`;
    };
    expect(await said(file, at('to'))).toMatch(/^1 error: .* shows no file that was transferred$/);
    expect(await said(at('f.bin'), at('to'))).toMatch(/^1 error: .*f\.bin: it is no capture/);
    expect(await said(at('none'), at('to'))).toMatch(/^1 error: .*none.* ENOENT/);
    expect(await said(at('client.pcapng'), at('f.bin'))).toMatch(/^1 error: .*(EEXIST|ENOTDIR)/);
  });
});

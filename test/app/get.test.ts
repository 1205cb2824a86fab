import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { patternBytes, TemporaryFolder } from './folders.ts';
import { HoldingPath } from './holding-path.ts';
import { type Finished, type ProgramOptions, run, start, WIRELAB } from './programs.ts';
import { RunningServer } from './servers.ts';

const SOME = patternBytes(50_000);

let files: TemporaryFolder;
let server: RunningServer;

beforeAll(async () => {
  files = await TemporaryFolder.create({
    'some.bin': SOME,
    'short.txt': 'one part',
    'empty.txt': '',
  });
  server = await RunningServer.start(files.path);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await files[Symbol.asyncDispose]();
});

/** `wirelab get` from the test's server, run in `cwd`. */
function get(args: readonly string[], options: ProgramOptions): Promise<Finished> {
  return run(WIRELAB, ['get', '--port', String(server.port), ...args], options);
}

describe.concurrent('wirelab get', () => {
  it('saves the file here and prints where, and nothing else', async () => {
    await using folder = await TemporaryFolder.create();
    const cwd = folder.path;
    const { status, stdout, stderr } = await get(['some.bin', '--yes'], { cwd });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe(`${join(cwd, 'some.bin')}\n`);
    expect((await readFile(join(cwd, 'some.bin'))).equals(SOME)).toBe(true);
    expect(await readdir(cwd)).toEqual(['some.bin']);
  });

  it('needs no --yes for a file of one part or none', async () => {
    await using folder = await TemporaryFolder.create();
    const cwd = folder.path;
    for (const file of ['short.txt', 'empty.txt']) {
      expect((await get([file], { cwd })).status).toBe(0);
    }
    expect(await readFile(join(cwd, 'short.txt'), 'utf8')).toBe('one part');
    expect(await readFile(join(cwd, 'empty.txt'), 'utf8')).toBe('');
  });

  it('saves to the file or the folder that --out names', async () => {
    await using folder = await TemporaryFolder.create();
    const cwd = folder.path;
    await mkdir(join(cwd, 'there'));
    const targets = [
      ['renamed.txt', 'renamed.txt'],
      ['there', 'there/short.txt'],
      ['new/', 'new/short.txt'],
      [join(cwd, 'deep', 'er.txt'), 'deep/er.txt'],
    ] as const;
    for (const [out, path] of targets) {
      const { status, stdout } = await get(['short.txt', '--out', out], { cwd });
      expect({ status, stdout }).toEqual({ status: 0, stdout: `${join(cwd, path)}\n` });
      expect(await readFile(join(cwd, path), 'utf8')).toBe('one part');
    }
  });

  it('refuses to replace an existing file', async () => {
    await using folder = await TemporaryFolder.create({ 'short.txt': 'do not lose this' });
    const cwd = folder.path;
    const { status, stdout, stderr } = await get(['short.txt'], { cwd });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toBe(
      `error: ${join(cwd, 'short.txt')} is there already; --out names another place\n`,
    );
    expect(await readFile(join(cwd, 'short.txt'), 'utf8')).toBe('do not lose this');
    expect(await readdir(cwd)).toEqual(['short.txt']);
  });

  it('says that the server has no such file, and leaves nothing behind', async () => {
    await using folder = await TemporaryFolder.create();
    const { status, stderr } = await get(['../no-such.bin'], { cwd: folder.path });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: Can't download\. File not found\.?\n$/);
    expect(await readdir(folder.path)).toEqual([]);
  });

  it('says that no server is there', async () => {
    await using gone = await RunningServer.start(files.path);
    await gone.program[Symbol.asyncDispose]();
    const { status, stderr } = await run(WIRELAB, ['get', 'a', '--port', String(gone.port)]);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      new RegExp(`^error: No server listens on 127\\.0\\.0\\.1:${gone.port}\\..*\n$`),
    );
  });

  it('says that the name is taken', async () => {
    await using folder = await TemporaryFolder.create();
    await using alice = start(WIRELAB, ['chat', ...server.route, '--name', 'alice']);
    await alice.waitFor(/^connected$/m);
    const { status, stderr } = await get(['short.txt', '--name', 'alice'], { cwd: folder.path });
    expect(status).toBe(1);
    expect(stderr).toBe("error: can't connect. Name is taken. Try another\n");
  });
});

describe.concurrent('wirelab get at 50 %', () => {
  it('stops without --yes when nobody answers, and keeps what came', async () => {
    await using folder = await TemporaryFolder.create();
    const { status, stdout, stderr } = await get(['some.bin', '--document'], { cwd: folder.path });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^error: stopped \(--yes goes on at 50 %\)/m);
    expect(stderr).toMatch(/What came is kept in .*some\.bin\.part: 12 of 25 parts, 24\.5 kB/m);
    expect(stderr).not.toContain('\x1b');
    expect(await readdir(folder.path)).toEqual(['some.bin.part']);
  });

  it('takes the answer from a pipe', async () => {
    await using folder = await TemporaryFolder.create();
    const args = ['get', 'some.bin', '--port', String(server.port)];
    await using program = start(WIRELAB, args, { cwd: folder.path });
    program.endInput('proceed');
    const { status, stdout } = await program.exit;
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${join(folder.path, 'some.bin')}\n` });
  });

  it('begins anew over what an earlier attempt left', async () => {
    await using folder = await TemporaryFolder.create();
    const cwd = folder.path;
    expect((await get(['some.bin', '--document'], { cwd })).status).toBe(1);
    expect((await get(['some.bin', '--yes', '--document'], { cwd })).status).toBe(0);
    expect(await readdir(cwd)).toEqual(['some.bin']);
    expect((await readFile(join(cwd, 'some.bin'))).equals(SOME)).toBe(true);
  });
});

describe.concurrent('wirelab get and signals', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'keeps what came at %s, without a lock',
    async (signal) => {
      await using folder = await TemporaryFolder.create();
      await using path = await HoldingPath.start(server.port, 11);
      const args = ['get', 'some.bin', '--yes', '--document', '--port', String(path.port)];
      await using program = start(WIRELAB, args, { cwd: folder.path });
      await path.wasAskedAgain();
      expect((await readdir(folder.path)).sort()).toEqual(['some.bin.part', 'some.bin.part.lock']);
      program.kill(signal);
      const { status, stdout, stderr } = await program.exit;
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toMatch(/What came is kept in .*some\.bin\.part: 11 of 25 parts/);
      expect(await readdir(folder.path)).toEqual(['some.bin.part']);
      const kept = await readFile(join(folder.path, 'some.bin.part'));
      expect(kept.equals(SOME.subarray(0, 11 * 2043))).toBe(true);
    },
  );

  it('refuses a second download to the same place, until the first is gone', async () => {
    await using folder = await TemporaryFolder.create();
    const cwd = folder.path;
    await using path = await HoldingPath.start(server.port, 11);
    const args = ['get', 'some.bin', '--yes', '--document', '--port', String(path.port)];
    await using first = start(WIRELAB, args, { cwd });
    await path.wasAskedAgain();
    const second = await get(['some.bin', '--yes'], { cwd });
    expect(second.status).toBe(1);
    expect(second.stderr).toMatch(/^error: .*is being downloaded here by process \d+/);
    // Killed, it cannot take its lock with it; the next one sees that nobody holds it.
    first.kill('SIGKILL');
    await first.exit;
    expect((await get(['some.bin', '--yes'], { cwd })).status).toBe(0);
    expect(await readdir(cwd)).toEqual(['some.bin']);
  });
});

describe.concurrent('wirelab get, cut off', () => {
  it('goes on after it was killed at the question at 50 %', async () => {
    await using folder = await TemporaryFolder.create();
    const cwd = folder.path;
    await using program = start(WIRELAB, ['get', 'some.bin', '--port', String(server.port)], {
      cwd,
    });
    // Nobody answers, and what came fills no block.
    await folder.shows('some.bin.part.state');
    program.kill('SIGKILL');
    await program.exit;
    const { status, stderr } = await get(['some.bin', '--yes'], { cwd });
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: 'Going on with some.bin: 1 of 2 parts are here already.\n',
    });
    expect(await readdir(cwd)).toEqual(['some.bin']);
  });

  it('says so in a line when what is in its way cannot be removed', async () => {
    await using folder = await TemporaryFolder.create();
    const cwd = folder.path;
    await mkdir(join(cwd, 'some.bin.part.state'));
    const { status, stderr } = await get(['some.bin', '--yes'], { cwd });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: .*some\.bin\.part\.state'?\n$/);
    expect(await readdir(cwd)).toEqual(['some.bin.part.state']);
  });

  it('goes on where it was, and says so', async () => {
    await using folder = await TemporaryFolder.create();
    const cwd = folder.path;
    // Nobody answers at 50 %.
    expect((await get(['some.bin'], { cwd })).status).toBe(1);
    expect((await readdir(cwd)).sort()).toEqual(['some.bin.part', 'some.bin.part.state']);
    const { status, stderr } = await get(['some.bin', '--yes'], { cwd });
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: 'Going on with some.bin: 1 of 2 parts are here already.\n',
    });
    expect(await readdir(cwd)).toEqual(['some.bin']);
    expect((await readFile(join(cwd, 'some.bin'))).equals(SOME)).toBe(true);
  });
});

import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { patternBytes, TemporaryFolder } from './folders.ts';
import { HoldingPath } from './holding-path.ts';
import { type Finished, start, WIRELAB } from './programs.ts';
import { RunningServer, routeTo, startOnDocumentPort } from './servers.ts';

const SOME = patternBytes(50_000);

let files: TemporaryFolder;
let server: RunningServer;

beforeAll(async () => {
  files = await TemporaryFolder.create({ 'some.bin': SOME, 'short.txt': 'one part' });
  server = await RunningServer.start(files.path);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await files[Symbol.asyncDispose]();
});

let users = 0;

/** A name that no other test has: they run at the same time, on one server. */
function newName(): string {
  users += 1;
  return `user-${users}`;
}

/** A whole session whose lines are there from the beginning. */
async function session(flags: readonly string[], ...lines: readonly string[]): Promise<Finished> {
  await using client = start(WIRELAB, ['chat', ...flags]);
  client.endInput(...lines);
  return await client.exit;
}

describe.concurrent('a session in a pipe', () => {
  it('answers the three questions and obeys commands, a line each', async () => {
    await using there = await startOnDocumentPort();
    const { stdout, stderr, status } = await session(
      [],
      '10.1',
      there.host,
      there.host,
      '80',
      String(there.port),
      'connect',
      'alice',
      'get_users',
      'hello',
      '',
      'disconnect',
    );
    expect(stderr).toBe('');
    const said = stdout.split('\n');
    expect(said).toContain('The local IP address to connect from [any]: 10.1');
    expect(stdout).toMatch(/^That is no IP address\. This machine has: /m);
    expect(said).toContain(`The server's IP address [127.0.0.1]: ${there.host}`);
    expect(stdout).toMatch(/^The port is a number from 55000 to 55015\./m);
    expect(said).toContain('Your name: alice');
    expect(said).toContain('users: [alice]');
    expect(said).toContain('alice (to all): hello');
    expect(said).toContain('disconnected');
    expect(status).toBe(0);
  });

  it('downloads without a bar and without escape sequences', async () => {
    await using folder = await TemporaryFolder.create();
    const flags = [...server.route, '--to', folder.path];
    const download = ['download', 'some.bin', 'proceed', 'renamed.bin'];
    const name = newName();
    const { stdout, stderr, status } = await session(flags, 'connect', name, ...download);
    expect(status).toBe(0);
    expect((await readFile(join(folder.path, 'renamed.bin'))).equals(SOME)).toBe(true);
    expect(stdout).toContain('To stop, write anything else: proceed\n');
    expect(stdout).toMatch(/^Saved as .*renamed\.bin\.$/m);
    expect(stdout).toContain(
      `User ${name} downloaded 100% out of file. Last byte is: ${SOME.at(-1)}\n`,
    );
    expect(stdout + stderr).not.toContain('\x1b');
    expect(stdout + stderr).not.toContain('[#');
    expect(stdout + stderr).not.toContain('left\n');
  });

  it('shows what a peer sends without its escape sequences', async () => {
    const lines = ['\x1b[2Jboo', ''];
    const { stdout, status } = await session([...server.route, '--name', 'eve'], ...lines);
    expect(status).toBe(0);
    expect(stdout).toContain('eve (to all): \\x1b[2Jboo\n');
  });

  it('overwrites an existing file only after a yes', async () => {
    await using folder = await TemporaryFolder.create({ 'mine.txt': 'do not lose this' });
    const flags = [...server.route, '--name', newName(), '--to', folder.path];
    const no = await session(flags, 'download', 'short.txt', 'mine.txt', 'no', 'other.txt');
    expect(no.status).toBe(0);
    expect(await readFile(join(folder.path, 'mine.txt'), 'utf8')).toBe('do not lose this');
    expect(await readFile(join(folder.path, 'other.txt'), 'utf8')).toBe('one part');
    const yes = await session(flags, 'download', 'short.txt', 'mine.txt', 'yes');
    expect(yes.status).toBe(0);
    expect(await readFile(join(folder.path, 'mine.txt'), 'utf8')).toBe('one part');
  });

  it('keeps a file for which the script has no name left, and overwrites nothing', async () => {
    await using folder = await TemporaryFolder.create({ 'short.txt': 'do not lose this' });
    const flags = [...server.route, '--name', newName(), '--to', folder.path];
    const { stdout, status } = await session(flags, 'download', 'short.txt');
    expect(stdout).toMatch(/short\.txt is there already; what came is kept in .*short\.txt\.part/);
    expect(status).toBe(1);
    expect(await readFile(join(folder.path, 'short.txt'), 'utf8')).toBe('do not lose this');
    expect(await readFile(join(folder.path, 'short.txt.part'), 'utf8')).toBe('one part');
  });
});

it('a download that cannot be begun is told, and the session goes on', async () => {
  await using folder = await TemporaryFolder.create();
  await mkdir(join(folder.path, 'short.txt.part.state'));
  const fast = server.route.filter((flag) => flag !== '--document');
  const flags = [...fast, '--name', newName(), '--to', folder.path];
  const { stdout, stderr, status } = await session(flags, 'download', 'short.txt', 'hello', '');
  expect(stdout).toMatch(/^Download failed: .*short\.txt\.part\.state'?\.$/m);
  expect(stdout).toMatch(/ \(to all\): hello$/m);
  expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
  expect(await readdir(folder.path)).toEqual(['short.txt.part.state']);
});

describe.concurrent('the end of the input', () => {
  it('leaves with status 0, before the questions, within them, and at the prompt', async () => {
    expect((await session([])).status).toBe(0);
    expect((await session([], '', '')).status).toBe(0);
    const { status, stdout } = await session(server.route, 'get_users');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^users: \[.*\]$/m);
    expect(stdout).toMatch(/\ndisconnected\n$/);
  });

  it('stops a download at the question at 50 %, and keeps what came', async () => {
    await using folder = await TemporaryFolder.create();
    const flags = [...server.route, '--name', newName(), '--to', folder.path];
    const { stdout, status } = await session(flags, 'download', 'some.bin');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^What came is kept in .*some\.bin\.part: 12 of 25 parts, 24\.5 kB/m);
    expect(await readdir(folder.path)).toEqual(['some.bin.part']);
  });
});

describe.concurrent('the exit status', () => {
  it('is 1 when no server is there', async () => {
    // A port that was just given back: nobody listens there.
    await using gone = await RunningServer.start(files.path);
    await gone.program[Symbol.asyncDispose]();
    const { stdout, status } = await session(gone.route, 'get_users');
    expect(stdout).toContain(`No server listens on 127.0.0.1:${gone.port}.`);
    expect(status).toBe(1);
  });

  it('is 1 when the name of --name is taken', async () => {
    await using bob = start(WIRELAB, ['chat', ...server.route, '--name', 'bob']);
    await bob.waitFor(/^connected$/m);
    const { stdout, status } = await session([...server.route, '--name', 'bob'], 'get_users');
    expect(stdout).toContain("can't connect. Name is taken. Try another\n");
    expect(status).toBe(1);
  });

  it('is 1 when a file is not there', async () => {
    const flags = [...server.route, '--name', newName()];
    const { stdout, status } = await session(flags, 'download', 'no-such.bin');
    expect(stdout).toContain("Can't download. File not found\n");
    expect(status).toBe(1);
  });

  it('is 1 when the server goes away', async () => {
    await using doomed = await RunningServer.start(files.path);
    await using client = start(WIRELAB, ['chat', ...doomed.route, '--name', newName()]);
    await client.waitFor(/^connected$/m);
    doomed.program.kill('SIGKILL');
    const { stdout, status } = await client.exit;
    expect(stdout).toMatch(/^The server closed the connection/m);
    expect(status).toBe(1);
  });

  it('does not come before another server is chosen, when the first goes away', async () => {
    await using doomed = await startOnDocumentPort();
    await using client = start(WIRELAB, ['chat']);
    client.enter(doomed.host, doomed.host, String(doomed.port), 'get_users');
    await client.waitFor(/^users: \[\]$/m);
    await doomed[Symbol.asyncDispose]();
    await client.waitFor(/^The server closed the connection/m);

    await using second = await startOnDocumentPort();
    client.endInput(second.host, second.host, String(second.port), 'get_list_file');
    const { stdout } = await client.exit;
    // The first line is the answer to the first question, not a command for who is gone.
    expect(stdout).toMatch(/closed the connection.*\nThe local IP address to connect from .*: /);
    expect(stdout).toMatch(/^files: \[.*\]$/m);
  });

  it('is 0 after SIGTERM, SIGINT and SIGHUP, which leave in good order', async () => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      await using client = start(WIRELAB, ['chat', ...server.route, '--name', newName()]);
      await client.waitFor(/^connected$/m);
      client.kill(signal);
      const { stdout, status } = await client.exit;
      expect(stdout).toMatch(/\ndisconnected\n$/);
      expect(status).toBe(0);
    }
  });
});

describe.concurrent('a signal during a download', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    '%s keeps what came and frees its name',
    async (signal) => {
      await using folder = await TemporaryFolder.create();
      await using path = await HoldingPath.start(server.port, 11);
      const flags = [...routeTo(path.port), '--name', newName(), '--to', folder.path];
      await using client = start(WIRELAB, ['chat', ...flags]);
      client.enter('download', 'some.bin');
      await path.wasAskedAgain();
      client.kill(signal);
      const { stdout } = await client.exit;
      expect(stdout).toMatch(/^What came is kept in .*some\.bin\.part: 11 of 25 parts/m);
      expect(await readdir(folder.path)).not.toContain('some.bin.part.lock');
      expect(await readdir(folder.path)).not.toContain('some.bin');
    },
  );
});

import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ChatSession } from '../../lib/app/chat-session.ts';
import { UserError } from '../../lib/app/exit-status.ts';
import { getCommand } from '../../lib/app/get.ts';
import { LineReader } from '../../lib/terminal/line-reader.ts';
import { TemporaryFolder } from './folders.ts';
import { CLIENT, openTerminal, start, WIRELAB } from './programs.ts';
import { RunningServer, routeTo } from './servers.ts';
import { DeafServer, SilentServer } from './silent-servers.ts';

const NO_ANSWER = 'the server did not answer for 30 seconds';

describe('a server that takes the connection and says nothing is left after 30 seconds', () => {
  // The sockets are real, only the time is not.
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Lets time go by until `ended`, and says how much it was, in seconds. */
  async function secondsUntil(ended: Promise<unknown>): Promise<number> {
    let over = false;
    ended.finally(() => {
      over = true;
    });
    for (let time = 0; ; time += 100) {
      // What has been rung for is done before time goes on.
      for (let turns = 0; turns < 20; turns += 1) await turn();
      if (over) return Math.floor(time / 1000);
      vi.advanceTimersByTime(100);
    }
  }

  it.each([
    ['', []],
    ['by the document’s rules', ['--document']],
    ['without line ends', ['--bare']],
  ])('by get %s', async (_name, flags) => {
    await using folder = await TemporaryFolder.create();
    await using server = await SilentServer.start();
    const args = ['f', '--port', String(server.port), '--out', `${folder.path}/`, ...flags];
    const ended = getCommand()
      .parseAsync(args, { from: 'user' })
      .catch((error: unknown) => error);
    await server.hears(/^connect\|/);
    expect(await secondsUntil(ended)).toBe(30);
    const error = await ended;
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({ message: NO_ANSWER });
  });

  it('by the chat client', async () => {
    await using server = await SilentServer.start();
    const output = new PassThrough({ encoding: 'utf8' });
    const session = new ChatSession({
      route: { from: '127.0.0.1', server: '127.0.0.1', port: server.port },
      name: 'alice',
      folder: '.',
      yes: false,
      framing: 'line',
      fast: undefined,
      makeDialogue: () => new LineReader(new PassThrough(), output),
      interactive: false,
    });
    const ended = session.run();
    await server.hears(/^connect\|/);
    expect(await secondsUntil(ended)).toBe(30);
    expect(await ended).toBe('lost');
    expect(output.read()).toMatch(new RegExp(`\nLeft the server: ${NO_ANSWER}\\.\n$`));
  });
});

describe('the first signal ends a client', () => {
  it.each([
    ['SIGINT', []],
    ['SIGTERM', ['--document']],
    ['SIGHUP', ['--bare']],
  ] as const)('get, at %s, while the server does not answer (%j)', async (signal, flags) => {
    await using server = await SilentServer.start();
    await using program = start(WIRELAB, ['get', 'f', '--port', String(server.port), ...flags]);
    await server.hears(/^connect\|/);
    program.kill(signal);
    const { status, stdout, stderr } = await program.exit;
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: '',
      stderr: 'error: stopped\n',
    });
  });

  it('get, while the user is asked at 50 % and says nothing; the next one goes on', async () => {
    await using files = await TemporaryFolder.create({ 'some.bin': Buffer.alloc(200_000, 'x') });
    await using folder = await TemporaryFolder.create();
    await using server = await RunningServer.start(files.path);
    const args = ['get', 'some.bin', '--mtu', '1500', '--port', String(server.port)];
    await using program = start(WIRELAB, args, { cwd: folder.path });
    await folder.shows('some.bin.part.state');
    program.kill('SIGTERM');
    const { status, stderr } = await program.exit;
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: stopped .*What came is kept in .*some\.bin\.part/m);
    await using next = start(WIRELAB, [...args, '--yes'], { cwd: folder.path });
    expect((await next.exit).status).toBe(0);
    expect(next.stderr).toMatch(/^Going on with some\.bin: \d+ of \d+ parts are here already\.\n$/);
  });

  it('the chat client in a pipe, while the server does not answer', async () => {
    await using server = await SilentServer.start();
    await using program = start(CLIENT, [...routeTo(server.port), '--name', 'alice']);
    await server.hears(/^connect\|/);
    program.kill('SIGTERM');
    expect(await program.exit).toMatchObject({ status: 1, stderr: '' });
  });

  it('the chat client in a terminal, while the server does not answer', async () => {
    await using server = await SilentServer.start();
    await using alice = openTerminal(CLIENT, [...routeTo(server.port), '--name', 'alice']);
    await server.hears(/^connect\|/);
    alice.press('ctrl-c');
    expect(await alice.exit).toEqual({ exitCode: 0, signal: 0 });
  });

  it('either, while the TCP connection is being made', async (ctx) => {
    await using server = await DeafServer.start();
    if (server === undefined) return ctx.skip('needs Linux');
    const get = ['get', 'f', '--port', String(server.port)];
    for (const [file, args, end] of [
      [WIRELAB, get, { status: null, signal: 'SIGINT' }],
      [CLIENT, routeTo(server.port), { status: 1, signal: null }],
    ] as const) {
      await using program = start(file, args);
      await server.isKnocked();
      program.kill('SIGINT');
      expect(await program.exit).toMatchObject({ ...end, stdout: '', stderr: '' });
    }
  });
});

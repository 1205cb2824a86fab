import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { patternBytes, TemporaryFolder } from './folders.ts';
import { CLIENT, openTerminal, SERVER } from './programs.ts';
import { chatter, RunningServer, routeTo } from './servers.ts';

const FILES = { 'some.bin': patternBytes(50_000), 'short.txt': 'one part' };
const FIRST_QUESTION = /\nThe local IP address to connect from \[127\.0\.0\.1\]:$/;

describe('leaving', () => {
  let files: TemporaryFolder;
  let server: RunningServer;

  beforeAll(async () => {
    files = await TemporaryFolder.create(FILES);
    server = await RunningServer.start(files.path);
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await files[Symbol.asyncDispose]();
  });

  it('is Ctrl-C or Ctrl-D at the prompt, with status 0', async () => {
    for (const key of ['ctrl-c', 'ctrl-d'] as const) {
      await using alice = await chatter('alice', server);
      alice.press(key);
      expect(await alice.exit).toEqual({ exitCode: 0, signal: 0 });
      expect(alice.screen()).toMatch(/\ndisconnected$/);
    }
  });

  it('is Ctrl-C or Ctrl-D at the question of a command, too', async () => {
    for (const key of ['ctrl-c', 'ctrl-d'] as const) {
      await using alice = openTerminal(CLIENT, server.route);
      await alice.waitFor(/commands\.\n>$/);
      alice.enter('connect');
      await alice.waitFor(/\nYour name:$/);
      alice.press(key);
      expect(await alice.exit).toEqual({ exitCode: 0, signal: 0 });
    }
  });

  it('is possible at the question at 50 %: what came is kept', async () => {
    await using folder = await TemporaryFolder.create();
    await using alice = await chatter('alice', { route: server.route, to: folder.path });
    alice.enter('download');
    await alice.waitFor(/\nFile name:$/);
    alice.enter('some.bin');
    await alice.waitFor(/write anything else:$/);
    alice.press('ctrl-d');
    expect(await alice.exit).toEqual({ exitCode: 0, signal: 0 });
    expect(alice.screen()).toMatch(/\nWhat came is kept in [\s\S]*: 12 of 25 parts/);
    expect(await readdir(folder.path)).toEqual(['some.bin.part']);
  });

  it('does not lose a file that has come but has no name yet', async () => {
    await using folder = await TemporaryFolder.create();
    await using alice = await chatter('alice', { route: server.route, to: folder.path });
    alice.enter('download');
    await alice.waitFor(/\nFile name:$/);
    alice.enter('short.txt');
    await alice.waitFor(/\nNew file name \(empty: short\.txt\):$/);
    alice.press('ctrl-c');
    expect(await alice.exit).toEqual({ exitCode: 0, signal: 0 });
    expect(await readdir(folder.path)).toEqual(['short.txt']);
    expect(await readFile(join(folder.path, 'short.txt'), 'utf8')).toBe('one part');
  });

  it('happens in good order when the terminal is closed', async () => {
    await using alice = await chatter('alice', server);
    await using bob = await chatter('bob', server);
    alice.kill('SIGHUP');
    expect((await alice.exit).signal).toBe(0);
    await bob.waitFor(/\nalice is disconnected\n>$/);
  });

  it('is followed by the questions, with the last answers, after disconnect', async () => {
    await using alice = await chatter('alice', server);
    alice.enter('disconnect');
    await alice.waitFor(/\ndisconnected\n/);
    await alice.waitFor(FIRST_QUESTION);
    alice.press('enter');
    await alice.waitFor(/\nThe server's IP address \[127\.0\.0\.1\]:$/);
    alice.press('enter');
    await alice.waitFor(new RegExp(`\\[${server.port}\\]:$`));
    alice.press('enter');
    await alice.waitFor(/There is a connection[\s\S]*There is a connection[\s\S]*\n>$/);
    alice.enter('get_users');
    // The name was given up with the connection.
    await alice.waitFor(/\nusers: \[\]\n>$/);
  });
});

describe('a server that goes away', () => {
  it('brings a user who is typing back to the questions', async () => {
    await using files = await TemporaryFolder.create();
    await using server = await RunningServer.start(files.path);
    await using alice = await chatter('alice', server);
    alice.type('half a li');
    await alice.waitFor(/\n> half a li$/);
    server.program.kill('SIGKILL');
    await alice.waitFor(/\nThe server closed the connection.*\n/);
    await alice.waitFor(FIRST_QUESTION);
    // What was half typed is no answer to them.
    alice.enter('any');
    await alice.waitFor(/\[127\.0\.0\.1\]: any\nThe server's IP address \[127\.0\.0\.1\]:$/);
  });

  it('brings a user who is asked at 50 % back to the questions, and keeps what came', async () => {
    await using files = await TemporaryFolder.create(FILES);
    await using folder = await TemporaryFolder.create();
    await using server = await RunningServer.start(files.path);
    await using alice = await chatter('alice', { route: server.route, to: folder.path });
    alice.enter('download');
    await alice.waitFor(/\nFile name:$/);
    alice.enter('some.bin');
    await alice.waitFor(/write anything else:$/);
    alice.type('proc');
    await alice.waitFor(/write anything else: proc$/);
    server.program.kill('SIGKILL');
    await alice.waitFor(FIRST_QUESTION);
    expect(alice.screen()).toMatch(/\nThe server closed the connection/);
    expect(alice.screen()).toMatch(/\nWhat came is kept in [\s\S]*: 12 of 25 parts/);
    expect(await readdir(folder.path)).toEqual(['some.bin.part']);
  });

  it('says so at its Ctrl-C, and ends with status 0', async () => {
    await using files = await TemporaryFolder.create();
    await using server = openTerminal(SERVER, ['--ports', '0', '--files', files.path]);
    await server.waitFor(/listening on TCP ports \d+$/);
    const port = Number(/TCP ports (\d+)/.exec(server.screen())?.[1]);
    await using alice = await chatter('alice', { route: routeTo(port) });
    await using bob = await chatter('bob', { route: routeTo(port) });
    const asked = performance.now();
    server.press('ctrl-c');
    for (const client of [alice, bob]) {
      await client.waitFor(/\nserver is closing\nThe server closed the connection\.\n/);
      await client.waitFor(FIRST_QUESTION);
    }
    expect(await server.exit).toEqual({ exitCode: 0, signal: 0 });
    // It gives its clients two seconds at most; the rest is for a slow machine.
    expect(performance.now() - asked).toBeLessThan(10_000);
  });
});

import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Terminal } from '../support/terminal.ts';
import { patternBytes, TemporaryFolder } from './folders.ts';
import { HoldingPath } from './holding-path.ts';
import { chatter, RunningServer } from './servers.ts';

const SOME = patternBytes(50_000);
/** `some.bin` has 25 parts. */
const LAST_OF_FIRST_HALF = 11;
const LAST_OF_ALL = 24;
const HALF_BYTES = 12 * 2043;

let files: TemporaryFolder;
let server: RunningServer;

beforeAll(async () => {
  files = await TemporaryFolder.create({
    'some.bin': SOME,
    'short.txt': 'one part',
    'empty.txt': '',
    'two.bin': SOME.subarray(0, 2044),
  });
  server = await RunningServer.start(files.path);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await files[Symbol.asyncDispose]();
});

async function startDownload(terminal: Terminal, file: string): Promise<void> {
  await terminal.waitFor(/\n>$/);
  terminal.enter('download');
  await terminal.waitFor(/download\nFile name:$/);
  terminal.enter(file);
}

async function proceed(terminal: Terminal): Promise<void> {
  await terminal.waitFor(/write anything else:$/);
  terminal.enter('proceed');
}

describe('a download in the terminal', () => {
  it('is stopped at 50 % by any other answer; what came is kept, and can be had again', async () => {
    await using folder = await TemporaryFolder.create();
    await using alice = await chatter('alice', { route: server.route, to: folder.path });

    await startDownload(alice, 'some.bin');
    await alice.waitFor(/write anything else:$/);
    alice.enter('no, thank you');
    await alice.waitFor(/\ndownload stopped\n/);
    await alice.waitFor(/\nWhat came is kept in [\s\S]*: 12 of 25 parts, 24\.5 kB[\s\S]*\n/);
    expect(await readdir(folder.path)).toEqual(['some.bin.part']);
    expect((await stat(join(folder.path, 'some.bin.part'))).size).toBe(HALF_BYTES);

    await startDownload(alice, 'some.bin');
    await alice.waitFor(
      /File name: some\.bin\n[\s\S]*File name: some\.bin\n[\s\S]*anything else:$/,
    );
    alice.enter('proceed');
    await alice.waitFor(/\nNew file name \(empty: some\.bin\):$/);
    alice.press('enter');
    await alice.waitFor(/\nSaved as [\s\S]*\n>$/);
    expect(await readdir(folder.path)).toEqual(['some.bin']);
    expect((await readFile(join(folder.path, 'some.bin'))).equals(SOME)).toBe(true);
  });

  it('overwrites an existing file only after a yes', async () => {
    await using folder = await TemporaryFolder.create({ 'mine.txt': 'do not lose this' });
    await using alice = await chatter('alice', { route: server.route, to: folder.path });
    const mine = join(folder.path, 'mine.txt');

    await startDownload(alice, 'short.txt');
    await alice.waitFor(/\nNew file name \(empty: short\.txt\):$/);
    alice.enter('../elsewhere.txt');
    await alice.waitFor(/\nNot saved yet: give a name, not a path\.\n[\s\S]*short\.txt\):$/);
    alice.enter('mine.txt');
    await alice.waitFor(/\nmine\.txt is there already\. Overwrite it \(yes\/no\)\?$/);
    alice.press('enter');
    await alice.waitFor(/\(yes\/no\)\?\nNew file name \(empty: short\.txt\):$/);
    expect(await readFile(mine, 'utf8')).toBe('do not lose this');
    alice.enter('mine.txt');
    await alice.waitFor(/mine\.txt\nmine\.txt is there already\. Overwrite it \(yes\/no\)\?$/);
    alice.enter('yes');
    await alice.waitFor(/\nSaved as [\s\S]*\n>$/);
    expect(await readFile(mine, 'utf8')).toBe('one part');
    expect(await readdir(folder.path)).toEqual(['mine.txt']);
  });

  it('has no question at 50 % for one part or none', async () => {
    await using folder = await TemporaryFolder.create();
    await using alice = await chatter('alice', { route: server.route, to: folder.path });
    for (const file of ['short.txt', 'empty.txt']) {
      await startDownload(alice, file);
      await alice.waitFor(new RegExp(`\\nNew file name \\(empty: ${file}\\):$`));
      alice.press('enter');
      await alice.waitFor(new RegExp(`\\nSaved as .*${file}\\.\n>$`));
    }
    await alice.waitFor(/Last byte is: none\n/);
    expect(alice.screen()).not.toContain('50%');
    expect((await readdir(folder.path)).sort()).toEqual(['empty.txt', 'short.txt']);
  });

  it('is refused for a file that is not there', async () => {
    await using alice = await chatter('alice', server);
    await startDownload(alice, 'no-such.bin');
    await alice.waitFor(/\nCan't download\. File not found\n[\s\S]*\n>$/);
  });

  it('ends at Ctrl-C alone: the session goes on, and a later download works', async () => {
    await using folder = await TemporaryFolder.create();
    await using path = await HoldingPath.start(server.port, LAST_OF_FIRST_HALF);
    await using alice = await chatter('alice', { route: path.route, to: folder.path });

    await startDownload(alice, 'some.bin');
    await alice.waitFor(/\nsome\.bin \[[#-]+\] .*\n>$/);
    alice.press('ctrl-c');
    await alice.waitFor(/\n(What came|Nothing was) /);
    await alice.waitFor(/\ndownload stopped\n/);
    expect(await readdir(folder.path)).not.toContain('some.bin.part.lock');

    path.letThrough();
    await startDownload(alice, 'some.bin');
    await proceed(alice);
    await alice.waitFor(/\nNew file name \(empty: some\.bin\):$/);
    alice.press('enter');
    await alice.waitFor(/\nSaved as [\s\S]*\n>$/);
    expect((await readFile(join(folder.path, 'some.bin'))).equals(SOME)).toBe(true);
  });

  it('leaves nothing behind when it ends before a part has come', async () => {
    await using folder = await TemporaryFolder.create();
    // Of two parts, the first half is the first one.
    await using path = await HoldingPath.start(server.port, 0);
    await using alice = await chatter('alice', { route: path.route, to: folder.path });
    await startDownload(alice, 'two.bin');
    await path.wasAskedAgain();
    alice.press('ctrl-c');
    await alice.waitFor(/\nNothing was kept: no part had come\.\n/);
    expect(await readdir(folder.path)).toEqual([]);
  });

  it('ends at Ctrl-C at the question at 50 %, and the prompt is back', async () => {
    await using folder = await TemporaryFolder.create();
    await using alice = await chatter('alice', { route: server.route, to: folder.path });
    await startDownload(alice, 'some.bin');
    await alice.waitFor(/write anything else:$/);
    alice.press('ctrl-c');
    await alice.waitFor(/\nWhat came is kept in [\s\S]*: 12 of 25 parts/);
    await alice.waitFor(/\ndownload stopped\n[\s\S]*>$/);
    alice.enter('get_users');
    await alice.waitFor(/\nusers: \[alice\]\n>$/);
  });

  it('ends at Ctrl-C in the second half without the word that all was downloaded', async () => {
    await using folder = await TemporaryFolder.create();
    await using path = await HoldingPath.start(server.port, LAST_OF_ALL);
    await using alice = await chatter('alice', { route: path.route, to: folder.path });

    await startDownload(alice, 'some.bin');
    await proceed(alice);
    await alice.waitFor(/proceed\nsome\.bin \[[#-]+\] .*\n>$/);
    alice.press('ctrl-c');
    await alice.waitFor(
      /\nWhat came is kept in [\s\S]*some\.\s*bin\.\s*part: \d+ of 25 parts[\s\S]*\n>$/,
    );
    alice.enter('get_users');
    await alice.waitFor(/\nusers: \[alice\]\n>$/);
    expect(alice.screen()).not.toContain('downloaded 100%');
  });

  it('leaves room for commands and messages, but not for a second download', async () => {
    await using folder = await TemporaryFolder.create();
    await using path = await HoldingPath.start(server.port, LAST_OF_FIRST_HALF);
    await using alice = await chatter('alice', { route: path.route, to: folder.path });

    await startDownload(alice, 'some.bin');
    await alice.waitFor(/\nsome\.bin \[[#-]+\] .*\n>$/);
    alice.enter('get_users');
    await alice.waitFor(/\nusers: \[alice\]\nsome\.bin \[.*\n>$/);
    alice.enter('download');
    await alice.waitFor(/\nA download is running; Ctrl-C stops it\.\nsome\.bin \[.*\n>$/);
    path.letThrough();
    await proceed(alice);
    await alice.waitFor(/\nNew file name \(empty: some\.bin\):$/);
    // The bar is gone, and has left nothing behind.
    expect(alice.screen()).not.toMatch(/some\.bin \[/);
  });

  it('asks nothing with --yes', async () => {
    await using folder = await TemporaryFolder.create();
    const options = { route: server.route, to: folder.path, flags: ['--yes'] };
    await using alice = await chatter('alice', options);
    await startDownload(alice, 'some.bin');
    await alice.waitFor(/\nSaved as [\s\S]*\n>$/);
    expect((await readFile(join(folder.path, 'some.bin'))).equals(SOME)).toBe(true);
  });

  it('shows a bar with rate and time left', async () => {
    await using big = await TemporaryFolder.create();
    await writeFile(join(big.path, 'big.bin'), patternBytes(3_000_000));
    await using folder = await TemporaryFolder.create();
    await using slow = await RunningServer.start(big.path, '--rate', '500K');
    await using alice = await chatter('alice', { route: slow.route, to: folder.path });

    await startDownload(alice, 'big.bin');
    await alice.waitFor(
      /\nbig\.bin \[#+-+\] [1-4]\d% \d+(\.\d)? (bytes|kB|MB)\/s \d+:\d\d left\n>$/,
    );
    await alice.waitFor(/\nbig\.bin \[#{15}-{15}\] (49|50)% .*\n[\s\S]*anything else:$/);
    alice.enter('stop it');
    await alice.waitFor(/\nWhat came is kept in [\s\S]*\n>$/);
    expect(alice.screen()).not.toMatch(/big\.bin \[/);
  });
});

import { readdir, readFile, stat } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { RelayPrograms } from '../support/relay-programs.ts';
import { patternBytes, TemporaryFolder } from './folders.ts';
import { openTerminal, run, start, WIRELAB } from './programs.ts';

const BYTES = patternBytes(300_000);

describe('for scripts', () => {
  test('list, send and receive; what was there before keeps its name', async () => {
    await using relay = await RelayPrograms.start({ 'f.bin': BYTES });
    const bob = await relay.receiver('bob');
    const list = await relay.client('carol', 'list').exit;
    expect(list).toMatchObject({ status: 0, stdout: 'bob\ncarol\n', stderr: '' });
    const alice = relay.client('alice', 'send', relay.path('f.bin'), 'bob', 'nobody');
    expect(await alice.exit).toMatchObject({ status: 0 });
    expect(await bob.exit).toMatchObject({ status: 0, stdout: `${relay.path('bob', 'f.bin')}\n` });
    const again = await relay.receiver('bob');
    await relay.client('alice', 'send', relay.path('f.bin'), 'bob').exit;
    expect(await again.exit).toMatchObject({ status: 0 });
    expect((await readdir(relay.path('bob'))).sort()).toEqual(['f (1).bin', 'f.bin']);
    for (const name of ['f.bin', 'f (1).bin']) {
      expect((await readFile(relay.path('bob', name))).equals(BYTES)).toBe(true);
    }
    relay.server.kill('SIGTERM');
    expect(await relay.server.exit).toMatchObject({ status: 0 });
  });

  test('nobody wants it', async () => {
    await using relay = await RelayPrograms.start({ 'f.bin': BYTES });
    const bob = relay.client('bob', 'receive', '--accept', 'none');
    await bob.waitFor(/bob is there/);
    const sent = await relay.client('alice', 'send', relay.path('f.bin'), 'bob').exit;
    expect(sent).toMatchObject({ status: 1, stdout: '' });
    expect(sent.stderr).toMatch(/^error: nobody of them wants it/m);
  });

  test('is asked in a pipe', async () => {
    await using relay = await RelayPrograms.start({ 'f.bin': BYTES });
    const bob = relay.client('bob', 'receive', '--to', relay.path('bob'), '--once');
    await bob.waitFor(/bob is there/);
    const alice = relay.client('alice', 'send', relay.path('f.bin'), 'bob');
    bob.enter('yes');
    expect(await alice.exit).toMatchObject({ status: 0 });
    const { status, stdout } = await bob.exit;
    expect(status).toBe(0);
    expect(stdout).toContain('alice offers f.bin (300.0 kB). Take it? (yes/no) yes\n');
    expect((await readFile(relay.path('bob', 'f.bin'))).equals(BYTES)).toBe(true);
  });

  test('there is no server, no file, nobody named', async () => {
    await using folder = await TemporaryFolder.create({ key: 'k', f: 'x' });
    const who = ['--name', 'a', '--key-file', `${folder.path}/key`];
    // Nobody has asked for port 1 here.
    const ports = ['--command-port', '1', '--notif-port', '1'];
    const list = await run(WIRELAB, ['relay', 'list', ...who, ...ports]);
    expect(list).toMatchObject({ status: 1, stdout: '' });
    expect(list.stderr).toMatch(/No server listens on 127.0.0.1:1\./);
    for (const args of [['/nowhere', 'bob'], [`${folder.path}/f`], [folder.path, 'bob']]) {
      const sent = await run(WIRELAB, ['relay', 'send', ...args, ...who, ...ports]);
      expect(sent).toMatchObject({ status: 1, stdout: '' });
      expect(sent.stderr).toMatch(/^error: .*\n$/);
    }
    const asked = await run(WIRELAB, ['relay', 'list', '--name', 'a']);
    expect(asked.stderr).toMatch(/--key-file names a file with the key/);
  });
});

describe('in a terminal', () => {
  test('a user is added, and the key is not shown', async () => {
    await using folder = await TemporaryFolder.create();
    const users = `${folder.path}/users`;
    await using terminal = openTerminal(WIRELAB, ['relay', 'user', 'add', 'bob', '--users', users]);
    await terminal.waitFor('The key of bob:');
    terminal.enter('secret-1');
    await terminal.waitFor('Once more:');
    terminal.enter('secret-1');
    await terminal.waitFor('bob can log in now');
    expect(await terminal.exit).toMatchObject({ exitCode: 0 });
    expect(terminal.screen()).not.toContain('secret-1');
    const text = await readFile(users, 'utf8');
    expect(text).toMatch(/^bob scrypt:16384:[0-9a-f]{32}:[0-9a-f]{64}\n$/);
    expect((await stat(users)).mode & 0o077).toBe(0);
  });

  test('two sessions: one offers, the other is asked', async () => {
    await using relay = await RelayPrograms.start({ 'a b.bin': BYTES });
    const session = (user: string) =>
      openTerminal(WIRELAB, ['relay', ...relay.flagsOf(user), '--to', relay.path(user)]);
    await using alice = session('alice');
    await using bob = session('bob');
    await alice.waitFor(/help' lists the commands\.\n> ?$/);
    await bob.waitFor(/help' lists the commands\.\n> ?$/);
    alice.enter('list');
    await alice.waitFor(/There: (alice, bob|bob, alice)/);
    alice.enter(`send "${relay.path('a b.bin')}" bob`);
    await bob.waitFor('alice offers a b.bin (300.0 kB). Take it? (yes/no)');
    bob.enter('yes');
    await bob.waitFor(/Saved as .*a b\.bin/);
    await alice.waitFor('The server has all of a b.bin.');
    expect((await readFile(relay.path('bob', 'a b.bin'))).equals(BYTES)).toBe(true);
    alice.enter('quit');
    expect(await alice.exit).toMatchObject({ exitCode: 0 });
    bob.press('ctrl-c');
    expect(await bob.exit).toMatchObject({ exitCode: 0 });
  });

  test('with known users, the key is asked, and a wrong one is refused', async () => {
    await using folder = await TemporaryFolder.create({ key: 'right' });
    const users = `${folder.path}/users`;
    const add = ['relay', 'user', 'add', 'bob', '--users', users];
    await run(WIRELAB, [...add, '--key-file', `${folder.path}/key`]);
    await using relay = await RelayPrograms.start({}, ['--users', users]);
    const flags = relay.flagsOf('bob').slice(0, -2);
    await using wrong = openTerminal(WIRELAB, ['relay', 'list', ...flags]);
    await wrong.waitFor('Your key:');
    wrong.enter('wrong');
    await wrong.waitFor('the server does not know this name with this key');
    expect(await wrong.exit).toMatchObject({ exitCode: 1 });
    await using right = openTerminal(WIRELAB, ['relay', 'list', ...flags]);
    await right.waitFor('Your key:');
    right.enter('right');
    await right.waitFor(/^bob$/m);
    expect(await right.exit).toMatchObject({ exitCode: 0 });
    expect(right.screen()).not.toContain('right');
  });
});

test('the demo tells the whole story', async () => {
  const { status, stdout, stderr } = await run(WIRELAB, ['demo', 'relay']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/alice {2}\| Accepted by bob, carol; sending through port \d+\./);
  const sums = [...stdout.matchAll(/SHA-256 .*: +([0-9a-f]{64})$/gm)].map((match) => match[1]);
  expect(sums).toHaveLength(3);
  expect(new Set(sums).size).toBe(1);
  expect(stdout).toMatch(/everything was as it must be\n$/);
});

test('a server on a port that is taken says so', async () => {
  await using relay = await RelayPrograms.start();
  const [, port = ''] = relay.flagsOf('bob');
  const store = ['--store', relay.path('other'), '--host', '127.0.0.1'];
  await using second = start(WIRELAB, [
    ...['relay', 'serve', '--command-port', port],
    ...['--notif-port', '0', ...store],
  ]);
  const { status, stderr } = await second.exit;
  expect(status).toBe(1);
  expect(stderr).toContain(`port ${port} cannot be used: another program has it`);
});

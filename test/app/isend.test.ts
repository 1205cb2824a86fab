import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { until } from '../net/waiting.ts';
import { TemporaryFolder } from '../storage/folder.ts';
import { someBytes } from '../support/server-under-test.ts';
import { mountSmallDisk, NO_SMALL_DISK } from '../support/small-disk.ts';
import { openTerminal, run, start, WIRELAB } from './programs.ts';

const HERE = ['--host', '127.0.0.1', '--port', '0'];

async function receive(folder: string, ...flags: readonly string[]) {
  const program = start(WIRELAB, ['isend', 'receive', ...HERE, '--to', folder, ...flags]);
  const [, port = ''] = await program.waitFor(/listening on TCP port (\d+)/);
  return { program, port, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

const send = (port: string, ...args: readonly string[]) =>
  run(WIRELAB, ['isend', 'send', '127.0.0.1', '--port', port, ...args]);

/** Every file below, by its path, with what is in it in hex; folders with a slash. */
async function contents(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(folder.length + 1);
    if (entry.isFile()) found[name] = (await readFile(path)).toString('hex');
    else found[`${name}/`] = '';
  }
  return found;
}

/** A tree with names in many scripts, empty folders and files, and every size that is special. */
async function makeTree(folder: string): Promise<string> {
  const tree = join(folder, 'tree');
  const names = [
    'plain.txt',
    '文書',
    'файл',
    'αρχείο',
    'ملف',
    'קובץ',
    'ไฟล์',
    'फ़ाइल',
    '🙂.png',
    'é',
    'a  b',
  ];
  names.push('.hidden', `${'x'.repeat(251)}.bin`, '文'.repeat(85), 'README', 'readme');
  const sizes = [0, 1, 65_534, 65_535, 65_536, 131_070, 524_280, 1_000_000];
  for (const path of [['empty'], ['文書', 'inner', '.deep'], ['d', 'd', 'd', 'd']]) {
    await mkdir(join(tree, 'folders', ...path), { recursive: true });
  }
  for (const [index, name] of names.entries()) {
    await writeFile(join(tree, name), someBytes(sizes[index % sizes.length] ?? 0, index + 1));
    await writeFile(join(tree, 'folders', '文書', 'inner', name), someBytes(index, index));
  }
  return tree;
}

test.each(['16', '1'])('a tree arrives as it is, with a window of %s', async (window) => {
  await using folder = await TemporaryFolder.make();
  const tree = await makeTree(folder.path);
  await using receiver = await receive(join(folder.path, 'to'), '--once');
  const sent = await send(receiver.port, tree, '--window', window, '--message', 'hällo');
  expect(sent.stderr).toBe('');
  expect(sent.stdout).toMatch(/^sent and confirmed: 32 files, 10 folders, 1 message, /);
  expect(sent.status).toBe(0);
  const received = await receiver.program.exit;
  expect(received.status).toBe(0);
  expect(received.stdout).toContain('message: hällo');
  expect(received.stdout).toMatch(/is done: 32 files, 10 folders, 1 message/);
  expect(await contents(join(folder.path, 'to', 'tree'))).toEqual(await contents(tree));
});

test('a long message comes in several, and none drives the terminal', async () => {
  await using folder = await TemporaryFolder.make();
  await using receiver = await receive(folder.path, '--once');
  const sent = await send(receiver.port, '--message', `${'é'.repeat(300)}\x1b[31m`);
  expect(sent.stdout).toBe('sent and confirmed: 0 files, 3 messages, 0 bytes\n');
  const { stdout } = await receiver.program.exit;
  expect(stdout).not.toContain('\x1b');
  expect([...stdout.matchAll(/^message: (.*)$/gm)].map(([, text]) => text).join('')).toBe(
    `${'é'.repeat(300)}\\x1b[31m`,
  );
});

describe('what is not confirmed is no success', () => {
  test('skipped files and folders are told, one by one', async () => {
    await using folder = await TemporaryFolder.make();
    await mkdir(join(folder.path, 'to', 'd'), { recursive: true });
    await mkdir(join(folder.path, 'd', 'inner'), { recursive: true });
    for (const path of ['a', 'b', 'd/f', 'to/a']) await writeFile(join(folder.path, path), path);
    await using receiver = await receive(
      join(folder.path, 'to'),
      ...['--on-conflict', 'skip', '--on-folder-conflict', 'skip'],
    );
    const paths = ['a', 'd', 'b'].map((name) => join(folder.path, name));
    const sent = await send(receiver.port, ...paths);
    expect(sent.stderr).toMatch(/a was skipped .*\n.*d was skipped .*\nerror: not all was sent/);
    expect(sent.status).toBe(1);
    expect(Object.keys(await contents(join(folder.path, 'to'))).sort()).toEqual(['a', 'b', 'd/']);
    receiver.program.kill('SIGINT');
    expect((await receiver.program.exit).status).toBe(0);
  });

  test('links are reported and left out; one that was named is not sent at all', async () => {
    await using folder = await TemporaryFolder.make();
    await mkdir(join(folder.path, 'd'));
    await writeFile(join(folder.path, 'd', 'f'), 'f');
    await symlink('f', join(folder.path, 'd', 'l'));
    await using receiver = await receive(join(folder.path, 'to'));
    const sent = await send(receiver.port, join(folder.path, 'd'));
    expect(sent.stderr).toMatch(/^\S+l is left out: a link\n$/);
    expect(sent.status).toBe(0);
    expect(await contents(join(folder.path, 'to'))).toEqual({ 'd/': '', 'd/f': '66' });
    const named = await send(receiver.port, join(folder.path, 'd', 'l'));
    expect(named.stderr).toMatch(/is a link, and links are not sent/);
    expect(named.status).toBe(1);
  });

  test('a file that is called otherwise is told on both sides', async () => {
    await using folder = await TemporaryFolder.make();
    await mkdir(join(folder.path, 'to'));
    for (const path of ['a.txt', 'to/a.txt']) await writeFile(join(folder.path, path), path);
    await using receiver = await receive(join(folder.path, 'to'), '--once');
    const sent = await send(receiver.port, join(folder.path, 'a.txt'));
    expect(sent.stderr).toMatch(/a\.txt: saved as a \(1\)\.txt/);
    expect(sent.status).toBe(0);
    expect((await receiver.program.exit).stdout).toContain('a (1).txt (was a.txt)');
  });

  test.each([
    [['send', '127.0.0.1'], /there is nothing to send/, 1],
    [['send', '127.0.0.1', '/there/is/nothing'], /cannot be sent: ENOENT/, 1],
    [['send', '127.0.0.1', '--port', '1', '--message', 'x'], /No server listens on 127.0.0.1:1/, 1],
    [['send', '127.0.0.1', '--window', '0', '--message', 'x'], /from 1 to 256/, 2],
    [['send', '127.0.0.1', '--message', 'x', '--password'], /no terminal to ask/, 1],
    [['send', '127.0.0.1', '--message', 'x', '--password=secret'], /password/, 2],
    [['receive', '--on-conflict', 'guess'], /Allowed choices/, 2],
  ])('%j', async (args, reason, status) => {
    const finished = await run(WIRELAB, ['isend', ...args]);
    expect(finished.stderr).toMatch(reason);
    expect(finished.status).toBe(status);
  });
});

describe('a transfer that is cut off', () => {
  /** Stops the sender in the middle of a large file. */
  async function cutOff(folder: string, ...flags: readonly string[]) {
    const bytes = someBytes(60_000_000);
    await writeFile(join(folder, 'big'), bytes);
    const to = join(folder, 'to');
    await using receiver = await receive(to, ...flags, '--once');
    await using sender = start(WIRELAB, [
      ...['isend', 'send', '127.0.0.1', '--port', receiver.port, join(folder, 'big')],
      // Slow enough to be stopped in time, whatever the machine.
      ...['--window', '1'],
    ]);
    await until('a part', async () => {
      const part = await stat(join(to, 'big.part')).catch(() => undefined);
      return part !== undefined && part.size > 0;
    });
    sender.kill('SIGINT');
    const sent = await sender.exit;
    expect(sent.stderr).toMatch(/^error: stopped\. Confirmed before: 0 files/);
    expect(sent.status).toBe(1);
    expect((await receiver.program.exit).status).toBe(1);
    return { bytes, to };
  }

  test('leaves nothing, as a rule', async () => {
    await using folder = await TemporaryFolder.make();
    const { to } = await cutOff(folder.path);
    expect(await readdir(to)).toEqual([]);
  });

  test('is gone on with where that is wanted, and what is there is not sent again', async () => {
    await using folder = await TemporaryFolder.make();
    const { bytes, to } = await cutOff(folder.path, '--on-conflict', 'resume');
    expect(await readdir(to)).toEqual(['big.part', 'big.part.note']);
    for (const [already, flags] of [
      [/were there already/, []],
      [/1 file, 0 bytes, 60\.0 MB were there already/, ['--window', '1']],
    ] as const) {
      await using receiver = await receive(to, '--on-conflict', 'resume', '--once');
      const sent = await send(receiver.port, join(folder.path, 'big'), ...flags);
      expect(sent.stdout).toMatch(already);
      expect(sent.status).toBe(0);
      expect((await receiver.program.exit).status).toBe(0);
    }
    expect(await readdir(to)).toEqual(['big']);
    expect((await readFile(join(to, 'big'))).equals(bytes)).toBe(true);
  });
});

test('a password is asked for without showing it, on both sides', async () => {
  await using folder = await TemporaryFolder.make();
  const flags = ['--password', '--to', folder.path, '--once'];
  await using receiver = openTerminal(WIRELAB, ['isend', 'receive', ...HERE, ...flags]);
  await receiver.waitFor('Password:');
  receiver.enter('sesam');
  await receiver.waitFor(/listening on TCP port \d+/);
  const [, port = ''] = /port (\d+)/.exec(receiver.screen()) ?? [];
  const to = ['127.0.0.1', '--port', port, '--message', 'hello', '--password'];
  await using sender = openTerminal(WIRELAB, ['isend', 'send', ...to]);
  await sender.waitFor('Password:');
  sender.enter('sesam');
  await sender.waitFor('sent and confirmed: 0 files, 1 message');
  expect((await sender.exit).exitCode).toBe(0);
  expect((await receiver.exit).exitCode).toBe(0);
  expect(sender.screen() + receiver.screen()).not.toContain('sesam');
});

test('in a terminal a bar shows how far it is, also below what is reported', async () => {
  await using folder = await TemporaryFolder.make();
  const tree = join(folder.path, 'd');
  await mkdir(tree);
  await symlink('nowhere', join(tree, 'link'));
  await writeFile(join(tree, 'big'), someBytes(30_000_000));
  await using receiver = await receive(join(folder.path, 'to'), '--once');
  const to = ['127.0.0.1', '--port', receiver.port, tree, '--window', '1'];
  await using sender = openTerminal(WIRELAB, ['isend', 'send', ...to]);
  await sender.waitFor(/\[[#-]+\] \d+%/);
  await sender.waitFor('sent and confirmed: 1 file, 1 folder, 30.0 MB');
  expect((await sender.exit).exitCode).toBe(0);
  expect(sender.screen()).toContain('link is left out: a link');
  // Nothing of the bar is left.
  expect(sender.screen()).not.toMatch(/\d+%/);
});

test('a disk that is full is told, and nothing of the file is left', async (ctx) => {
  await using folder = await TemporaryFolder.make();
  const to = join(folder.path, 'to');
  await mkdir(to);
  await using disk = await mountSmallDisk(to, 1_048_576);
  if (disk === undefined) return ctx.skip(NO_SMALL_DISK);
  await writeFile(join(folder.path, 'big'), someBytes(5_000_000));
  await writeFile(join(folder.path, 'small'), 'small');
  await using receiver = await receive(to, '--once');
  const paths = ['small', 'big'].map((name) => join(folder.path, name));
  const sent = await send(receiver.port, ...paths);
  expect(sent.stderr).toMatch(/big was refused by the receiver: the disk is full/);
  expect(sent.stderr).toMatch(/Confirmed before: 1 file/);
  expect(sent.status).toBe(1);
  expect((await receiver.program.exit).status).toBe(1);
  expect(await readdir(to)).toEqual(['small']);
});

test('a code takes the place of the address', async () => {
  await using folder = await TemporaryFolder.make();
  // On all addresses: the answer may come from any of them.
  const flags = ['--port', '0', '--to', folder.path, '--once', '--code', '--code-port', '0'];
  await using receiver = start(WIRELAB, ['isend', 'receive', ...flags]);
  const [, code = '', port = ''] = await receiver.waitFor(/(\d+-\d+), with .* (\d+)/);
  const sent = await run(WIRELAB, ['isend', 'send', code, '--code-port', port, '--message', 'hi']);
  expect(sent.stdout).toMatch(/^sent and confirmed/);
  expect((await receiver.exit).stdout).toContain('message: hi');
});

test('the demo shows it and ends by itself', async () => {
  const { status, stdout, stderr } = await run(WIRELAB, ['demo', 'isend']);
  expect(stderr).toBe('');
  expect(stdout).toMatch(/eve {4}\| error: the receiver refuses the connection/);
  expect(stdout).toMatch(/bob {4}\| message: Here are the pictures\./);
  expect(stdout).toMatch(/demo {3}\| everything was as it must be\n$/);
  expect(status).toBe(0);
});

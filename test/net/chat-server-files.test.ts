import { execFile } from 'node:child_process';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { startServer, temporaryFolder } from '../support/server-under-test.ts';
import { RawPeer } from './raw-peer.ts';
import { until } from './waiting.ts';

const NOT_FOUND = "Can't download. File not found";

/** Asks on a new connection; returns the answers that come after the log-in. */
async function answersTo(port: number, ...messages: string[]): Promise<string[]> {
  using peer = await RawPeer.open(port);
  await peer.write(`connect|ann\n${messages.join('\n')}\n`);
  await until('the answers', () => peer.lines.length >= 2 + messages.length);
  return peer.lines.slice(2);
}

test('no name leads out of the folder', async () => {
  await using server = await startServer({ files: { 'f.bin': 'f' } });
  const outside = await temporaryFolder();
  try {
    await writeFile(join(outside, 'secret.txt'), 'secret');
    await mkdir(join(server.folder, 'sub'));
    await writeFile(join(server.folder, 'sub', 'inner.txt'), 'inner');
    const names = [
      `../${outside.split('/').at(-1)}/secret.txt`,
      join(outside, 'secret.txt'),
      join(server.folder, 'f.bin'),
      './f.bin',
      'sub/../f.bin',
      'sub/inner.txt',
      'sub\\inner.txt',
      '/etc/passwd',
      '..',
      '.',
      '',
      'f.bin/',
      'f.bin\0',
      'F.BIN',
      ' f.bin',
      '%66.bin',
      'sub',
    ];
    for (const name of names) {
      expect([name, await answersTo(server.port, `download|${name}`)]).toEqual([name, [NOT_FOUND]]);
    }
  } finally {
    await rm(outside, { recursive: true });
  }
});

test('links, hidden files and folders are neither listed nor sent', async () => {
  await using server = await startServer({ files: { 'f.bin': 'f', '.hidden': 'h' } });
  const { folder, port } = server;
  await symlink('/etc/passwd', join(folder, 'link-out'));
  await symlink('f.bin', join(folder, 'link-in'));
  await symlink('nowhere', join(folder, 'link-to-nothing'));
  await mkdir(join(folder, 'sub'));
  const refused = ['.hidden', 'link-out', 'link-in', 'link-to-nothing', 'sub'];
  const answers = await answersTo(
    port,
    'get_list_file',
    ...refused.map((name) => `download|${name}`),
  );
  expect(answers).toEqual(['files: [f.bin]', ...refused.map(() => NOT_FOUND)]);
});

test('a pipe in the folder is not offered, and asking for it holds nobody up', async (ctx) => {
  await using server = await startServer({ files: { 'f.bin': 'f' } });
  try {
    await promisify(execFile)('mkfifo', [join(server.folder, 'pipe')]);
  } catch {
    ctx.skip('needs mkfifo');
  }
  const answers = await answersTo(server.port, 'get_list_file', 'download|pipe', 'download|f.bin');
  expect(answers).toEqual(['files: [f.bin]', NOT_FOUND, '|1']);
});

test('a file that is dropped into the folder is there at once, one that is removed is not', async () => {
  await using server = await startServer({ files: { 'f.bin': 'f' } });
  using peer = await RawPeer.open(server.port);
  await peer.write('connect|ann\nget_list_file\n');
  await peer.untilLine('files: [f.bin]');
  await writeFile(join(server.folder, 'new.txt'), 'new');
  await peer.write('get_list_file\n');
  await peer.untilLine('files: [f.bin, new.txt]');
  await rm(join(server.folder, 'f.bin'));
  await peer.write('get_list_file\ndownload|f.bin\ndownload|new.txt\n');
  await peer.untilLine('|1');
  expect(peer.lines.slice(-3)).toEqual(['files: [new.txt]', NOT_FOUND, '|1']);
});

test('names with spaces, bars and letters of any script can be had', async () => {
  const names = ['a b.txt', 'a|b.txt', 'héllo.txt', '文書.txt', '🙂.txt', 'proceed'];
  await using server = await startServer({
    files: Object.fromEntries(names.map((name) => [name, name])),
  });
  for (const name of names) {
    expect(await answersTo(server.port, `download|${name}`)).toEqual(['|1']);
  }
});

test('a name with a line end is not listed: it would be two messages', async () => {
  await using server = await startServer({ files: { 'f.bin': 'f', 'two\nlines': 't' } });
  expect(await answersTo(server.port, 'get_list_file')).toEqual(['files: [f.bin]']);
});

test('a folder that is gone is logged, and the server goes on', async () => {
  await using server = await startServer({ files: { 'f.bin': 'f' } });
  await rm(server.folder, { recursive: true });
  const answers = await answersTo(server.port, 'get_list_file', 'download|f.bin', 'get_users');
  expect(answers).toEqual(['files: []', NOT_FOUND, 'users: [ann]']);
  expect(server.events.some((event) => event.level === 'error')).toBe(true);
});

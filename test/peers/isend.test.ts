/** Peers written from the document alone, in Python, against the isend programs. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Program, run, start, WIRELAB } from '../app/programs.ts';
import { TemporaryFolder } from '../storage/folder.ts';
import { hasPython, PYTHON, PYTHON_FLAGS } from '../support/python.ts';

if (!hasPython) {
  console.warn('Left out: the isend peers in Python. They need python3 (apt-get install python3).');
}

function python(script: string, ...args: readonly string[]): Program {
  return new Program(PYTHON, [...PYTHON_FLAGS, join(import.meta.dirname, script), ...args]);
}

async function receive(folder: string, ...flags: readonly string[]) {
  const program = start(WIRELAB, [
    ...['isend', 'receive', '--host', '127.0.0.1', '--port', '0', '--to', folder, '--once'],
    ...flags,
  ]);
  const [, port = ''] = await program.waitFor(/listening on TCP port (\d+)/);
  return { program, port, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

describe.skipIf(!hasPython)('a sender in Python', () => {
  test('sends files, folders and messages, in stop and wait, to ours', async () => {
    await using folder = await TemporaryFolder.make();
    await writeFile(join(folder.path, 'password'), 'sesam\n');
    await using receiver = await receive(
      folder.path,
      ...['--password-file', join(folder.path, 'password')],
    );
    const things = ['message:hällo', 'file:a.txt=abc', 'folder:文書', 'file:long=0123456789'];
    const rest = ['file:none=', 'folder:empty', 'up', 'up', 'file:b=after'];
    await using sender = python(
      'isend_sender.py',
      ...['127.0.0.1', receiver.port, 'sesam'],
      ...things,
      ...rest,
    );
    const { status, stdout } = await sender.exit;
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.trim()),
    ).toEqual([
      ...['1 101', '30 110', '10 110', '11 110', '12 110', '20 110', '10 110', '11 110', '12 110'],
      ...[
        '10 110',
        '12 110',
        '20 110',
        '21 110',
        '21 110',
        '10 110',
        '11 110',
        '12 110',
        '100 110',
      ],
    ]);
    expect(status).toBe(0);
    const ours = await receiver.program.exit;
    expect(ours.status).toBe(0);
    expect(ours.stdout).toContain('message: hällo');
    expect((await readdir(folder.path)).sort()).toEqual(['a.txt', 'b', 'password', '文書']);
    expect((await readdir(join(folder.path, '文書'))).sort()).toEqual(['empty', 'long', 'none']);
    expect(await readFile(join(folder.path, '文書', 'long'), 'utf8')).toBe(
      '0123456789'.repeat(1000),
    );
  });

  test('is told what is skipped, and may go on from the beginning of what was offered', async () => {
    await using folder = await TemporaryFolder.make();
    await writeFile(join(folder.path, 'a'), 'old');
    for (const [policy, answer] of [
      ['skip', '10 120 it is there already'],
      ['resume', '12 110 saved as a (1)'],
    ] as const) {
      await using receiver = await receive(folder.path, '--on-conflict', policy);
      await using sender = python('isend_sender.py', '127.0.0.1', receiver.port, '-', 'file:a=new');
      const { stdout } = await sender.exit;
      expect(stdout).toContain(answer);
    }
    expect(await readFile(join(folder.path, 'a'), 'utf8')).toBe('old');
    expect(await readFile(join(folder.path, 'a (1)'), 'utf8')).toBe('new');
  });

  test('with a wrong password is refused', async () => {
    await using folder = await TemporaryFolder.make();
    await writeFile(join(folder.path, 'password'), 'sesam\n');
    await using receiver = await receive(
      folder.path,
      '--password-file',
      join(folder.path, 'password'),
    );
    for (const password of ['wrong', '-']) {
      await using sender = python(
        'isend_sender.py',
        '127.0.0.1',
        receiver.port,
        password,
        'file:a=b',
      );
      const { status, stdout } = await sender.exit;
      expect(stdout).toMatch(/^[01] 102 (wrong password|a password is needed)\s+closed\s*$/);
      expect(status).toBe(1);
    }
  });
});

describe.skipIf(!hasPython)('a receiver in Python', () => {
  async function makeThings(folder: string): Promise<string> {
    const tree = join(folder, 'from', 'tree');
    await mkdir(join(tree, 'inner', 'empty'), { recursive: true });
    await mkdir(join(tree, 'skip'));
    await writeFile(join(tree, 'skip', 'inside'), 'not wanted');
    await writeFile(join(tree, 'inner', 'skip'), 'not wanted');
    await writeFile(join(tree, 'inner', '文書.txt'), 'x'.repeat(200_000));
    await writeFile(join(tree, 'nothing'), '');
    await mkdir(join(folder, 'to'));
    return tree;
  }

  test.each(['1', '16'])('gets the same from ours, with a window of %s', async (window) => {
    await using folder = await TemporaryFolder.make();
    const tree = await makeThings(folder.path);
    await writeFile(join(folder.path, 'password'), 'sesam');
    await using receiver = python('isend_receiver.py', join(folder.path, 'to'), 'sesam');
    const [port = ''] = await receiver.waitFor(/^\d+/);
    const sent = await run(WIRELAB, [
      ...['isend', 'send', '127.0.0.1', tree, '--port', port, '--message', 'hello'],
      ...['--window', window, '--password-file', join(folder.path, 'password')],
    ]);
    // What the receiver did not want has not been confirmed.
    expect(sent.stderr).toContain('tree/skip was skipped by the receiver');
    expect(sent.stderr).toContain('inner/skip was skipped by the receiver');
    expect(sent.stderr).toContain('Confirmed: 2 files, 3 folders, 1 message, 200.0 kB');
    expect(sent.status).toBe(1);
    const { stdout } = await receiver.exit;
    expect(stdout).toContain('message hello');
    expect(stdout).toMatch(/end\s*$/);
    const copy = join(folder.path, 'to', 'tree');
    expect((await readdir(copy)).sort()).toEqual(['inner', 'nothing']);
    expect((await readdir(join(copy, 'inner'))).sort()).toEqual(['empty', '文書.txt']);
    const same = await readFile(join(copy, 'inner', '文書.txt'), 'utf8');
    expect(same === 'x'.repeat(200_000)).toBe(true);
  });

  test('that refuses is told to the user', async () => {
    await using folder = await TemporaryFolder.make();
    await using receiver = python('isend_receiver.py', folder.path, 'sesam');
    const [port = ''] = await receiver.waitFor(/^\d+/);
    const sent = await run(WIRELAB, [
      ...['isend', 'send', '127.0.0.1', '--port', port, '--message', 'hello'],
    ]);
    expect(sent.stderr).toContain('refuses the connection: a password is needed');
    expect(sent.status).toBe(1);
  });
});

import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { TemporaryFolder } from './folders.ts';
import { run, WIRELAB } from './programs.ts';

describe('wirelab check, without grading', () => {
  test('lists the checks, and explains one', async () => {
    const { stdout } = await run(WIRELAB, ['check', '--list']);
    expect(stdout).toMatch(/^of a server\n.*\n {2}starting +all-ports +3$/m);
    const explained = await run(WIRELAB, ['check', '--explain', 'timer-grows']);
    expect(explained.stdout).toContain(
      'What it tests: "If the error happened, the socket would increase',
    );
    expect(explained.stdout).toContain('scenario first-datagram');
    expect(explained.stdout).toContain('gets as far as the beginning of a download.');
    const first = await run(WIRELAB, ['check', '--explain', 'starts']);
    expect(first.stdout).not.toContain('gets as far as');
  });

  test.each([
    [[], "say what to grade: --server 'COMMAND' or --client 'COMMAND'"],
    [['--server', 'a', '--client', 'b'], 'say --server or --client, not both'],
    [['--server', ' '], 'Give what starts the program'],
    [['--client', ''], 'Give what starts the program'],
    [['--server', 'a', '--only', 'nothing'], "there is no check 'nothing' of a server"],
    [['--server', 'a', '--dir', '/no/such/folder'], 'there is no folder /no/such/folder'],
    [['--explain', 'nothing'], "there is no check 'nothing'"],
    [['--server', 'a', '--batch', '/no/such/folder'], 'there is no folder /no/such/folder'],
    [['--server', 'a', '--submitted', 'soon'], 'Give a time'],
    [['--server', 'a', '--batch', '.', '--submitted', '2026-12-01'], '--submitted is for one'],
  ])('refuses %j in one line', async (flags, words) => {
    await using folder = await TemporaryFolder.create({});
    const out = join(folder.path, 'out');
    const { status, stderr } = await run(WIRELAB, ['check', ...flags, '--out', out]);
    expect(status).toBe(2);
    expect(stderr).toContain(words);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(existsSync(out)).toBe(false);
  });

  test.each([
    [
      ['--junit', 'nowhere/x.xml'],
      /^error: --junit nowhere\/x\.xml: there is no folder \S+nowhere\n$/,
    ],
    [['--tap', 'a.txt/x.tap'], /: there is no folder \S+a\.txt\n$/],
    [['--gradescope', '/dev/null'], /: that is no file\n$/],
    [['--out', 'a.txt'], /^error: --out a\.txt cannot be a folder: \S+a\.txt is none\n$/],
    [['--out', 'a.txt/out'], /cannot be a folder: \S+a\.txt is none\n$/],
    [['--batch', 'class', '--out', 'a.txt/out'], /cannot be a folder: \S+a\.txt is none\n$/],
    [['--gradescope-zip', 'nowhere/a.zip'], /there is no folder \S+nowhere\n$/],
    [
      ['--gradescope-zip', 'a.zip', '--junit', 'x.xml'],
      /grades nothing: --junit does not go with it/,
    ],
    [
      ['--gradescope-zip', 'a.zip', '--only', 'starts'],
      /grades nothing: --only does not go with it/,
    ],
    [
      ['--gradescope-zip', 'a.zip', '--batch', 'class'],
      /grades nothing: --batch does not go with it/,
    ],
  ])('refuses %j before anything is graded', async (flags, words) => {
    await using folder = await TemporaryFolder.create({ 'a.txt': 'mine' });
    await mkdir(join(folder.path, 'class/ann'), { recursive: true });
    const args = ['check', '--server', 'a', ...flags];
    const { status, stderr, stdout } = await run(WIRELAB, args, { cwd: folder.path });
    expect(stderr).toMatch(words);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect((await readdir(folder.path)).sort()).toEqual(['a.txt', 'class']);
  });

  test('refuses to grade nothing, and a submission with the name of a table', async () => {
    await using folder = await TemporaryFolder.create({
      'none.yaml': 'families: []\n',
      'one.yaml': 'families: [starting]\n',
    });
    const check = (...args: string[]) =>
      run(WIRELAB, ['check', '--server', 'a', ...args], { cwd: folder.path });
    for (const args of [
      ['--assignment', 'none.yaml'],
      ['--assignment', 'one.yaml', '--only', 'pause'],
    ]) {
      const { status, stderr, stdout } = await check(...args);
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
      expect(stderr).toMatch(/^error: no check is left to be done: .*\n$/);
    }
    await mkdir(join(folder.path, 'class/class.csv'), { recursive: true });
    const { status, stderr } = await check('--batch', 'class');
    expect({ status, stderr }).toEqual({
      ...{ status: 2, stderr: 'error: a submission must not be called class.csv\n' },
    });
  });

  test('says what is wrong with an assignment', async () => {
    await using folder = await TemporaryFolder.create({
      'wrong.yaml': 'points: {paus: 3}\n',
      'no.yaml': 'points: [\n',
    });
    const path = (name: string): string => join(folder.path, name);
    const wrong = await run(WIRELAB, [
      'check',
      '--server',
      'a',
      '--assignment',
      path('wrong.yaml'),
    ]);
    expect(wrong.stderr).toContain("points: there is no check 'paus' of a server");
    const no = await run(WIRELAB, ['check', '--server', 'a', '--assignment', path('no.yaml')]);
    expect(no.stderr).toMatch(/no\.yaml: .* at line/);
  });
});

test('the bundle for Gradescope has its two programs, and can run them', async () => {
  await using folder = await TemporaryFolder.create({ 'a.yaml': 'server: python3 Server.py\n' });
  const zip = join(folder.path, 'autograder.zip');
  const args = ['--gradescope-zip', zip, '--assignment', join(folder.path, 'a.yaml')];
  const { status, stderr } = await run(WIRELAB, ['check', ...args]);
  if (/is not built/.test(stderr)) {
    // The compiled programs of the tests are no package; the built one is tried in the test of the package.
    expect(status).toBe(1);
    return;
  }
  expect(status, stderr).toBe(0);
  const files = unzipSync(await readFile(zip));
  expect(Object.keys(files).sort()).toEqual([
    ...['assignment.yaml', 'run_autograder', 'setup.sh', 'wirelab.tgz'],
  ]);
});

import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { until } from '../net/waiting.ts';
import { FAULTS } from '../submissions/faults.ts';
import { canGrade, faulty } from '../support/submissions.ts';
import { TemporaryFolder } from './folders.ts';
import { commandsWith, nodeArguments, Program, WIRELAB } from './programs.ts';

/** To remove so many takes a while. */
const FILES = 500;

/** A submission with many files, and a place for its copy. */
async function manyFiles(): Promise<TemporaryFolder> {
  const folder = await TemporaryFolder.create({});
  for (const name of ['class/ann/data', 'class/bob', 'class/cy', 'temporary']) {
    await mkdir(join(folder.path, name), { recursive: true });
  }
  for (let at = 0; at < FILES; at += 1) {
    await writeFile(join(folder.path, `class/ann/data/${at}`), '');
  }
  const fault = FAULTS.find(({ name }) => name === 'resends-all');
  if (fault === undefined) throw new Error('there is no such fault');
  const text = await faulty(fault);
  for (const name of ['ann', 'bob', 'cy']) {
    await writeFile(join(folder.path, `class/${name}/s.py`), text);
  }
  return folder;
}

/** In the folder, which is in the command of all that is started. */
function graderIn(folder: string, only: string, what: readonly string[]): readonly string[] {
  const flags = [
    '--server',
    `python3 s.py ${folder}`,
    '--out',
    'out',
    '--only',
    ...only.split(' '),
  ];
  return [process.execPath, ...nodeArguments(WIRELAB), 'check', ...flags, ...what];
}

async function expectNothingLeft(folder: string): Promise<void> {
  await until('their end', async () => (await commandsWith(folder)).length === 0);
  expect(await readdir(join(folder, 'temporary'))).toEqual([]);
}

function options(folder: string) {
  return { cwd: folder, env: { ...process.env, TMPDIR: join(folder, 'temporary') } };
}

describe.runIf(canGrade)('nothing stays behind', () => {
  test.concurrent.each([
    ['in the middle', '^ ', 'starts connect all-ports', ['--dir', 'class/ann']],
    ['at the end', '^how it reads', 'resends-what-was-asked', ['--dir', 'class/ann']],
    ['of a class', '^1.3', 'starts', ['--batch', 'class', '--jobs', '1']],
  ])('of a grading whose output nobody reads any more: %s', async (_, last, only, what) => {
    await using folder = await manyFiles();
    const words = graderIn(folder.path, only, what).map((word) => `'${word}'`);
    const pipe = `{ ${words.join(' ')}; echo "status $?" >&2; } | sed '/${last}/q'`;
    await using shell = new Program('sh', ['-c', pipe], options(folder.path));
    const { stdout, stderr } = await shell.exit;
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(new RegExp(last));
    expect(stderr).toMatch(/^status 130$/m);
    await expectNothingLeft(folder.path);
  });

  test.concurrent('of a grading that is ended by Ctrl-\\', async () => {
    await using folder = await manyFiles();
    const [file = '', ...args] = graderIn(folder.path, 'pause', ['--dir', 'class/ann']);
    await using grader = new Program(file, args, options(folder.path));
    await until('the submission', async () =>
      (await commandsWith(folder.path)).some((one) => /^\S*python\S* s\.py/.test(one)),
    );
    grader.kill('SIGQUIT');
    expect((await grader.exit).status).toBe(130);
    await expectNothingLeft(folder.path);
  });
});

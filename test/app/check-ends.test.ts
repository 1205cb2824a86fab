import { existsSync } from 'node:fs';
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
  for (const name of ['submission/data', 'temporary']) {
    await mkdir(join(folder.path, name), { recursive: true });
  }
  for (let at = 0; at < FILES; at += 1) {
    await writeFile(join(folder.path, `submission/data/${at}`), '');
  }
  return folder;
}

describe.runIf(canGrade)('a pipe that nobody reads any more', () => {
  test.each([
    ['in the middle', /^ /, 'starts connect all-ports'],
    ['at the end', /^how it reads/, 'resends-what-was-asked'],
  ])('%s ends the grader, the program, and all that was copied', async (_, last, only) => {
    await using folder = await manyFiles();
    const at = (name: string): string => join(folder.path, name);
    const fault = FAULTS.find(({ name }) => name === 'resends-all');
    if (fault === undefined) throw new Error('there is no such fault');
    await writeFile(at('submission/server.py'), await faulty(fault));
    const grader = [process.execPath, ...nodeArguments(WIRELAB), 'check'];
    const flags = ['--dir', at('submission'), '--out', at('out'), '--only', ...only.split(' ')];
    const command = [...grader, '--server', `python3 server.py ${folder.path}`, ...flags];
    const words = command.map((word) => `'${word}'`).join(' ');
    const env = { ...process.env, TMPDIR: at('temporary') };
    await using shell = new Program('sh', ['-c', `${words} | sed '/${last.source}/q'`], { env });
    const { stdout } = await shell.exit;
    expect(stdout.trim().split('\n').at(-1)).toMatch(last);
    await until('their end', async () => (await commandsWith(folder.path)).length === 0);
    expect(await readdir(at('temporary'))).toEqual([]);
    expect(existsSync(at('out/report.html'))).toBe(last.source.includes('how'));
  });
});

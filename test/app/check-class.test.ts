import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { canGrade, grade, submission } from '../support/submissions.ts';
import { TemporaryFolder } from './folders.ts';
import { run, WIRELAB } from './programs.ts';

describe.skipIf(!canGrade)('wirelab check', () => {
  test.concurrent('grades a class, goes on where it was broken off, and says what went wrong most often', async () => {
    await using folder = await TemporaryFolder.create({
      'assignment.yaml': `title: Networks 3
server: python3 server.py
families: [starting, lists]
points: {users: 5, all-ports: 0}
readings: {its messages end with: a line end}
hidden: [files]
`,
    });
    const at = (name: string): string => join(folder.path, name);
    for (const name of ['ann', 'bob', 'zoe'])
      await mkdir(join(at('class'), name), { recursive: true });
    const right = await submission('server', 'line.py');
    await writeFile(at('class/ann/server.py'), right);
    await writeFile(at('class/bob/server.py'), await submission('server', 'bare.py'));
    await writeFile(at('class/zoe/server.py'), 'import nonsense\n');
    const args = [
      'check',
      '--batch',
      at('class'),
      '--assignment',
      at('assignment.yaml'),
      '--out',
      at('out'),
    ];
    const { stdout, status, stderr } = await run(WIRELAB, args);
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/ann: 12 of 12\n/);
    // It reads the document in another way than this assignment has it.
    expect(stdout).toMatch(/bob: 10 of 12\n/);
    expect(stdout).toMatch(/zoe: 0 of 12\n/);
    const csv = await readFile(at('out/class.csv'), 'utf8');
    expect(csv.split('\r\n')[0]).toBe(
      '\ufeffsubmission,score,earned,late,points,why,starts,users,users-before-connect,files,its messages end with',
    );
    const forAnn = await readFile(at('out/ann/for-students/report.html'), 'utf8');
    expect(forAnn).not.toContain('>files');
    expect(forAnn).toContain('Other checks are hidden');
    // What he repeats is in his own folder, and he has no assignment file.
    const forZoe = await readFile(at('out/zoe/for-students/report.html'), 'utf8');
    expect(forZoe).toContain('could not be tried, as it does not get so far');
    expect(forZoe).toMatch(/wirelab check --server \S+python3 server\.py\S+ --only starts/);
    expect(forZoe).not.toMatch(/--dir|--assignment/);
    expect(await readFile(at('out/class.html'), 'utf8')).toContain('href="zoe/report.html"');
    // Whoever hands in anew is graded anew, and what comes late has less.
    await writeFile(at('class/bob/server.py'), right);
    await writeFile(at('class/notes.txt'), '');
    const again = await run(WIRELAB, args);
    expect(again.stdout).toContain('left out, as they are no folders: notes.txt\n3 submissions, ');
    expect(again.stdout).toMatch(/bob: 12 of 12\n/);
    expect(again.stdout.match(/from an earlier run/g)).toHaveLength(2);
    // What is not hidden any more is handed out.
    await writeFile(at('assignment.yaml'), 'server: python3 server.py\nfamilies: [lists]\n');
    await run(WIRELAB, args);
    const all = await readFile(at('out/ann/for-students/report.html'), 'utf8');
    expect(all).toContain('>files');
    expect(all).not.toContain('hidden');
  });

  test.concurrent('ends with 1 when one of a class was not graded', async () => {
    await using folder = await TemporaryFolder.create({});
    const at = (name: string): string => join(folder.path, name);
    for (const name of ['ann', 'bob']) {
      await mkdir(at(`class/${name}`), { recursive: true });
      await writeFile(at(`class/${name}/server.py`), 'import nonsense\n');
    }
    const flags = ['--batch', at('class'), '--out', at('out'), '--only', 'starts'];
    const check = () => run(WIRELAB, ['check', '--server', 'python3 server.py', ...flags]);
    // Where the report is to be.
    await mkdir(at('out/bob/report.html'), { recursive: true });
    const { status, stdout } = await check();
    expect(stdout).toMatch(/ann: 0 of \d+\n/);
    expect(stdout).toMatch(/bob: not graded: error: .*report\.html cannot be written/);
    expect(status).toBe(1);
    await rm(at('out/bob'), { recursive: true });
    expect((await check()).status).toBe(0);
  });

  test.concurrent('takes off what the assignment has for coming late, by the newest file', async () => {
    await using folder = await TemporaryFolder.create({
      'assignment.yaml': 'late: { due: 2026-06-01T12:00:00Z, per-day: 25% }\n',
    });
    const assignment = ['--assignment', join(folder.path, 'assignment.yaml')];
    const right = await submission('server', 'line.py');
    const late = await grade('server', 'line.py', right, ['starts', 'users'], assignment);
    expect(late).toMatchObject({ earned: 4, score: 0 });
    const submitted = ['--submitted', '2026-06-02T11:00:00Z'];
    const day = [...assignment, ...submitted];
    expect(await grade('server', 'line.py', right, ['starts', 'users'], day)).toMatchObject({
      ...{ earned: 4, score: 3 },
    });
  });
});

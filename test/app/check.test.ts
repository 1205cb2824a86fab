import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { STAGES } from '../../lib/lab/grader/stages.ts';
import { until } from '../net/waiting.ts';
import { FAULTS } from '../submissions/faults.ts';
import { UNFINISHED } from '../submissions/unfinished.ts';
import { VARIATIONS } from '../submissions/variations.ts';
import {
  canGrade,
  faulty,
  grade,
  gradeOwn,
  lostBy,
  RIGHT,
  submission,
} from '../support/submissions.ts';
import { hasTshark, packetFields } from '../support/tshark.ts';
import { TemporaryFolder } from './folders.ts';
import { commandsWith, run, start, WIRELAB } from './programs.ts';

/** Quick ones of every kind; all of them are done in `test:long`. */
const SOME = {
  server: ['connect', 'message-to-one', 'size-two-parts', 'last-byte', 'lost-every-third'],
  client: ['connect', 'message-to-one', 'size-two-parts', 'lost-every-third', 'asks-at-half'],
};

/** One more for the programs of this project. */
const OWN_RISK = { server: 'path-in-name', client: 'name-illegal' };

/** One for each stage; all of them are done in `test:long`. */
const SOME_UNFINISHED = UNFINISHED.filter(
  ({ side, reaches }, at) =>
    UNFINISHED.findIndex((one) => one.side === side && one.reaches === reaches) === at,
);

/** For each stage, a check that needs a program to get that far, in the order in which they are done. */
const ONE_FOR_STAGE = {
  server: ['starts', 'users', 'datagram-format', 'pause'],
  client: ['starts', 'get-users', 'asks-at-half', 'duplicates'],
};

/** One mistake of each kind, and the checks that find it. */
const MISTAKES = [
  ['server', 'line.py', 'last-part-short', ['size-one-part']],
  ['server', 'line.py', 'resends-all', ['resends-what-was-asked']],
  ['server', 'line.py', 'no-pause', ['pause']],
  ['server', 'line.py', 'ends-with-a-client', ['vanishing-client']],
  ['server', 'events.py', 'leaks-udp', ['closes-sockets']],
  ['server', 'events.py', 'junk-ends-server', ['junk']],
  ['server', 'original.pl', 'name-taken-twice', ['name-taken']],
  ['client', 'line.py', 'timer-stays', ['timer-grows']],
  ['client', 'line.py', 'proceeds-itself', ['asks-at-half']],
  ['client', 'line.py', 'gives-up', ['timer-begins']],
  ['client', 'original.py', 'asks-for-all', ['asks-for-what-is-missing']],
  ['client', 'select.pl', 'saves-when-stopped', ['stop-at-half']],
] as const;

describe('every planted fault', () => {
  test('fits the submission that it is planted in', async () => {
    for (const fault of FAULTS) await faulty(fault);
    expect(FAULTS.filter(({ side }) => side === 'server').length).toBeGreaterThanOrEqual(40);
    expect(FAULTS.filter(({ side }) => side === 'client').length).toBeGreaterThanOrEqual(40);
  });

  test('stands in the table of the documentation, with the checks that it loses', async () => {
    const rows = FAULTS.map(({ side, base, name, about, loses }) => {
      return `| ${side} | ${base} | ${name} | ${about} | ${loses.join(', ')} |`;
    });
    const head = ['| of a | planted in | fault | what it does | checks that it loses |'];
    const table = [...head, '| --- | --- | --- | --- | --- |', ...rows, ''].join('\n');
    await expect(table).toMatchFileSnapshot('../submissions/TABLE.md');
  });
});

describe.skipIf(!canGrade)('wirelab check', () => {
  // They wait more than they work.
  test.concurrent.each([
    ...RIGHT.server.map((file) => ['server', file] as const),
    ...RIGHT.client.map((file) => ['client', file] as const),
  ])('gives all points to a right %s, whatever its reading: %s', async (side, file) => {
    const { results } = await grade(side, file, await submission(side, file), SOME[side]);
    expect(results.flatMap(({ findings }) => findings)).toEqual([]);
    expect(results.map(({ status }) => status)).toEqual(SOME[side].map(() => 'passed'));
  });

  test.concurrent.each(['server', 'client'] as const)(
    'gives all points to the %s of this project',
    async (side) => {
      const { results } = await gradeOwn(side, [...SOME[side], OWN_RISK[side]]);
      expect(results.flatMap(({ findings }) => findings)).toEqual([]);
      expect(results).toHaveLength(SOME[side].length + 1);
    },
  );

  test.concurrent.each(VARIATIONS.map((one) => [one.side, one.base, one.about, one] as const))(
    'takes nothing from the %s %s that %s',
    async (side, base, _, variation) => {
      const report = await grade(side, base, await faulty(variation), variation.risks);
      expect(report.results.flatMap(({ findings }) => findings)).toEqual([]);
      expect(report.results).toHaveLength(variation.risks.length);
    },
  );

  test.concurrent.each(SOME_UNFINISHED.map((one) => [one.side, one.about, one] as const))(
    'tries with a %s that %s what it gets as far as, and says so of the rest',
    async (side, _, unfinished) => {
      const { reaches: reached } = unfinished;
      const tried = ONE_FOR_STAGE[side].slice(0, STAGES.indexOf(reached));
      const report = await grade(side, 'line.py', await faulty(unfinished), ONE_FOR_STAGE[side]);
      const untried = report.results.filter(({ findings: [first] }) =>
        first?.wrong.startsWith('this could not be tried, as '),
      );
      expect([...tried, ...untried.map(({ check }) => check)]).toEqual(ONE_FOR_STAGE[side]);
      expect(untried.map(({ earned }) => earned)).toEqual(untried.map(() => 0));
      expect(report.readings.map(([what]) => what)).toContain('it gets as far as');
      expect(report.readings.map(([what]) => what)).not.toContain('parts are numbered');
    },
  );

  test.concurrent('keeps a program from what is not its own, even as root', async () => {
    const text = `import re
print(re.search('CapEff:.*', open('/proc/self/status').read())[0])
for path in '/run/x', '/dev/x', '/dev/shm/x', '/tmp/x', 'x', '/etc/x':
    try:
        open(path, 'w')
        print('writes', path)
    except OSError:
        pass
print('end')
`;
    const report = await grade('server', 's.py', text, ['starts']);
    expect(report.results[0]?.output.split('\n').slice(0, -2)).toEqual([
      'CapEff:\t0000000000000000',
      ...['writes /dev/shm/x', 'writes /tmp/x', 'writes x'],
    ]);
  });

  test.concurrent('writes its report through no link that was handed in', async () => {
    await using folder = await TemporaryFolder.create({ 'mine.txt': 'mine' });
    const at = (name: string): string => join(folder.path, name);
    await mkdir(at('submission/wirelab-check/captures'), { recursive: true });
    await writeFile(at('submission/server.py'), 'import nonsense');
    const report = at('submission/wirelab-check/report.html');
    await symlink(at('mine.txt'), report);
    const check = async (): Promise<number | null> => {
      const flags = ['--dir', at('submission'), '--out', dirname(report), '--only', 'starts'];
      return (await run(WIRELAB, ['check', '--server', 'python3 server.py', ...flags])).status;
    };
    expect(await check()).toBe(1);
    expect(await readFile(at('mine.txt'), 'utf8')).toBe('mine');
    expect(await readFile(report, 'utf8')).toContain('does not start');
    for (const name of ['wirelab-check/captures', 'wirelab-check']) {
      await rm(at(`submission/${name}`), { recursive: true });
      await mkdir(at('other'), { recursive: true });
      await symlink(at('other'), at(`submission/${name}`));
      expect(await check(), name).toBeGreaterThan(0);
      expect(await readdir(at('other'))).toEqual([]);
    }
  });

  test.concurrent('writes reports into the folder that it makes, and says when that does not work', async () => {
    await using folder = await TemporaryFolder.create({ 'server.py': 'import nonsense' });
    const flags = ['--only', 'starts', '--out', 'out', '--tap', 'out/x.tap'];
    const args = ['check', '--server', 'python3 server.py', ...flags];
    const options = { cwd: folder.path };
    expect((await run(WIRELAB, args, options)).status).toBe(1);
    expect(await readFile(join(folder.path, 'out/x.tap'), 'utf8')).toContain('not ok 1');
    await rm(join(folder.path, 'out/report.html'));
    await mkdir(join(folder.path, 'out/report.html'));
    const { status, stderr } = await run(WIRELAB, args, options);
    expect(stderr).toMatch(/^error: \S+report\.html cannot be written: .*\n$/);
    expect(status).toBe(1);
  });

  test.concurrent.each(MISTAKES)(
    'finds the mistake of the %s %s: %s',
    async (side, base, name, checks) => {
      const fault = FAULTS.find(
        (one) => one.side === side && one.base === base && one.name === name,
      );
      if (fault === undefined) throw new Error('there is no such fault');
      for (const check of checks) expect(fault.loses).toContain(check);
      // Beside them, one that has nothing to do with it.
      const report = await grade(side, base, await faulty(fault), ['connect', ...checks]);
      expect(lostBy(report)).toEqual(checks);
      for (const result of report.results.filter(({ status }) => status !== 'passed')) {
        expect(result.steps.length).toBeGreaterThan(2);
        expect(result.findings[0]?.expected).toBeDefined();
        expect(result.command).toContain(`--only ${result.check}`);
      }
    },
  );

  test
    .skipIf(!hasTshark)
    .concurrent(
      'shows in the capture of a client what the path has lost, and no other losses',
      async () => {
        await using folder = await TemporaryFolder.create({});
        const fault = FAULTS.find(({ name, side }) => name === 'gives-up' && side === 'client');
        if (fault === undefined) throw new Error('there is no such fault');
        await writeFile(join(folder.path, 'client.py'), await faulty(fault));
        const out = join(folder.path, 'out');
        const only = ['--only', 'lost-every-third'];
        await run(WIRELAB, [
          ...[
            'check',
            '--client',
            'python3 client.py',
            '--dir',
            folder.path,
            '--out',
            out,
            ...only,
          ],
        ]);
        const capture = join(out, 'captures/lost-every-third.pcapng');
        const rows = await packetFields(capture, ['udp.payload', 'frame.comment']);
        const lost = rows.filter(([, comment]) => comment?.startsWith('dropped: seed 42'));
        expect(lost[0]?.[0]).toMatch(/^000000023a/);
        expect(lost[0]?.[1]).toBe('dropped: seed 42, part 2, sending 1');
        const page = await readFile(join(out, 'report.html'), 'utf8');
        expect(page).toContain('it was found out after frame ');
        expect(page).toMatch(/part 2</);
      },
    );

  test
    .skipIf(!hasTshark)
    .concurrent('shows what is wrong in a capture of that check alone', async () => {
      await using folder = await TemporaryFolder.create({});
      const fault = FAULTS.find(({ name }) => name === 'resends-all');
      if (fault === undefined) throw new Error('there is no such fault');
      await writeFile(join(folder.path, 'server.py'), await faulty(fault));
      const out = join(folder.path, 'out');
      const only = ['--only', 'resends-what-was-asked', 'connect'];
      const { status, stdout } = await run(WIRELAB, [
        ...['check', '--server', 'python3 server.py', '--dir', folder.path, '--out', out, ...only],
      ]);
      expect(status).toBe(1);
      expect(stdout).toMatch(/FAIL resends-what-was-asked +0 of 3/);
      expect(stdout).toMatch(
        /repeat: +wirelab check --server 'python3 server\.py' .*--only resends/,
      );
      expect(stdout).toContain('3 of 6 points');
      const page = await readFile(join(out, 'report.html'), 'utf8');
      expect(page.match(/<svg/g)?.length).toBe(2);
      expect(page).not.toContain('<script');
      expect(existsSync(join(out, 'captures/connect.pcapng'))).toBe(false);
      const report = JSON.parse(await readFile(join(out, 'report.json'), 'utf8'));
      const { frames, got } = report.results[1].findings[0];
      const capture = join(out, 'captures/resends-what-was-asked.pcapng');
      const rows = await packetFields(capture, ['frame.number', 'udp.payload', 'frame.comment']);
      const seqs = frames.map((frame: number) =>
        Number.parseInt(rows[frame - 1]?.[1]?.slice(0, 8) ?? '', 16),
      );
      // The frames are datagrams of parts that it names.
      for (const seq of seqs) expect(got).toContain(String(seq));
      expect(
        rows.some(([, , comment]) => /^dropped: seed 42, part \d+, sending 1$/.test(comment ?? '')),
      ).toBe(true);
    });

  test.concurrent('says what a program has printed that does not start, and does not wait for it long', async () => {
    const report = await grade('server', 's.py', 'import nonsense\n', ['starts', 'pause', 'junk']);
    expect(lostBy(report)).toEqual(['starts', 'pause', 'junk']);
    expect(report.results[0]?.findings[0]?.got).toMatch(/exit status 1: .*nonsense/);
    // However much it has said before.
    const loud = await grade('server', 's.py', "print('x\\n' * 2_000_000)\nimport nonsense\n", [
      'starts',
    ]);
    expect(loud.results[0]?.findings[0]?.got).toMatch(/exit status 1: .*nonsense/);
    const client = await grade('client', 'c.py', 'print("hello")\n', ['starts', 'connect']);
    expect(lostBy(client)).toEqual(['starts', 'connect']);
    expect(client.results[0]?.findings[0]?.got).toMatch(/it has ended: exit status 0/);
  });

  test.concurrent('is not harmed by a program that forks, floods, and writes elsewhere', async () => {
    const outside = join('/tmp', `wirelab-outside-${process.pid}`);
    const text = `import os, sys, time
for _ in range(30):
    if os.fork() == 0:
        os.setsid()
        while True:
            time.sleep(1)
try:
    open('${outside}', 'w').write('x')
except OSError:
    pass
while True:
    sys.stdout.write('x' * 65536)
`;
    const report = await grade('server', 's.py', text, ['starts', 'junk']);
    expect(lostBy(report)).toEqual(['starts', 'junk']);
    expect(report.results[0]?.output.length).toBeLessThan(70_000);
    // What is left out tells how much was read: 10 MB a second, and not all that there is.
    const [, read] = /\[(\d+) characters left out\]/.exec(report.results[0]?.output ?? '') ?? [];
    expect(Number(read)).toBeLessThan(400_000_000);
    expect(existsSync(outside)).toBe(false);
  });

  test.concurrent('ends a program that eats memory', async () => {
    // Under the name of what holds it.
    const text = `import time
open('/proc/self/comm', 'w').write('bwrap')
data = []
while True:
    data.append(b'x' * 20_000_000)
    time.sleep(0.01)
`;
    const report = await grade('server', 's.py', text, ['starts']);
    expect(report.results[0]?.findings[0]?.got).toMatch(/it took more than .* of memory/);
  });

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
    // What is not hidden any more is not handed out without it.
    await writeFile(at('assignment.yaml'), 'server: python3 server.py\nfamilies: [starting]\n');
    await run(WIRELAB, args);
    expect(existsSync(at('out/ann/for-students'))).toBe(false);
  }, 120_000);

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

  test.concurrent('says where the program is that it cannot start', async () => {
    await using folder = await TemporaryFolder.create({});
    const at = (name: string): string => join(folder.path, name);
    // Names of files do not drive the terminal.
    await mkdir(at('handed-in/project/src\x1b'), { recursive: true });
    await writeFile(
      at('handed-in/project/src\x1b/server.py'),
      await submission('server', 'line.py'),
    );
    const args = ['--server', 'python3 server.py', '--dir', at('handed-in'), '--out', at('out')];
    const { stdout } = await run(WIRELAB, ['check', ...args, '--only', 'starts']);
    expect(stdout).toContain('there is no server.py, but project/src\\x1b/server.py\n');
    const page = await readFile(at('out/report.html'), 'utf8');
    expect(page).toContain('there is no server.py, but project/src\\x1b/server.py');
  });

  test.concurrent('knows the words of a client from the assignment', async () => {
    const question = "Download reached 50%. Write 'proceed' to continue, anything else to stop: ";
    const right = await submission('client', 'line.py');
    expect(right).toContain(question);
    const text = right.replace(question, 'Die Haelfte ist da, und nun: ');
    await using folder = await TemporaryFolder.create({
      'assignment.yaml': 'prompts: { question: Haelfte }\n',
    });
    const assignment = ['--assignment', join(folder.path, 'assignment.yaml')];
    const only = ['asks-at-half'];
    expect(lostBy(await grade('client', 'line.py', text, only))).toEqual(only);
    expect(lostBy(await grade('client', 'line.py', text, only, assignment))).toEqual([]);
  });

  test.concurrent.each([
    ['--dir', 'class/one', 'broken off; there is no report'],
    ['--batch', 'class', 'broken off; the same command goes on with the rest'],
  ])('%s, broken off by Ctrl-C, leaves no process and nothing else', async (flag, what, words) => {
    await using folder = await TemporaryFolder.create({});
    const at = (name: string): string => join(folder.path, name);
    for (const name of ['class/one', 'temporary']) await mkdir(at(name), { recursive: true });
    await writeFile(at('class/one/server.py'), await submission('server', 'line.py'));
    // The folder is in the command of all that is started.
    const command = `python3 server.py ${folder.path}`;
    const args = ['check', '--server', command, flag, at(what), '--out', at('out')];
    const env = { ...process.env, TMPDIR: at('temporary') };
    await using program = start(WIRELAB, args, { env });
    await until('the submission', async () =>
      (await commandsWith(folder.path)).some((one) => /^\S*python\S* server/.test(one)),
    );
    program.kill('SIGINT');
    const { status, stdout, stderr } = await program.exit;
    expect(status).toBe(130);
    expect(stdout + stderr).toContain(words);
    expect(existsSync(at('out/one/graded.txt'))).toBe(false);
    await until('their end', async () => (await commandsWith(folder.path)).length === 0);
    expect(await readdir(at('temporary'))).toEqual([]);
  });
});

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

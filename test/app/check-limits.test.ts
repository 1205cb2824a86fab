import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { until } from '../net/waiting.ts';
import { canGrade, grade, lostBy, submission } from '../support/submissions.ts';
import { TemporaryFolder } from './folders.ts';
import { commandsWith, start, WIRELAB } from './programs.ts';

describe.skipIf(!canGrade)('wirelab check', () => {
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

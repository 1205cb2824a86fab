import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FAULTS } from '../submissions/faults.ts';
import { canGrade, faulty, grade, lostBy, submission } from '../support/submissions.ts';
import { hasTshark, packetFields } from '../support/tshark.ts';
import { TemporaryFolder } from './folders.ts';
import { run, WIRELAB } from './programs.ts';

describe.skipIf(!canGrade)('wirelab check', () => {
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
});

import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { freePorts } from '../net/free-ports.ts';
import { startServer } from '../support/server-under-test.ts';
import { TemporaryFolder } from './folders.ts';
import { commandsWith, run, WIRELAB } from './programs.ts';

const PROGRAMS = ['sh', 'setpriv', 'setsid', 'sleep', 'id', 'touch', 'rm'];

function pathOf(program: string): string {
  return spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim();
}

const canBeNobody = process.getuid?.() === 0 && PROGRAMS.every((program) => pathOf(program) !== '');
if (!canBeNobody) {
  console.warn('Left out: grading as nobody. It needs Linux, root and setpriv.');
}

/** It tries what would change its grade, and says what it can. */
const SERVER = `id -u; id -G
touch own.txt && echo writes
rm -f files/usual.txt && echo replaces
touch 'OUT/report.json' && echo cheats
read -r _ _ _ grader _ < /proc/$PPID/stat; kill -9 $grader && echo kills
touch link/inside.txt && echo follows
setsid sh -c 'sleep SECONDS &' OUT
echo end
`;

/** Without bubblewrap the ports are those of the machine, on which other tests may have a server. */
async function withPort(folder: TemporaryFolder, port: number): Promise<string> {
  const assignment = join(folder.path, 'assignment.yaml');
  await writeFile(assignment, `ports: ${port}-${port}\n`);
  return assignment;
}

describe.skipIf(!canBeNobody)('wirelab check as root without bubblewrap', () => {
  test('runs a submission as a user who reaches neither the grader nor the results, and ends all of it', async () => {
    await using folder = await TemporaryFolder.create({});
    const at = (name: string): string => join(folder.path, name);
    for (const name of ['bin', 'submission', 'outside']) await mkdir(at(name));
    for (const program of PROGRAMS) await symlink(pathOf(program), join(at('bin'), program));
    await symlink(at('outside'), join(at('submission'), 'link'));
    // Others may look into it, as they may where graders usually write.
    await chmod(folder.path, 0o755);
    await writeFile(at('outside/theirs.txt'), '');
    // So long that no other program sleeps as long.
    const seconds = String(100_000 + process.pid);
    const text = SERVER.replaceAll('OUT', at('out')).replace('SECONDS', seconds);
    await writeFile(at('submission/server.sh'), text);
    const assignment = await withPort(folder, (await freePorts()).tcpPort);
    const { stdout } = await run(
      WIRELAB,
      [
        ...['check', '--server', 'sh server.sh 2> errors.txt', '--only', 'starts'],
        ...['--assignment', assignment],
        ...['--dir', at('submission'), '--out', at('out')],
      ],
      { env: { ...process.env, PATH: at('bin') } },
    );
    const report = JSON.parse(await readFile(at('out/report.json'), 'utf8'));
    expect(stdout).toContain('0 of 2 points');
    expect(report.sandbox).toContain('as a user who owns nothing');
    const [uid, groups, ...said] = report.results[0].output.trim().split('\n');
    expect(Number(uid)).toBeGreaterThan(0);
    expect(groups).toBe(uid);
    expect(said).toEqual(['writes', 'replaces', 'end']);
    // Not even what has left its parents is there any more.
    expect(await commandsWith(`sleep ${seconds}`)).toEqual([]);
    // What a link leads to is not given away.
    expect((await stat(at('outside/theirs.txt'))).uid).toBe(0);
  });

  test('takes no other server on the port for the submission', async () => {
    await using folder = await TemporaryFolder.create({});
    const at = (name: string): string => join(folder.path, name);
    for (const name of ['bin', 'submission']) await mkdir(at(name));
    for (const program of PROGRAMS) await symlink(pathOf(program), join(at('bin'), program));
    await using server = await startServer({ files: {} });
    const { stderr, status } = await run(
      WIRELAB,
      [
        ...['check', '--server', 'sleep 100', '--only', 'starts', '--dir', at('submission')],
        ...['--assignment', await withPort(folder, server.port), '--out', at('out')],
      ],
      { env: { ...process.env, PATH: at('bin') } },
    );
    expect(stderr).toContain(`another program listens on port ${server.port}: end it first`);
    expect(status).toBe(1);
  });
});

import { spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Report } from '../../lib/app/check-reports.ts';
import { ownNetwork } from '../../lib/app/sandbox.ts';
import type { Side } from '../../lib/lab/grader/check.ts';
import { TemporaryFolder } from '../app/folders.ts';
import { CLIENT, REPOSITORY, run, SERVER, WIRELAB } from '../app/programs.ts';
import type { Fault } from '../submissions/fault.ts';
import { hasPython, PYTHON } from './python.ts';

/** Right submissions, by file. */
export const RIGHT: Readonly<Record<Side, readonly string[]>> = {
  server: ['line.py', 'bare.py', 'events.py', 'original.pl'],
  client: ['line.py', 'bare.py', 'original.py', 'select.pl'],
};

/** Whether programs on the ports of the document can be graded here, beside other tests. */
export const canGrade =
  ownNetwork('true', []) !== undefined &&
  hasPython &&
  spawnSync('perl', ['--version']).status === 0;
if (!canGrade) {
  console.warn(
    'Left out: grading of whole programs. It needs Linux with bubblewrap, python3 and perl.',
  );
}

/** Gives points to the checks that go beyond the document, too. */
export const ALL_CHECKS = 'points: { wrong-lengths: 1, other-senders: 1 }\n';

/** The text of a right submission. */
export async function submission(side: Side, file: string): Promise<string> {
  return await readFile(join(REPOSITORY, 'test/submissions', `${side}s`, file), 'utf8');
}

/** The text of a right one in which something is otherwise. @throws Error when that does not fit */
export async function faulty(change: Omit<Fault, 'loses' | 'about'>): Promise<string> {
  const { side, base, from, to, name } = change;
  const parts = (await submission(side, base)).split(from);
  if (parts.length !== 2) throw new Error(`${name} does not fit ${base}`);
  return parts.join(to);
}

/** How the program of that name is started. */
export function commandFor(side: Side, file: string): string {
  return file.endsWith('.pl') ? `perl ${side}.pl` : `'${PYTHON}' -S ${side}.py`;
}

/** This project's own programs, by the document's rules. */
const OWN: Readonly<Record<Side, readonly [program: string, flags: string]>> = {
  server: [SERVER, ''],
  client: [CLIENT, ' --document'],
};
/** Some packages are no modules. */
const REQUIRE = `import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);`;

/** Grades a program of this project. @param only these checks; absent: all */
export async function gradeOwn(side: Side, only: readonly string[] = []): Promise<Report> {
  await using folder = await TemporaryFolder.create({});
  const [program, flags] = OWN[side];
  // In one file: a program that is graded need not see the folder of this project.
  await build({
    ...{ entryPoints: [program], outfile: join(folder.path, 'program.mjs') },
    ...{ bundle: true, platform: 'node', format: 'esm', banner: { js: REQUIRE } },
  });
  const command = `${process.execPath} program.mjs${flags}`;
  return await gradeCommand(side, command, folder.path, only);
}

/** Its compiler is large: it is not installed for the tests. */
export const hasJava = ['javac', 'java'].every(
  (program) => spawnSync(program, ['--version']).status === 0,
);

/** Grades the right submission in Java. */
export async function gradeJava(side: Side): Promise<Report> {
  await using folder = await TemporaryFolder.create({});
  const name = side === 'server' ? 'Server' : 'Client';
  const source = join(REPOSITORY, 'test/submissions', `${side}s`, `${name}.java`);
  const { status, stderr } = spawnSync('javac', ['-d', folder.path, source], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`it was not compiled: ${stderr}`);
  return await gradeCommand(side, `java ${name}`, folder.path, []);
}

/** The same, with the checks that go beyond the document. */
export async function gradeStrictly(side: Side, file: string, text: string): Promise<Report> {
  if (side === 'server') return await grade(side, file, text);
  await using folder = await TemporaryFolder.create({ 'assignment.yaml': ALL_CHECKS });
  const assignment = join(folder.path, 'assignment.yaml');
  return await grade(side, file, text, [], ['--assignment', assignment]);
}

/** Grades a program, as a teacher does. @param only these checks; absent: all */
export async function grade(
  side: Side,
  file: string,
  text: string,
  only: readonly string[] = [],
  flags: readonly string[] = [],
): Promise<Report> {
  await using folder = await TemporaryFolder.create({});
  const dir = join(folder.path, 'submission');
  await mkdir(dir);
  await writeFile(join(dir, `${side}${file.slice(file.lastIndexOf('.'))}`), text);
  return await gradeCommand(side, commandFor(side, file), dir, only, flags);
}

async function gradeCommand(
  side: Side,
  command: string,
  dir: string,
  only: readonly string[],
  flags: readonly string[] = [],
): Promise<Report> {
  await using folder = await TemporaryFolder.create({});
  const out = join(folder.path, 'out');
  const { stderr } = await run(WIRELAB, [
    ...['check', `--${side}`, command, '--dir', dir, '--out', out],
    ...flags,
    ...(only.length === 0 ? [] : ['--only', ...only]),
  ]);
  const report = await readFile(join(out, 'report.json'), 'utf8').catch(() => undefined);
  if (report === undefined) throw new Error(`it was not graded: ${stderr}`);
  return JSON.parse(report) as Report;
}

/** The checks that have cost points. */
export function lostBy({ results }: Report): string[] {
  return results.filter(({ status }) => status !== 'passed').map(({ check }) => check);
}

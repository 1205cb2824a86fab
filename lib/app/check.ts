import { spawn } from 'node:child_process';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type CheckFlags, explanation, listOfChecks } from './check-options.ts';
import { EXIT } from './exit-status.ts';
import { newCommand } from './flags.ts';
import { ownNetwork } from './sandbox.ts';
import { GRADING_SIGNALS } from './stop-signals.ts';

/** Says to a process that it has a network of its own already. */
const INSIDE = 'WIRELAB_OWN_NETWORK';

/** `wirelab check`: grades servers and clients of the classroom protocol. */
export function checkCommand(): Command {
  return newCommand('check')
    .description('Grade a server or a client of the classroom protocol, in any language.')
    .option('--server <command>', "what starts the server, like 'python3 Server.py'", parseCommand)
    .option('--client <command>', "what starts the client, like 'python3 Client.py'", parseCommand)
    .option('--dir <folder>', 'where the submission is; it runs in a copy of it', '.')
    .option('--assignment <file>', 'what the teacher has decided (YAML, see the README)')
    .option('--only <check...>', 'these checks only')
    .option('--out <folder>', 'where the report and the captures go', 'wirelab-check')
    .option('--list', 'name all checks')
    .option('--explain <check>', 'what a check tests, and how to find what is wrong')
    .optionsGroup('Reports for other programs:')
    .option('--junit <file>', 'JUnit XML')
    .option('--tap <file>', 'TAP 14')
    .option('--github <file>', "JSON for the reporter of GitHub Classroom's autograding")
    .option('--gradescope <file>', "Gradescope's results.json")
    .option('--submitted <time>', 'when it was handed in, like 2026-12-01T23:59', parseTime)
    .optionsGroup('A whole class:')
    .option('--batch <folder>', 'grade each folder in it, and write a table of the class to --out')
    .addOption(new Option('--jobs <number>', 'so many at a time').argParser(parseJobs))
    .option('--again', 'grade those again that have a grade from an earlier run')
    .option('--gradescope-zip <file>', 'write an autograder for Gradescope that does the same')
    .action(check);
}

async function check(flags: CheckFlags): Promise<void> {
  if (flags.list) process.stdout.write(listOfChecks());
  else if (flags.explain !== undefined) process.stdout.write(explanation(flags.explain));
  else if (flags.gradescopeZip !== undefined) {
    const { writeGradescopeZip } = await import('./gradescope-zip.ts');
    await writeGradescopeZip(flags.gradescopeZip, flags);
  } else if (flags.batch !== undefined) {
    const { checkBatch } = await import('./check-batch.ts');
    await checkBatch(flags.batch, flags);
  } else if (process.env[INSIDE] !== undefined || !(await runInOwnNetwork())) {
    // Loaded by the process that needs it only: charts and terminals take a while.
    const { checkOne } = await import('./check-one.ts');
    await checkOne(flags);
    // Whatever a program has left behind, the grader is done.
    process.stdout.write('', () => process.exit());
  }
}

/** Starts this program once more where it has a network of its own. @returns whether that was possible */
async function runInOwnNetwork(): Promise<boolean> {
  const args = [...process.execArgv, ...process.argv.slice(1)];
  const own = ownNetwork(process.execPath, args);
  if (own === undefined) return false;
  const child = spawn(own.file, own.args, {
    // A group of its own: what ends both of them comes from here, and bubblewrap lives until the other has cleaned up.
    ...{ detached: true, stdio: ['ignore', 'inherit', 'inherit'] },
    env: { ...process.env, [INSIDE]: '1' },
  });
  const ended = new Promise<number>((resolveStatus, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolveStatus(code ?? EXIT.failed));
  });
  for (const signal of GRADING_SIGNALS) {
    process.on(signal, () => {
      if (child.exitCode === null) process.kill(-(child.pid ?? 0), signal);
    });
  }
  process.exitCode = await ended;
  return true;
}

function parseCommand(text: string): string {
  if (text.trim() === '') {
    throw new InvalidArgumentError("Give what starts the program, like 'python3 Server.py'.");
  }
  return text;
}

function parseTime(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new InvalidArgumentError('Give a time, like 2026-12-01T23:59.');
  return time;
}

function parseJobs(text: string): number {
  const jobs = Number(text);
  if (!/^\d{1,3}$/.test(text) || jobs < 1)
    throw new InvalidArgumentError('Give a number from 1 on.');
  return jobs;
}

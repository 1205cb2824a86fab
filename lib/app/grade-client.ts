import { closeSync, constants, fstatSync, openSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../core/errors.ts';
import { CLIENT_CHECKS } from '../lab/grader/client-checks.ts';
import type { Grade } from '../lab/grader/grade.ts';
import { Patience } from '../lab/grader/patience.ts';
import { clientReadingsInWords } from '../lab/grader/readings-words.ts';
import { ClientProbe, type ClientProbeOptions } from '../net/client-probe.ts';
import { UserError } from './exit-status.ts';
import { type GradeOptions, gradeAll } from './grading.ts';
import { SubmissionTerminal } from './submission-terminal.ts';

/** Larger than any file that is sent to a client. */
const MAX_SAVED_BYTES = 16 * 2 ** 20;

/**
 * Grades a client: each check has a client and a capture of its own.
 * @throws UserError when other programs have all ports
 */
export async function gradeClient(options: GradeOptions): Promise<Grade> {
  const { assignment, command, sandbox } = options;
  const begin = performance.now();
  const probeOptions = probeOptionsOf(options);
  const readings = await ClientProbe.read(probeOptions).catch((error: unknown) => {
    if (systemCode(error) !== 'EADDRINUSE') throw error;
    throw new UserError('other programs listen on all the ports of the assignment: end them first');
  });
  probeOptions.patience.forgive();
  const subject = { side: 'client', reached: readings?.reaches ?? 'nothing' } as const;
  const results = await gradeAll(subject, CLIENT_CHECKS, options, async (run) => {
    run.record();
    const probe = await ClientProbe.open(probeOptions, readings, run.path);
    await run.do(run.check, probe);
    const output = probe.shown;
    await probe.close();
    return await run.result(probe, output);
  });
  return {
    ...{ side: 'client', title: assignment.title, command, results, sandbox: sandbox.about },
    readings: readings === undefined ? [] : clientReadingsInWords(readings),
    seconds: (performance.now() - begin) / 1000,
  };
}

function probeOptionsOf(options: GradeOptions): ClientProbeOptions {
  const { command, folder, sandbox, limits, files, assignment } = options;
  return {
    files,
    ports: assignment.ports,
    prompts: assignment.prompts ?? {},
    startClient: () => new SubmissionTerminal(command, folder, sandbox, limits),
    forget: (name) => removeFile(join(folder, name)),
    savedAs: (name) => readSaved(join(folder, name)),
    patience: new Patience(),
  };
}

/** Never what is in a folder: the client may put a link in place of it meanwhile. */
function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // There is nothing, or no file; then nothing is saved there.
  }
}

/** What a client has saved; a link or a pipe in its place leads elsewhere, or never ends. */
function readSaved(path: string): Buffer | undefined {
  let fd: number | undefined;
  try {
    // Windows has neither of these flags, nor such links.
    const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const info = fstatSync(fd);
    return info.isFile() && info.size <= MAX_SAVED_BYTES ? readFileSync(fd) : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

import { systemCode } from '../core/errors.ts';
import { CLIENT_CHECKS } from '../lab/grader/client-checks.ts';
import type { Grade } from '../lab/grader/grade.ts';
import { Patience } from '../lab/grader/patience.ts';
import { clientReadingsInWords } from '../lab/grader/readings-words.ts';
import { ClientProbe, type ClientProbeOptions } from '../net/client-probe.ts';
import { UserError } from './exit-status.ts';
import { type GradeOptions, gradeAll } from './grading.ts';
import { SavedFiles } from './saved-files.ts';
import { SubmissionTerminal } from './submission-terminal.ts';

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
  const saved = new SavedFiles(folder);
  return {
    files,
    ports: assignment.ports,
    prompts: assignment.prompts ?? {},
    startClient: () => new SubmissionTerminal(command, folder, sandbox, limits),
    saved,
    patience: new Patience(),
  };
}

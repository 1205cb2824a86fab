import { type Command, CommanderError } from 'commander';
import { systemCode } from '../core/errors.ts';
import { visible } from '../core/text.ts';
import { recordPrograms } from './capture.ts';
import { EXIT, type ExitStatus, UsageError, UserError } from './exit-status.ts';

/** Runs a command with the arguments of the process; the process ends with its status. */
export async function runProgram(command: Command): Promise<void> {
  recordPrograms(command);
  // Whoever reads along has gone, as in `| head`: it ends as it does when it is told to.
  process.stdout.on('error', (error) => {
    if (systemCode(error) === 'EPIPE') process.kill(process.pid, 'SIGTERM');
    else throw error;
  });
  process.exitCode = await statusOf(command);
}

async function statusOf(command: Command): Promise<ExitStatus> {
  try {
    await command.parseAsync();
    return (process.exitCode as ExitStatus | undefined) ?? EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (!(error instanceof UserError)) throw error;
    // Names of files stand in it, whoever has given them.
    const message = error.message.split('\n').map(visible).join('\n');
    process.stderr.write(`error: ${message}\n`);
    return error instanceof UsageError ? EXIT.usage : EXIT.failed;
  }
}

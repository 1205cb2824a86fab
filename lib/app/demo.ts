import type { Command } from 'commander';
import { newCommand } from './flags.ts';
import { relayDemoCommand } from './relay-demo.ts';

/** `wirelab demo`: each protocol, without questions. */
export function demoCommand(): Command {
  return newCommand('demo')
    .description('Show a server, two clients, messages and a download over a path with losses.')
    .action(async () => (await import('./demo-classroom.ts')).demoClassroom())
    .addCommand(
      newCommand('isend')
        .description('Show a folder and a message that go straight from one place to another.')
        .action(async () => (await import('./demo-isend.ts')).demoIsend()),
    )
    .addCommand(relayDemoCommand());
}

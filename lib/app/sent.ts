import type { Command } from 'commander';
import { newCommand, parseFolderFlag } from './flags.ts';
import { withSentFlags } from './sent-flags.ts';
import { sentReceiveCommand } from './sent-receive.ts';
import { sentListCommand, sentSendCommand } from './sent-send.ts';
import { SENT_COMMANDS, type SentSessionFlags, sentSession } from './sent-session.ts';

/** `wirelab sent`: peers on one network that find each other; alone it is an interactive session. */
export function sentCommand(): Command {
  const sent = withSentFlags(newCommand('sent'))
    .description(
      'Send files to peers on this network that find each other (sent protocol). Alone: a session.',
    )
    .option('--to <dir>', 'folder for what comes', parseFolderFlag, '.')
    .addHelpText('after', `\n${SENT_COMMANDS}`)
    .enablePositionalOptions()
    .action(async (flags: SentSessionFlags) => sentSession(flags));
  for (const make of [sentSendCommand, sentReceiveCommand, sentListCommand]) {
    sent.addCommand(make());
  }
  return sent;
}

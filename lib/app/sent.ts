import type { Command } from 'commander';
import { newCommand } from './flags.ts';
import { sentReceiveCommand } from './sent-receive.ts';
import { sentListCommand, sentSendCommand } from './sent-send.ts';

/** `wirelab sent`: peers on one network that find each other, ask, send and check. */
export function sentCommand(): Command {
  return newCommand('sent')
    .description('Send files to peers on this network that find each other (sent protocol).')
    .addCommand(sentSendCommand())
    .addCommand(sentReceiveCommand())
    .addCommand(sentListCommand());
}

import type { Command } from 'commander';
import { newCommand } from './flags.ts';
import { receiveCommand } from './isend-receive.ts';
import { sendCommand } from './isend-send.ts';

/** `wirelab isend`: both sides of the protocol. */
export function isendCommand(): Command {
  return newCommand('isend')
    .description('Send files, folders and messages straight to another machine (isend protocol).')
    .addCommand(receiveCommand())
    .addCommand(sendCommand());
}

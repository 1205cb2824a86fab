import type { Command } from 'commander';
import { newCommand } from './flags.ts';
import { lanshareChatCommand } from './lanshare-chat.ts';
import { lanshareEngineCommand } from './lanshare-engine.ts';

/** `wirelab lanshare`: the engine behind a LAN messenger, and a front end for it. */
export function lanshareCommand(): Command {
  return newCommand('lanshare')
    .description(
      'Messages and files on this network: an engine, and a front end (lanshare protocol).',
    )
    .addCommand(lanshareEngineCommand())
    .addCommand(lanshareChatCommand());
}

import type { Command } from 'commander';
import { newCommand, parseFolderFlag } from './flags.ts';
import { type RelayFlags, withRelayFlags } from './relay-flags.ts';
import { relayReceiveCommand } from './relay-receive.ts';
import { relayListCommand, relaySendCommand } from './relay-send.ts';
import { relayServeCommand } from './relay-serve.ts';
import { RELAY_COMMANDS, relaySession, type SessionFlags } from './relay-session.ts';
import { relayUserCommand } from './relay-user.ts';

/** `wirelab relay`: alone it is an interactive session. */
export function relayCommand(): Command {
  const relay = withRelayFlags(newCommand('relay'))
    .description('Ask, store once, let many read (relay protocol). Alone: an interactive session.')
    .option('--to <dir>', 'folder for what comes', parseFolderFlag, '.')
    .addHelpText('after', `\n${RELAY_COMMANDS}`)
    .enablePositionalOptions()
    .action(async (flags: RelayFlags & SessionFlags) => relaySession(flags));
  for (const make of [
    relayServeCommand,
    relayUserCommand,
    relaySendCommand,
    relayListCommand,
    relayReceiveCommand,
  ]) {
    relay.addCommand(make());
  }
  return relay;
}

import { userInfo } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import { hasUnsafeCharacters } from '../core/text.ts';
import { isIPv4 } from '../net/addresses.ts';

const MAX_NAME = 64;

/** How a peer on a LAN that finds the others by itself is told from them. */
export interface LanFlags {
  readonly ip?: string;
  readonly broadcast?: readonly string[];
}

/** @param nameFlag like `--name`; its value is the name of the user when absent. */
export function withLanFlags(command: Command, nameFlag: string): Command {
  return command
    .option(`${nameFlag} <name>`, 'who you are', parsePeerName, userInfo().username)
    .option('--ip <address>', 'one address of this machine (default: all)', parseAddress)
    .option(
      '--broadcast <list>',
      "where everybody hears, like 127.255.255.255 (default: every network's)",
      (text) => text.split(',').map(parseAddress),
    );
}

function parsePeerName(text: string): string {
  const name = text.trim();
  if (name === '' || name.length > MAX_NAME || hasUnsafeCharacters(name)) {
    throw new InvalidArgumentError(`Give 1 to ${MAX_NAME} characters, none of them a control one.`);
  }
  return name;
}

function parseAddress(text: string): string {
  if (!isIPv4(text)) throw new InvalidArgumentError('Not an IPv4 address.');
  return text;
}

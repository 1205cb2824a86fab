import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import type { RelayLogIn } from '../net/relay-client.ts';
import { isWord } from '../relay/names.ts';
import { askAtStart, askHiddenAtStart, WrongAnswer } from '../terminal/ask-at-start.ts';
import { UserError } from './exit-status.ts';
import { parseHostFlag, parsePortFlag } from './flags.ts';

/** The ports of the relay protocol. */
export const COMMAND_PORT = 1100;
export const NOTIFICATION_PORT = 1101;

export interface RelayFlags {
  server: string;
  commandPort: number;
  notifPort: number;
  name?: string;
  keyFile?: string;
}

/** The flags by which a client finds its server and says who it is. */
export function withRelayFlags(command: Command): Command {
  return command
    .option('--server <host>', 'the server', parseHostFlag, '127.0.0.1')
    .option('--command-port <port>', 'its port for commands', parsePortFlag, COMMAND_PORT)
    .option('--notif-port <port>', 'its port for notifications', parsePortFlag, NOTIFICATION_PORT)
    .option('--name <name>', 'who you are there', parseWordFlag)
    .option('--key-file <file>', 'a file with your key (default: it is asked)');
}

export function parseWordFlag(text: string): string {
  if (!isWord(text)) {
    throw new InvalidArgumentError('Give 1 to 64 bytes without spaces and control characters.');
  }
  return text;
}

/** Who logs in where; asks in the terminal for what the flags do not say. */
export function logInOf(flags: RelayFlags): RelayLogIn {
  const user = flags.name ?? askName();
  return {
    server: flags.server,
    commandPort: flags.commandPort,
    notificationPort: flags.notifPort,
    user,
    key: flags.keyFile === undefined ? askKey('Your key:') : readKey(flags.keyFile),
  };
}

function askName(): string {
  needTerminal('--name says who you are');
  return askAtStart({
    text: 'Your name:',
    parse: (name) => {
      if (isWord(name)) return name;
      throw new WrongAnswer('A name has 1 to 64 bytes without spaces.');
    },
  });
}

/** Asks without showing what is typed. */
export function askKey(question: string): string {
  needTerminal('--key-file names a file with the key');
  for (;;) {
    const key = askHiddenAtStart(question);
    if (isWord(key)) return key;
    process.stdout.write('A key has 1 to 64 bytes without spaces.\n');
  }
}

function needTerminal(otherwise: string): void {
  if (!process.stdin.isTTY) throw new UserError(`there is no terminal to ask in; ${otherwise}`);
}

/** The first line of the file. @throws UserError */
export function readKey(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(
      `the key cannot be read: ${error instanceof Error ? error.message : error}`,
    );
  }
  const key = text.split(/\r?\n/, 1)[0] ?? '';
  if (!isWord(key)) throw new UserError(`${path}: expected a key of 1 to 64 bytes without spaces`);
  return key;
}

/** `90s`, `12h`, `7d`: in ms. */
export function parseSpan(text: string): number {
  const parts = /^(\d{1,9})([smhd])$/.exec(text);
  const unit = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[parts?.[2] ?? ''] ?? 0;
  const span = Number(parts?.[1]) * unit;
  if (!(span > 0)) throw new InvalidArgumentError('Give a time like 90s, 30m, 12h or 7d.');
  return span;
}

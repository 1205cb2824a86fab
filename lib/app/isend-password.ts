import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import { MAX_TEXT_BYTES } from '../isend/messages.ts';
import { askHiddenAtStart } from '../terminal/ask-at-start.ts';
import { UserError } from './exit-status.ts';

export interface PasswordFlags {
  password?: true;
  passwordFile?: string;
}

/** A password is never taken from the command line, which everybody on the machine can read. */
export function passwordOptions(): [Option, Option] {
  return [
    new Option('--password', 'ask for the password').conflicts('passwordFile'),
    new Option('--password-file <file>', 'the password is the first line of this file'),
  ];
}

/** The password that the flags lead to, if there is to be one. @throws UserError */
export function readPassword({ password, passwordFile }: PasswordFlags): Buffer | undefined {
  if (passwordFile !== undefined) return check(firstLine(passwordFile), passwordFile);
  if (!password) return undefined;
  if (!process.stdin.isTTY) {
    throw new UserError('there is no terminal to ask for the password; use --password-file');
  }
  return check(askHiddenAtStart('Password:'), 'the password');
}

function firstLine(path: string): string {
  try {
    return readFileSync(path, 'utf8').split(/\r?\n/, 1)[0] ?? '';
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UserError(`the password cannot be read: ${why}`);
  }
}

function check(text: string, where: string): Buffer {
  const password = Buffer.from(text);
  if (password.length === 0 || password.length > MAX_TEXT_BYTES) {
    throw new UserError(`${where} has ${password.length} bytes; give 1 to ${MAX_TEXT_BYTES}`);
  }
  return password;
}

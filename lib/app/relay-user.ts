import { resolve } from 'node:path';
import type { Command } from 'commander';
import { visible } from '../core/text.ts';
import { COST_OF_PASSWORD, KeyHashes } from '../storage/key-hash.ts';
import { UsersFile } from '../storage/users-file.ts';
import { UserError } from './exit-status.ts';
import { newCommand } from './flags.ts';
import { askKey, parseWordFlag, readKey } from './relay-flags.ts';

interface UserFlags {
  users: string;
  keyFile?: string;
}

/** `wirelab relay user` */
export function relayUserCommand(): Command {
  const add = newCommand('add')
    .description('Add a user to the file of a server, or give one another key.')
    .argument('<name>', 'name of the user', parseWordFlag)
    .option('--users <file>', 'the file; it is made if need be', 'relay-users')
    .option('--key-file <file>', 'a file with the key (default: it is asked)')
    .action(addUser);
  return newCommand('user').description('The users of a relay server.').addCommand(add);
}

async function addUser(name: string, flags: UserFlags): Promise<void> {
  const key = flags.keyFile === undefined ? askTwice(name) : readKey(flags.keyFile);
  const path = resolve(flags.users);
  const hash = await new KeyHashes().hash(key, COST_OF_PASSWORD);
  const outcome = await new UsersFile(path).set(name, hash).catch((error: Error) => {
    throw new UserError(`${path} cannot be written: ${error.message}`);
  });
  const what = outcome === 'added' ? 'can log in now' : 'has another key now';
  process.stdout.write(`${visible(name)} ${what} (${path}).\n`);
}

function askTwice(name: string): string {
  const key = askKey(`The key of ${name}:`);
  if (askKey('Once more:') !== key) throw new UserError('these were two different keys');
  return key;
}

import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { formatBytes } from '../core/text.ts';
import type { ServerEvent } from '../net/chat-server-driver.ts';
import { RelayServerDriver } from '../net/relay-server-driver.ts';
import type { Dialect } from '../relay/codec.ts';
import { KeyHashes } from '../storage/key-hash.ts';
import { TransferStore } from '../storage/transfer-store.ts';
import { UsersFile } from '../storage/users-file.ts';
import { UserError } from './exit-status.ts';
import { newCommand, parseBytes, parseFolderFlag, parseHostFlag, parsePorts } from './flags.ts';
import { COMMAND_PORT, NOTIFICATION_PORT, parseSpan } from './relay-flags.ts';
import { formatEvent } from './serve.ts';
import { onStopSignal } from './stop-signals.ts';

interface ServeFlags {
  host?: string;
  commandPort: number;
  notifPort: number;
  store: string;
  users?: string;
  dialect: Dialect;
  keep: number;
  quota?: number;
  quiet?: true;
}

/** `wirelab relay serve` */
export function relayServeCommand(): Command {
  return newCommand('serve')
    .description('Relay server: keeps what is sent until everybody who wanted it has read it.')
    .option('--host <address>', 'listen on this address only (default: all)', parseHostFlag)
    .option('--command-port <port>', 'for commands; 0 is a free one', parseOnePort, COMMAND_PORT)
    .option('--notif-port <port>', 'for notifications', parseOnePort, NOTIFICATION_PORT)
    .option('--store <dir>', 'folder for what is kept', parseFolderFlag, 'relay-store')
    .option('--users <file>', 'let in these users only (see: wirelab relay user add)')
    .addOption(
      new Option('--dialect <name>', 'answers on data connections: 500/501 or 600/601')
        .choices(['table', 'dialogue'])
        .default('table'),
    )
    .addOption(
      new Option('--keep <time>', 'how long a file is kept at most')
        .argParser(parseSpan)
        .default(parseSpan('7d'), '7d'),
    )
    .option('--quota <bytes>', 'most bytes to keep (default: 90 % of what is free)', parseBytes)
    .option('--quiet', 'log warnings only')
    .action(serve);
}

async function serve(flags: ServeFlags): Promise<void> {
  // From the first moment on: whoever sees a line of the log may already want it to end.
  const interrupt = new Promise<void>((done) => {
    onStopSignal(() => done());
  });
  const log = (event: ServerEvent): void => {
    if (!flags.quiet || event.level !== 'info') process.stderr.write(`${formatEvent(event)}\n`);
  };
  const users = flags.users === undefined ? undefined : new UsersFile(resolve(flags.users));
  await users?.count().catch((error: Error) => {
    throw new UserError(`the users cannot be read: ${error.message}`);
  });
  const folder = resolve(flags.store);
  const store = await TransferStore.open({ folder, quota: flags.quota }).catch((error: Error) => {
    throw new UserError(`${folder} cannot be used: ${error.message}`);
  });
  const driver = await RelayServerDriver.start({
    host: flags.host,
    commandPort: flags.commandPort,
    notificationPort: flags.notifPort,
    store,
    users,
    hashes: new KeyHashes(),
    dialect: flags.dialect,
    keep: flags.keep,
    onEvent: log,
  }).catch((error: Error) => {
    throw new UserError(`${error.message}; --command-port and --notif-port name others`);
  });
  const kept = `${driver.transfers} transfers are going on, room for ${formatBytes(store.quota)}`;
  log({ level: 'info', text: `store ${folder}: ${kept}` });
  const ports = `${driver.commandPort} (commands) and ${driver.notificationPort} (notifications)`;
  log({ level: 'info', text: `listening on TCP ports ${ports}` });
  await interrupt;
  log({ level: 'info', text: 'closing' });
  await driver.close();
}

function parseOnePort(text: string): number {
  return parsePorts(text)[0] ?? 0;
}

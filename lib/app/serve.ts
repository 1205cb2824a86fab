import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { Dialect } from '../commands/codec.ts';
import { visible } from '../core/text.ts';
import { ChatServerDriver, type ServerEvent } from '../net/chat-server-driver.ts';
import { SharedFolder } from '../storage/shared-folder.ts';
import { UserError } from './exit-status.ts';
import {
  formatPorts,
  newCommand,
  parseHostFlag,
  parseMtu,
  parseOldFolderFlag,
  parsePorts,
  parseRate,
} from './flags.ts';
import { packagedFiles } from './package-files.ts';
import { onStopSignal } from './stop-signals.ts';

interface ServeFlags {
  host?: string;
  ports: number[];
  files?: string;
  dialect: Dialect;
  rate?: number;
  ratePerClient?: number;
  mtu?: number;
  quiet?: true;
}

/** The server program, under the name that it is called by. */
export function serveCommand(name: string): Command {
  return newCommand(name)
    .description('Chat server that sends files as numbered UDP datagrams (classroom protocol).')
    .option('--host <address>', 'listen on this address only (default: all)', parseHostFlag)
    .addOption(
      new Option('--ports <ports>', 'range or list; 0 is a free one')
        .argParser(parsePorts)
        .default(parsePorts('55000-55015'), '55000-55015'),
    )
    .option('--files <dir>', 'folder with the files to offer (default: files)', parseOldFolderFlag)
    .addOption(
      new Option('--dialect <name>', 'field order of msg: DATA|TARGET or TARGET|DATA')
        .choices(['document', 'original'])
        .default('document'),
    )
    .option('--rate <rate>', 'most bytes a second for all downloads, like 20M', parseRate)
    .option('--rate-per-client <rate>', 'most bytes a second for one client', parseRate)
    .option('--mtu <bytes>', "largest IP packet (default: the interface's)", parseMtu)
    .option('--quiet', 'log warnings only')
    .action(serve);
}

async function serve(flags: ServeFlags): Promise<void> {
  // From the first moment on: whoever sees a line of the log may already want it to end.
  const interrupt = interrupted();
  const folder = new SharedFolder(resolve(flags.files ?? usualFolder()));
  const log = (event: ServerEvent): void => {
    if (!flags.quiet || event.level !== 'info') process.stderr.write(`${formatEvent(event)}\n`);
  };
  const driver = await ChatServerDriver.start({
    host: flags.host,
    ports: flags.ports,
    folder,
    room: { dialect: flags.dialect, rate: flags.rate, clientRate: flags.ratePerClient },
    mtu: flags.mtu,
    onEvent: log,
  }).catch((error: Error) => {
    throw new UserError(`${error.message}; --ports names others`);
  });
  log({
    level: 'info',
    text: `offering ${(await folder.list()).length} files of ${folder.path}`,
  });
  log({
    level: 'info',
    text: `listening on TCP ports ${formatPorts(driver.ports)}`,
  });
  const stop = new AbortController();
  folder.prepareHashes(stop.signal).catch(() => undefined);
  await interrupt;
  stop.abort();
  log({ level: 'info', text: 'closing' });
  await driver.close();
}

/** The folder `files` of the place where one is; where there is none, the files of the package. */
function usualFolder(): string {
  return existsSync('files') ? 'files' : packagedFiles();
}

/** Resolves at Ctrl-C, or when the process is asked to end. */
function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    onStopSignal(() => resolve());
  });
}

/** One line: time, client, name, what happened. What comes from a peer is made visible. */
export function formatEvent(event: ServerEvent): string {
  const time = new Date().toTimeString().slice(0, 8);
  const parts = [time, event.client, event.name, event.text].filter(
    (part) => part !== undefined && part !== '',
  );
  const text = parts.join(' ');
  return event.level === 'info' ? visible(text) : `${event.level}: ${text}`;
}

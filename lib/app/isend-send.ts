import { lstatSync } from 'node:fs';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { systemCode } from '../core/errors.ts';
import { visible } from '../core/text.ts';
import { CODE_PORT, isCode } from '../isend/code.ts';
import { DEFAULT_WINDOW } from '../isend/sender.ts';
import { findCode } from '../net/isend-code.ts';
import { IsendSenderDriver } from '../net/isend-sender-driver.ts';
import { totalSize } from '../storage/outgoing-tree.ts';
import { type ProgressOptions, showProgress } from '../terminal/progress.ts';
import { statusLine } from '../terminal/status-line.ts';
import { describeConnectError } from './connect-errors.ts';
import { UserError } from './exit-status.ts';
import { newCommand, parseHostFlag, parsePortFlag } from './flags.ts';
import { Outbox } from './isend-outbox.ts';
import { type PasswordFlags, passwordOptions, readPassword } from './isend-password.ts';
import { ISEND_PORT } from './isend-receive.ts';
import { ANY, type Route } from './route.ts';
import { onStopSignal } from './stop-signals.ts';

const MAX_WINDOW = 256;

interface SendFlags extends PasswordFlags {
  port: number;
  message?: string;
  window: number;
  codePort: number;
}

/** `wirelab isend send` */
export function sendCommand(): Command {
  const command = newCommand('send')
    .description('Send files, folders and a message to a receiver.')
    .argument('<host>', 'address, name or code of the receiver', parseHostFlag)
    .argument('[path...]', 'files and folders')
    .option('--port <port>', 'TCP port of the receiver', parsePortFlag, ISEND_PORT)
    .option('--code-port <port>', 'UDP port to ask for a code', parsePortFlag, CODE_PORT)
    .option('--message <text>', 'a message, sent before the files')
    .option(
      '--window <n>',
      'requests with content that may be under way; 1 waits for each',
      parseWindow,
      DEFAULT_WINDOW,
    );
  for (const option of passwordOptions()) command.addOption(option);
  return command.action(send);
}

function parseWindow(text: string): number {
  const window = Number(text);
  if (!/^\d+$/.test(text) || window < 1 || window > MAX_WINDOW) {
    throw new InvalidArgumentError(`Give a number from 1 to ${MAX_WINDOW}.`);
  }
  return window;
}

async function send(host: string, paths: readonly string[], flags: SendFlags): Promise<void> {
  if (paths.length === 0 && !flags.message) {
    throw new UserError('there is nothing to send: name files or folders, or give --message');
  }
  for (const path of paths) checkPath(path);
  const password = readPassword(flags);
  const route = await routeTo(host, flags);
  const place = process.stderr.isTTY && paths.length > 0 ? statusLine(process.stderr) : undefined;
  const progress = place && showProgress({ place, ...(await measure(paths)) });
  const report = (line: string): void => {
    // The bar comes back below it.
    place?.setStatus(undefined);
    process.stderr.write(`${line}\n`);
  };
  const outbox = new Outbox({ paths, message: flags.message, report, progress });
  const driver = await IsendSenderDriver.open({
    host: route.server,
    port: route.port,
    window: flags.window,
    password,
    next: (skip) => outbox.next(skip),
    onItemEnded: (item, outcome) => outbox.ended(item, outcome),
    onChanged: (item) => outbox.changed(item),
    onArrived: (bytes, already) => outbox.arrived(bytes, already),
  }).catch((error: unknown) => {
    progress?.stop();
    throw new UserError(describeConnectError(error, route));
  });
  onStopSignal(() => driver.stop('stopped'));
  const failure = await driver.run();
  progress?.stop();
  if (failure !== undefined) {
    throw new UserError(`${visible(failure)}. Confirmed before: ${outbox.summary()}.`);
  }
  if (outbox.missing > 0) {
    throw new UserError(`not all was sent. Confirmed: ${outbox.summary()}.`);
  }
  process.stdout.write(`sent and confirmed: ${outbox.summary()}\n`);
}

/** Where the receiver is: at the host that was named, or at whoever answers to the code. */
async function routeTo(host: string, { port, codePort }: SendFlags): Promise<Route> {
  if (!isCode(host)) return { from: ANY, server: host, port };
  const found = await findCode(host, codePort);
  if (found === undefined) {
    throw new UserError(
      `nobody in this network answers to the code ${host}; is the receiver started with --code?`,
    );
  }
  return { from: ANY, server: found.host, port: found.port };
}

/** What cannot be sent is told before anything is. */
function checkPath(path: string): void {
  try {
    const found = lstatSync(path);
    if (found.isSymbolicLink()) {
      throw new UserError(`${path} is a link, and links are not sent; name what it leads to`);
    }
    if (!found.isFile() && !found.isDirectory()) {
      throw new UserError(`${path} cannot be sent: it is neither a file nor a folder`);
    }
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw new UserError(
      `${path} cannot be sent: ${error instanceof Error ? error.message : error}`,
    );
  }
}

/** How much there is to send: a byte of all files is a segment. */
async function measure(paths: readonly string[]): Promise<Omit<ProgressOptions, 'place'>> {
  let total = 0;
  for (const path of paths) total += await totalSize(path);
  return { file: '', segmentCount: total, segmentPayload: 1 };
}

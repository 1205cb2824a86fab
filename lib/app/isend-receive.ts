import { randomInt } from 'node:crypto';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { visible } from '../core/text.ts';
import { CODE_PORT, formatCode } from '../isend/code.ts';
import { Gate } from '../isend/gate.ts';
import { CodeResponder } from '../net/isend-code.ts';
import { IsendReceiverDriver } from '../net/isend-receiver-driver.ts';
import {
  FILE_POLICIES,
  type FilePolicy,
  FOLDER_POLICIES,
  type FolderPolicy,
} from '../storage/incoming-tree.ts';
import { EXIT, UserError } from './exit-status.ts';
import { newCommand, parseFolderFlag, parseHostFlag, parsePortOrZeroFlag } from './flags.ts';
import { Inbox } from './isend-inbox.ts';
import { type PasswordFlags, passwordOptions, readPassword } from './isend-password.ts';
import { onStopSignal } from './stop-signals.ts';

/** Where a receiver listens, unless told otherwise. */
export const ISEND_PORT = 7770;

interface ReceiveFlags extends PasswordFlags {
  host?: string;
  port: number;
  to: string;
  once?: true;
  code?: true;
  codePort: number;
  onConflict: FilePolicy;
  onFolderConflict: FolderPolicy;
}

/** `wirelab isend receive` */
export function receiveCommand(): Command {
  const command = newCommand('receive')
    .description('Receive files, folders and messages, from one sender after the other.')
    .option('--host <address>', 'listen on this address only (default: all)', parseHostFlag)
    .option('--port <port>', 'TCP port; 0 is a free one', parsePortOrZeroFlag, ISEND_PORT)
    .option('--to <dir>', 'folder for what comes', parseFolderFlag, '.')
    .option('--once', 'exit after the first sender')
    .option('--code', 'print a code that a sender in the same network can give as the host')
    .addOption(
      new Option('--code-port <port>', 'UDP port for that')
        .argParser(parsePortOrZeroFlag)
        .default(CODE_PORT),
    )
    .addOption(
      new Option('--on-conflict <policy>', 'for a file that is there already')
        .choices(FILE_POLICIES)
        .default('rename'),
    )
    .addOption(
      new Option('--on-folder-conflict <policy>', 'for a folder that is there already')
        .choices(FOLDER_POLICIES)
        .default('merge'),
    );
  for (const option of passwordOptions()) command.addOption(option);
  return command.action(receive);
}

async function receive(flags: ReceiveFlags): Promise<void> {
  const gate = new Gate(readPassword(flags));
  const stop = new AbortController();
  onStopSignal(() => stop.abort());
  const folder = resolve(flags.to);
  let isWhole = false;
  const driver = await IsendReceiverDriver.start({
    host: flags.host,
    port: flags.port,
    gate,
    openSink: (address) =>
      new Inbox({
        folder,
        onConflict: flags.onConflict,
        onFolderConflict: flags.onFolderConflict,
        address,
        print,
        onEnd: (whole) => {
          isWhole = whole;
        },
      }),
    onWarning: (text) =>
      process.stderr.write(`${text.startsWith('fault') ? text : visible(text)}\n`),
    onEnded: () => {
      if (flags.once) stop.abort();
    },
  }).catch((error: Error) => {
    throw new UserError(`port ${flags.port}: ${error.message}; --port names another`);
  });
  print(`listening on TCP port ${driver.port}, for ${folder}`);
  const responder = flags.code ? await startCode(flags.codePort, driver) : undefined;
  if (!stop.signal.aborted) {
    await new Promise((done) => stop.signal.addEventListener('abort', done));
  }
  await responder?.[Symbol.asyncDispose]();
  await driver.close();
  if (flags.once && !isWhole) process.exitCode = EXIT.failed;
}

/** Prints a new code, and answers who asks for it. */
async function startCode(udpPort: number, driver: IsendReceiverDriver): Promise<CodeResponder> {
  const code = formatCode(randomInt(100_000_000));
  try {
    const responder = await CodeResponder.start(code, udpPort, driver.port);
    const other = responder.port === CODE_PORT ? '' : `, with --code-port ${responder.port}`;
    print(`code for senders in this network: ${code}${other}`);
    return responder;
  } catch (error) {
    await driver.close();
    const why = error instanceof Error ? error.message : String(error);
    throw new UserError(`no code: UDP port ${udpPort} cannot be used (${why})`);
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

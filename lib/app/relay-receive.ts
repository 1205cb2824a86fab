import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { visible } from '../core/text.ts';
import type { Dialogue } from '../terminal/dialogue.ts';
import { LineEditor } from '../terminal/line-editor.ts';
import { LineReader } from '../terminal/line-reader.ts';
import { statusLine } from '../terminal/status-line.ts';
import { EXIT } from './exit-status.ts';
import { newCommand, parseFolderFlag } from './flags.ts';
import { logInOf, type RelayFlags, withRelayFlags } from './relay-flags.ts';
import { RelayMember } from './relay-member.ts';

type Accept = 'all' | 'ask' | 'none';

interface ReceiveFlags extends RelayFlags {
  accept: Accept;
  to: string;
  once?: true;
}

/** `wirelab relay receive` */
export function relayReceiveCommand(): Command {
  return withRelayFlags(
    newCommand('receive').description('Be there, and take what is offered. Prints where it is.'),
  )
    .addOption(
      new Option('--accept <what>', 'what to take').choices(['all', 'ask', 'none']).default('ask'),
    )
    .option('--to <dir>', 'folder for what comes', parseFolderFlag, '.')
    .option('--once', 'end after one file')
    .action(receive);
}

async function receive(flags: ReceiveFlags): Promise<void> {
  const logIn = logInOf(flags);
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, interrupt);
  const terminal = process.stdin.isTTY && process.stderr.isTTY;
  const asks = flags.accept === 'ask';
  const dialogue = asks ? openDialogue(terminal, interrupt) : undefined;
  const bar = asks || !process.stderr.isTTY ? undefined : statusLine(process.stderr);
  const member = new RelayMember({
    logIn,
    folder: resolve(flags.to),
    decide: async (question, expired) => {
      if (dialogue === undefined) return flags.accept === 'all';
      const answer = await dialogue.askBetween(`${question} (yes/no)`, expired);
      return /^y(es)?$/i.test(answer?.trim() ?? '');
    },
    view: {
      print: (text) =>
        dialogue === undefined ? void process.stderr.write(`${text}\n`) : dialogue.print(text),
      bar:
        dialogue !== undefined && terminal
          ? {
              columns: process.stderr.columns,
              setStatus: (text) => dialogue.setStatus(text),
            }
          : bar,
    },
    onReceived: (path) => {
      if (dialogue === undefined) process.stdout.write(`${visible(path)}\n`);
      else dialogue.print(`Saved as ${visible(path)}.`);
      if (flags.once) stop.abort();
    },
    onFailed: () => {
      if (flags.once) stop.abort();
    },
  });
  try {
    if (dialogue !== undefined && terminal) void readLines(dialogue, stop);
    await member.stay(stop.signal);
  } finally {
    dialogue?.close();
    process.stdin.destroy();
  }
  process.exitCode = member.failures === 0 ? EXIT.done : EXIT.failed;
}

/** The editor asks between commands; there are none here, and Ctrl-D ends it. */
async function readLines(dialogue: Dialogue, stop: AbortController): Promise<void> {
  while ((await dialogue.command(stop.signal)) !== undefined) {
    dialogue.print('Ctrl-C or Ctrl-D ends it.');
  }
  stop.abort();
}

function openDialogue(terminal: boolean, onInterrupt: () => void): LineEditor | LineReader {
  return terminal
    ? new LineEditor({ input: process.stdin, output: process.stderr, onInterrupt })
    : new LineReader(process.stdin, process.stdout);
}

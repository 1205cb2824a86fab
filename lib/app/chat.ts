import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { WrongAnswer } from '../terminal/ask-at-start.ts';
import type { Dialogue } from '../terminal/dialogue.ts';
import { LineEditor } from '../terminal/line-editor.ts';
import { LineReader } from '../terminal/line-reader.ts';
import { ChatSession, COMMANDS_HELP, type SessionEnd } from './chat-session.ts';
import { EXIT, type ExitStatus } from './exit-status.ts';
import {
  newCommand,
  parseFolderFlag,
  parseHostFlag,
  parseMtu,
  parseNameFlag,
  parsePortFlag,
  parseRate,
} from './flags.ts';
import type { Route } from './route.ts';
import { askRouteInPipe, askRouteInTerminal, parseLocalAddress } from './start-questions.ts';
import { STOP_SIGNALS } from './stop-signals.ts';

export interface ChatFlags {
  from?: string;
  server?: string;
  port?: number;
  name?: string;
  to: string;
  yes?: true;
  bare?: true;
  document?: true;
  rate?: number;
  mtu?: number;
}

/** The client program, under the name that it is called by. */
export function chatCommand(name: string): Command {
  return newCommand(name)
    .description('Chat client that downloads files (classroom protocol). Asks what is not given.')
    .option('--from <address>', 'local IP address to connect from, or any', parseFrom)
    .option('--server <host>', 'the server', parseHostFlag)
    .option('--port <port>', 'TCP port of the server', parsePortFlag)
    .option('--name <name>', 'connect at once under this name', parseNameFlag)
    .option('--to <dir>', 'folder for downloads', parseFolderFlag, '.')
    .option('--yes', 'go on at 50 % without asking, and keep the names of files')
    .option('--bare', 'messages without line ends, for servers written from the document')
    .option('--rate <rate>', 'most bytes a second, like 20M (fast profile only)', parseRate)
    .option('--mtu <bytes>', "largest IP packet (default: the interface's)", parseMtu)
    .option('--document', "keep to the document's rules (never ask for the fast profile)")
    .addHelpText('after', `\n${COMMANDS_HELP}`)
    .action(async (flags: ChatFlags) => {
      process.exitCode = await chat(flags);
    });
}

async function chat(flags: ChatFlags): Promise<ExitStatus> {
  return process.stdin.isTTY && process.stdout.isTTY ? chatInTerminal(flags) : chatInPipe(flags);
}

/** What the flags say of the three questions. */
function knownRoute(flags: ChatFlags): Partial<Route> {
  return {
    ...(flags.from !== undefined && { from: flags.from }),
    ...(flags.server !== undefined && { server: flags.server }),
    ...(flags.port !== undefined && { port: flags.port }),
  };
}

/** Questions, a session, and questions again, until the user leaves. */
async function chatInTerminal(flags: ChatFlags): Promise<ExitStatus> {
  let known = knownRoute(flags);
  let usual: Partial<Route> = {};
  let { name } = flags;
  for (;;) {
    const route = askRouteInTerminal(known, usual);
    const end = await session(flags, route, name, (session) => {
      const interrupt = (): void => session.interrupt();
      return new LineEditor({
        input: process.stdin,
        output: process.stdout,
        onInterrupt: interrupt,
      });
    });
    if (end === 'left') return EXIT.done;
    // The second time everything is asked, so that another server can be named.
    known = {};
    usual = route;
    name = undefined;
  }
}

/** The same, driven by the lines of a pipe, as long as there are any. */
async function chatInPipe(flags: ChatFlags): Promise<ExitStatus> {
  const dialogue = new LineReader(process.stdin, process.stdout);
  const known = knownRoute(flags);
  const scripted = Object.keys(known).length === 3;
  let usual: Partial<Route> = {};
  let failed = false;
  try {
    for (let first = true; ; first = false) {
      const route = await askRouteInPipe(dialogue, first ? known : {}, usual);
      if (route === undefined) break;
      const end = await session(flags, route, first ? flags.name : undefined, () => dialogue);
      failed ||= end === 'lost' || end === 'failed';
      // What follows in a script are commands for a connection that is not there.
      if (end === 'left' || end === 'failed' || (end === 'lost' && scripted)) break;
      usual = route;
    }
  } finally {
    dialogue.close();
    process.stdin.destroy();
  }
  return failed ? EXIT.failed : EXIT.done;
}

async function session(
  flags: ChatFlags,
  route: Route,
  name: string | undefined,
  makeDialogue: (session: ChatSession) => Dialogue,
): Promise<SessionEnd> {
  const session = new ChatSession({
    route,
    name,
    folder: resolve(flags.to),
    yes: flags.yes === true,
    framing: flags.bare ? 'bare' : 'line',
    fast: flags.document ? undefined : { rate: flags.rate, mtu: flags.mtu },
    makeDialogue,
    interactive: process.stdin.isTTY && process.stdout.isTTY,
  });
  const leave = (): void => session.leave();
  for (const signal of STOP_SIGNALS) process.on(signal, leave);
  try {
    return await session.run();
  } finally {
    // During the questions nothing else runs, so a signal has to end the process by itself.
    for (const signal of STOP_SIGNALS) process.off(signal, leave);
  }
}

function parseFrom(text: string): string {
  try {
    return parseLocalAddress(text);
  } catch (error) {
    if (error instanceof WrongAnswer) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

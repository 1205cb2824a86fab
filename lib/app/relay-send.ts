import { type Command, InvalidArgumentError } from 'commander';
import { visible } from '../core/text.ts';
import { RelayClient, type RelayLogIn } from '../net/relay-client.ts';
import { statusLine } from '../terminal/status-line.ts';
import { describeConnectError } from './connect-errors.ts';
import { UserError } from './exit-status.ts';
import { newCommand, parsePortFlag } from './flags.ts';
import { logInOf, parseWordFlag, type RelayFlags, withRelayFlags } from './relay-flags.ts';
import { openOffered, sendFile, type TransferView } from './relay-transfers.ts';
import { ANY } from './route.ts';
import { onStopSignal } from './stop-signals.ts';

const MAX_USERS = 100;

interface SendFlags extends RelayFlags {
  resume?: number;
}

/** `wirelab relay send FILE USER…` */
export function relaySendCommand(): Command {
  const command = newCommand('send')
    .description('Offer a file to users of a relay, and send it to the server if one wants it.')
    .argument('<file>', 'what to send')
    .argument('[user...]', 'to whom', parseUsers);
  return withRelayFlags(command)
    .option('--resume <port>', 'go on with what was broken off', parsePortFlag)
    .action(send);
}

/** `wirelab relay list` */
export function relayListCommand(): Command {
  return withRelayFlags(newCommand('list').description('Who can be asked.')).action(
    async (flags: RelayFlags) => {
      await using client = await logIn(logInOf(flags));
      const users = await client.list();
      process.stdout.write(users.map((user) => `${visible(user)}\n`).join(''));
    },
  );
}

async function send(path: string, users: string[] | undefined, flags: SendFlags): Promise<void> {
  const resume = flags.resume !== undefined;
  if (!resume && (users ?? []).length === 0) throw new UserError('say to whom: at least one user');
  await using file = await openOffered(path);
  const who = logInOf(flags);
  const stop = new AbortController();
  onStopSignal(() => stop.abort());
  const { print } = view;
  await using client = resume ? undefined : await logIn(who);
  stop.signal.addEventListener('abort', () => void client?.close());
  let port = flags.resume ?? 0;
  if (client !== undefined) {
    print(`Asking ${(users ?? []).map(visible).join(', ')} …`);
    const accepted = await client
      .offer({ file: file.name, size: file.source.size }, users ?? [])
      .catch((error: Error) => {
        throw new UserError(stop.signal.aborted ? 'it was stopped' : visible(error.message));
      });
    port = accepted.port;
    print(`Accepted by ${accepted.users.map(visible).join(', ')}; sending through port ${port}.`);
  }
  await sendFile(who, file, port, { resume, signal: stop.signal, view }).catch((error: Error) => {
    const why = stop.signal.aborted ? 'it was stopped' : visible(error.message);
    throw new UserError(`${why}. To go on: wirelab relay send --resume ${port} ${path}`);
  });
  print(`The server has all of ${visible(file.name)}.`);
}

/** What is for a person goes beside the output. */
const view: TransferView = {
  print: (text) => void process.stderr.write(`${text}\n`),
  bar: process.stderr.isTTY ? statusLine(process.stderr) : undefined,
};

/** Logs in for requests of this user's own; nobody can ask it anything. @throws UserError */
async function logIn(who: RelayLogIn): Promise<RelayClient> {
  return RelayClient.open({
    ...who,
    onQuestion: async () => false,
    onOpen: () => undefined,
    onClosed: () => undefined,
  }).catch((error: unknown) => {
    throw new UserError(describeLogInError(error, who));
  });
}

/** Why there is no log-in. */
export function describeLogInError(error: unknown, who: RelayLogIn): string {
  if (error instanceof Error && 'refusal' in error) return visible(error.message);
  return describeConnectError(error, { from: ANY, server: who.server, port: who.commandPort });
}

function parseUsers(name: string, before: string[] = []): string[] {
  if (before.length >= MAX_USERS) throw new InvalidArgumentError('At most 100 users.');
  return [...before, parseWordFlag(name)];
}

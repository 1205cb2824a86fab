import { userInfo } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import { hasUnsafeCharacters } from '../core/text.ts';
import { isAddress } from '../net/addresses.ts';
import { SENT_TCP_PORT, SENT_UDP_PORT, SentPeer, type SentPeerOptions } from '../net/sent-peer.ts';
import { describeForPeer } from '../storage/disk-full.ts';
import { UserError } from './exit-status.ts';
import { parsePortFlag } from './flags.ts';

const MAX_NAME = 64;

export interface SentFlags {
  readonly name: string;
  readonly ip?: string;
  readonly broadcast?: readonly string[];
  readonly udpPort: number;
  readonly tcpPort: number;
}

/** The flags by which a peer is told from the others. */
export function withSentFlags(command: Command): Command {
  return command
    .option('--name <name>', 'who you are', parsePeerName, userInfo().username)
    .option('--ip <address>', 'one address of this machine (default: all)', parseAddress)
    .option(
      '--broadcast <list>',
      "where everybody hears, like 127.255.255.255 (default: every network's)",
      (text) => text.split(',').map(parseAddress),
    )
    .option('--udp-port <port>', 'for presence', parsePortFlag, SENT_UDP_PORT)
    .option('--tcp-port <port>', 'for files', parsePortFlag, SENT_TCP_PORT);
}

/** @throws UserError when a port cannot be used. */
export async function startPeer(
  flags: SentFlags,
  options: Partial<SentPeerOptions>,
): Promise<SentPeer> {
  try {
    return await SentPeer.start({
      name: flags.name,
      ip: flags.ip,
      broadcast: flags.broadcast,
      udpPort: flags.udpPort,
      tcpPort: flags.tcpPort,
      decide: async () => false,
      openSink: () => Promise.reject(new Error('nothing is taken here')),
      describe: describeForPeer,
      onCame: () => undefined,
      onLeft: () => undefined,
      onRenamed: () => undefined,
      onReceived: () => undefined,
      log: () => undefined,
      ...options,
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UserError(`${why}; --udp-port, --tcp-port and --ip name others`);
  }
}

function parsePeerName(text: string): string {
  const name = text.trim();
  if (name === '' || name.length > MAX_NAME || hasUnsafeCharacters(name)) {
    throw new InvalidArgumentError(`Give 1 to ${MAX_NAME} characters, none of them a control one.`);
  }
  return name;
}

function parseAddress(text: string): string {
  if (!isAddress(text) || text.includes(':'))
    throw new InvalidArgumentError('Not an IPv4 address.');
  return text;
}

import type { Command } from 'commander';
import { SENT_TCP_PORT, SENT_UDP_PORT, SentPeer, type SentPeerOptions } from '../net/sent-peer.ts';
import { describeForPeer } from '../storage/disk-full.ts';
import { UserError } from './exit-status.ts';
import { parsePortFlag } from './flags.ts';
import { type LanFlags, withLanFlags } from './lan-flags.ts';

export interface SentFlags extends LanFlags {
  readonly name: string;
  readonly udpPort: number;
  readonly tcpPort: number;
}

/** The flags by which a peer is told from the others. */
export function withSentFlags(command: Command): Command {
  return withLanFlags(command, '--name')
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

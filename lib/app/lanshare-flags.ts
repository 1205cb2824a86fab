import type { Command } from 'commander';
import {
  LANSHARE_DATA_PORT,
  LANSHARE_TCP_PORT,
  LANSHARE_UDP_PORT,
} from '../net/lanshare-engine.ts';
import { parsePortFlag, parsePortOrZeroFlag } from './flags.ts';
import { type LanFlags, withLanFlags } from './lan-flags.ts';

export interface LanshareFlags extends LanFlags {
  readonly username: string;
  readonly udpPort: number;
  readonly tcpPort: number;
  readonly dataPort: number;
}

/** The flags by which an engine is told from the others. */
export function withLanshareFlags(command: Command): Command {
  return withLanFlags(command, '--username')
    .option('--udp-port <port>', 'for presence', parsePortFlag, LANSHARE_UDP_PORT)
    .option('--tcp-port <port>', 'for requests and messages', parsePortFlag, LANSHARE_TCP_PORT)
    .option(
      '--data-port <port>',
      'the highest of the 25 ports for files; 0: any',
      parsePortOrZeroFlag,
      LANSHARE_DATA_PORT,
    );
}

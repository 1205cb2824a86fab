import type { Command } from 'commander';
import { millis } from '../core/brands.ts';
import { visible } from '../core/text.ts';
import { delay } from '../net/clock.ts';
import { statusLine } from '../terminal/status-line.ts';
import { EXIT, UserError } from './exit-status.ts';
import { newCommand } from './flags.ts';
import { openForOffer } from './sent-files.ts';
import { type SentFlags, startPeer, withSentFlags } from './sent-flags.ts';
import { findAll, offerTo } from './sent-offers.ts';
import { Shares } from './shares.ts';
import { onStopSignal } from './stop-signals.ts';

/** Whoever is there has answered by then. */
const LOOK_FOR = millis(1500);

/** `wirelab sent send FILE NAME…` */
export function sentSendCommand(): Command {
  const command = newCommand('send')
    .description('Offer a file to peers on this network, and send it to those who want it.')
    .argument('<file>', 'what to send')
    .argument('<name...>', 'to whom: names, or addresses');
  return withSentFlags(command).action(send);
}

/** `wirelab sent list` */
export function sentListCommand(): Command {
  return withSentFlags(newCommand('list').description('Who is there.')).action(
    async (flags: SentFlags) => {
      await using peer = await startPeer(flags, {});
      await delay(LOOK_FOR);
      const lines = peer.peers.map(({ name, address }) => `${visible(name)}\t${address}\n`);
      process.stdout.write(lines.sort().join(''));
    },
  );
}

async function send(path: string, names: readonly string[], flags: SentFlags): Promise<void> {
  const stop = new AbortController();
  onStopSignal(() => stop.abort());
  await using file = await openForOffer(path, stop.signal);
  await using peer = await startPeer(flags, {});
  const receivers = await findAll(peer, names, stop.signal);
  if (receivers.length === 0 && stop.signal.aborted) throw new UserError('it was stopped');
  const place = process.stderr.isTTY ? statusLine(process.stderr) : undefined;
  const print = place?.print ?? ((line: string): void => void process.stderr.write(`${line}\n`));
  print(`Asking ${receivers.map(({ name }) => visible(name)).join(', ')} …`);
  const view = { print, shares: new Shares(place) };
  const all = receivers.map((to) => offerTo(peer, to, receivers, file, view, stop.signal));
  const received = (await Promise.all(all)).every((one) => one);
  if (!file.isUnchanged()) throw new UserError(`${path} has changed while it was sent`);
  process.exitCode = received ? EXIT.done : EXIT.failed;
}

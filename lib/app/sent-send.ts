import type { Command } from 'commander';
import { millis } from '../core/brands.ts';
import { visible } from '../core/text.ts';
import type { Peer } from '../lan/roster.ts';
import { delay } from '../net/clock.ts';
import type { SentPeer } from '../net/sent-peer.ts';
import { statusLine } from '../terminal/status-line.ts';
import { EXIT, UserError } from './exit-status.ts';
import { newCommand } from './flags.ts';
import { type OfferedFile, openForOffer } from './sent-files.ts';
import { type SentFlags, startPeer, withSentFlags } from './sent-flags.ts';
import { Shares } from './shares.ts';
import { onStopSignal } from './stop-signals.ts';

/** Whoever is there has answered by then. */
const LOOK_FOR_MS = 3000;
const LOOK_EVERY = millis(50);

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
      await delay(millis(LOOK_FOR_MS / 2));
      const lines = peer.peers.map(({ name, address }) => `${visible(name)}\t${address}\n`);
      process.stdout.write(lines.sort().join(''));
    },
  );
}

async function send(path: string, names: readonly string[], flags: SentFlags): Promise<void> {
  await using file = await openForOffer(path);
  const stop = new AbortController();
  onStopSignal(() => stop.abort());
  await using peer = await startPeer(flags, {});
  const receivers = await find(peer, names, stop.signal);
  if (receivers.length === 0 && stop.signal.aborted) throw new UserError('it was stopped');
  print(`Asking ${receivers.map(({ name }) => visible(name)).join(', ')} …`);
  const shares = new Shares(process.stderr.isTTY ? statusLine(process.stderr) : undefined);
  const all = receivers.map((to) => sendTo(peer, to, receivers, file, shares, stop.signal));
  const received = (await Promise.all(all)).every((one) => one);
  if (!file.isUnchanged()) throw new UserError(`${path} has changed while it was sent`);
  process.exitCode = received ? EXIT.done : EXIT.failed;
}

/** @throws UserError when somebody is not there, or there are two of that name. */
async function find(
  peer: SentPeer,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly Peer[]> {
  const matching = (wanted: string): Peer[] =>
    peer.peers.filter(({ name, address }) => name === wanted || address === wanted);
  const missing = (): string[] => names.filter((name) => matching(name).length === 0);
  for (let waited = 0; missing().length > 0 && waited < LOOK_FOR_MS; waited += LOOK_EVERY) {
    if (signal.aborted) return [];
    await delay(LOOK_EVERY, signal);
  }
  const [absent] = missing();
  if (absent !== undefined) throw new UserError(`${visible(absent)} is not there`);
  const found = names.map((name) => {
    const [one, ...others] = matching(name);
    if (one !== undefined && others.length === 0) return one;
    const addresses = matching(name).map(({ address }) => address);
    throw new UserError(`several are called ${visible(name)}: say ${addresses.join(' or ')}`);
  });
  return [...new Map(found.map((one) => [one.address, one])).values()];
}

/** Whether he has it now. One who refuses or fails does not stop the others. */
async function sendTo(
  peer: SentPeer,
  to: Peer,
  receivers: readonly Peer[],
  { info: file, source }: OfferedFile,
  shares: Shares,
  signal: AbortSignal,
): Promise<boolean> {
  const name = visible(to.name);
  const share = shares.begin(to.name, file.size);
  const outcome = await peer.offer({
    ...{ to, receivers, file, source, signal },
    onAccepted: (offset) => share.update(offset),
    onProgress: (position) => share.update(position),
  });
  share.end();
  switch (outcome.type) {
    case 'received':
      print(`${name} has it.`);
      return true;
    case 'refused':
      print(`${name} does not want it.`);
      return false;
    case 'failed':
      print(`${name} has not got it: ${visible(outcome.reason)}.`);
      return false;
  }
}

function print(line: string): void {
  process.stderr.write(`${line}\n`);
}

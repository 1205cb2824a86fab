import { millis } from '../core/brands.ts';
import { visible } from '../core/text.ts';
import type { Peer } from '../lan/roster.ts';
import { isIPv4 } from '../net/addresses.ts';
import { delay, now } from '../net/clock.ts';
import type { SentPeer } from '../net/sent-peer.ts';
import { UserError } from './exit-status.ts';
import type { OfferedFile } from './sent-files.ts';
import type { Share, Shares } from './shares.ts';

/** Whoever is there has answered by then. */
const LOOK_FOR_MS = 3000;
const ALL_ANSWER_WITHIN_MS = 700;
const LOOK_EVERY = millis(50);

/** Where it is told how offers go. */
export interface OfferView {
  readonly print: (line: string) => void;
  readonly shares: Shares;
}

/**
 * Those with these names, or addresses, once they are there.
 * @throws UserError when somebody is not, or there are two of that name.
 */
export async function findAll(
  peer: SentPeer,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly Peer[]> {
  const missing = (): string | undefined => names.find((name) => matching(peer, name).length === 0);
  const began = now();
  // Another one of the same name may answer a little later.
  const isEarly = (): boolean =>
    now() - peer.startedAt < ALL_ANSWER_WITHIN_MS && !names.every(isIPv4);
  while ((missing() !== undefined && now() - began < LOOK_FOR_MS) || isEarly()) {
    if (signal.aborted) return [];
    await delay(LOOK_EVERY, signal);
  }
  const absent = missing();
  if (absent !== undefined) throw new UserError(`${visible(absent)} is not there`);
  const found = names.map((name) => {
    const [one, ...others] = matching(peer, name);
    if (one !== undefined && others.length === 0) return one;
    const addresses = matching(peer, name).map(({ address }) => address);
    throw new UserError(`several are called ${visible(name)}: say ${addresses.join(' or ')}`);
  });
  return [...new Map(found.map((one) => [one.address, one])).values()];
}

/** Whether he has it now. One who refuses or fails does not stop the others. */
export async function offerTo(
  peer: SentPeer,
  to: Peer,
  receivers: readonly Peer[],
  { info: file, source }: OfferedFile,
  { print, shares }: OfferView,
  signal: AbortSignal,
): Promise<boolean> {
  const name = visible(to.name);
  let share: Share | undefined;
  const outcome = await peer.offer({
    ...{ to, receivers, file, source, signal },
    onAccepted: (offset) => {
      share = shares.begin(`${file.name} to ${to.name}`, file.size);
      share.update(offset);
    },
    onProgress: (position) => share?.update(position),
  });
  share?.end();
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

/** An address may also be that of somebody who was not heard: broadcasts do not get everywhere. */
function matching(peer: SentPeer, wanted: string): readonly Peer[] {
  const found = peer.peers.filter(({ name, address }) => name === wanted || address === wanted);
  return found.length === 0 && isIPv4(wanted) ? [{ name: wanted, address: wanted }] : found;
}

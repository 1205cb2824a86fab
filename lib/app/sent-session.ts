import { resolve } from 'node:path';
import { visible } from '../core/text.ts';
import type { SentPeer } from '../net/sent-peer.ts';
import { CommandSession, describeCommands, type SessionCommands } from './command-session.ts';
import { EXIT, UserError } from './exit-status.ts';
import { openForOffer } from './sent-files.ts';
import { type SentFlags, startPeer } from './sent-flags.ts';
import { sentInbox } from './sent-inbox.ts';
import { findAll, offerTo } from './sent-offers.ts';
import { Shares } from './shares.ts';

export interface SentSessionFlags extends SentFlags {
  readonly to: string;
}

const COMMANDS = {
  list: { words: '', help: 'who is there' },
  send: {
    words: 'FILE NAME…',
    help: 'offer a file to these; a name with spaces in "quotes"',
  },
};

export const SENT_COMMANDS = `${describeCommands(COMMANDS)}
What others offer is asked in between.`;

/** `wirelab sent`: be there, see who else is, offer files and be offered some. */
export async function sentSession(flags: SentSessionFlags): Promise<void> {
  const session = new CommandSession();
  try {
    await new SentSession(session).run(flags);
  } finally {
    session.close();
  }
  if (session.failed) process.exitCode = EXIT.failed;
}

class SentSession {
  readonly #session: CommandSession;
  readonly #shares: Shares;
  readonly #sendings = new Set<Promise<void>>();

  constructor(session: CommandSession) {
    this.#session = session;
    this.#shares = new Shares(session.bar);
  }

  async run(flags: SentSessionFlags): Promise<void> {
    const session = this.#session;
    await using peer = await startPeer(flags, {
      ...sentInbox({
        folder: resolve(flags.to),
        shares: this.#shares,
        isWanted: (question, expired) => session.isWanted(question, expired),
        onSaved: (path) => session.print(`Saved as ${visible(path)}.`),
        onFailed: (what) => session.print(what),
      }),
      onCame: ({ name, address }) => session.print(`${visible(name)} (${address}) is there.`),
      onLeft: ({ name, address }) => session.print(`${visible(name)} (${address}) has left.`),
      onRenamed: ({ name, address }, before) =>
        session.print(`${visible(before)} (${address}) is ${visible(name)} now.`),
    });
    session.print(`${visible(flags.name)} is there.`);
    const commands: SessionCommands = {
      list: { ...COMMANDS.list, run: () => this.#list(peer) },
      send: { ...COMMANDS.send, run: (words) => this.#send(peer, words) },
    };
    await session.obey(commands);
    // A script that has ended waits for what it has begun; a person has said that it is over.
    if (session.isTerminal) session.leave();
    await Promise.allSettled(this.#sendings);
  }

  #list(peer: SentPeer): void {
    const lines = peer.peers.map(({ name, address }) => `  ${visible(name)} (${address})`);
    this.#session.print(lines.length === 0 ? 'Nobody else is there.' : lines.sort().join('\n'));
  }

  async #send(peer: SentPeer, [path, ...names]: readonly string[]): Promise<void> {
    if (path === undefined || names.length === 0) throw new UserError('it is send FILE NAME…');
    const session = this.#session;
    const receivers = await findAll(peer, names, session.signal);
    if (receivers.length === 0) return;
    const file = await openForOffer(path, session.signal);
    session.print(`Asking ${receivers.map(({ name }) => visible(name)).join(', ')} …`);
    const view = { print: (line: string) => session.print(line), shares: this.#shares };
    const all = receivers.map((to) => offerTo(peer, to, receivers, file, view, session.signal));
    const sending = Promise.all(all).then(async () => {
      this.#sendings.delete(sending);
      if (!file.isUnchanged()) session.complain(`${path} has changed while it was sent`);
      await file[Symbol.asyncDispose]();
    });
    this.#sendings.add(sending);
    // A script goes on when this is done; a person may be asked something meanwhile.
    if (!session.isTerminal) await sending;
  }
}

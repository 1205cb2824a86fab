import { resolve } from 'node:path';
import { visible } from '../core/text.ts';
import { CommandSession, describeCommands, type SessionCommands } from './command-session.ts';
import { EXIT, UserError } from './exit-status.ts';
import { logInOf, type RelayFlags } from './relay-flags.ts';
import { RelayMember } from './relay-member.ts';
import { openOffered, sendFile, type TransferView } from './relay-transfers.ts';

export interface SessionFlags extends RelayFlags {
  to: string;
}

const COMMANDS = {
  list: { words: '', help: 'who can be asked' },
  send: {
    words: 'FILE USER…',
    help: 'offer a file to these users; a name with spaces in "quotes"',
  },
};

export const RELAY_COMMANDS = `${describeCommands(COMMANDS)}
What others offer is asked in between.`;

/** `wirelab relay`: be there, ask others and be asked. */
export async function relaySession(flags: SessionFlags): Promise<void> {
  const logIn = logInOf(flags);
  await new RelaySession(flags, logIn).run();
}

class RelaySession {
  readonly #logIn: ReturnType<typeof logInOf>;
  readonly #session = new CommandSession();
  readonly #member: RelayMember;
  readonly #view: TransferView;
  readonly #sendings = new Set<Promise<void>>();

  constructor(flags: SessionFlags, logIn: ReturnType<typeof logInOf>) {
    const session = this.#session;
    this.#logIn = logIn;
    this.#view = { print: (text) => session.print(text), bar: session.bar };
    this.#member = new RelayMember({
      logIn,
      folder: resolve(flags.to),
      decide: (question, expired) => session.isWanted(question, expired),
      view: this.#view,
      onReceived: (path) => session.print(`Saved as ${visible(path)}.`),
      onFailed: () => undefined,
    });
  }

  async run(): Promise<void> {
    const session = this.#session;
    const staying = this.#member.stay(session.signal).finally(() => session.leave());
    try {
      await Promise.race([this.#obeyWhenThere(), staying]);
    } finally {
      await Promise.allSettled(this.#sendings);
      session.close();
    }
    await staying;
    if (session.failed || this.#member.failures > 0) process.exitCode = EXIT.failed;
  }

  async #obeyWhenThere(): Promise<void> {
    await this.#member.there;
    const commands: SessionCommands = {
      list: { ...COMMANDS.list, run: () => this.#list() },
      send: { ...COMMANDS.send, run: (words) => this.#send(words) },
    };
    await this.#session.obey(commands);
  }

  async #list(): Promise<void> {
    const users = await this.#client().list();
    this.#session.print(`There: ${users.map(visible).join(', ')}`);
  }

  #client() {
    const { client } = this.#member;
    if (client === undefined) throw new UserError('there is no connection just now');
    return client;
  }

  async #send([path, ...users]: readonly string[]): Promise<void> {
    if (path === undefined || users.length === 0) throw new UserError('it is send FILE USER…');
    const file = await openOffered(path);
    const sending = this.#sendTo(file, users)
      .catch((error: unknown) => this.#session.complain(error))
      .finally(async () => {
        await file[Symbol.asyncDispose]();
        this.#sendings.delete(sending);
      });
    this.#sendings.add(sending);
    // A script goes on when this is done; a person may be asked something meanwhile.
    if (!this.#session.isTerminal) await sending;
  }

  async #sendTo(file: Awaited<ReturnType<typeof openOffered>>, users: string[]): Promise<void> {
    this.#session.print(`Asking ${users.map(visible).join(', ')} …`);
    const offer = { file: file.name, size: file.source.size };
    const accepted = await this.#client().offer(offer, users);
    this.#session.print(`Accepted by ${accepted.users.map(visible).join(', ')}.`);
    await sendFile(this.#logIn, file, accepted.port, {
      resume: false,
      signal: this.#session.signal,
      view: this.#view,
    });
    this.#session.print(`The server has all of ${visible(file.name)}.`);
  }
}

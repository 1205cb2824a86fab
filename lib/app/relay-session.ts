import { resolve } from 'node:path';
import { visible } from '../core/text.ts';
import type { Dialogue } from '../terminal/dialogue.ts';
import { LineEditor } from '../terminal/line-editor.ts';
import { LineReader } from '../terminal/line-reader.ts';
import { EXIT, UserError } from './exit-status.ts';
import { logInOf, type RelayFlags } from './relay-flags.ts';
import { RelayMember } from './relay-member.ts';
import { openOffered, sendFile, type TransferView } from './relay-transfers.ts';
import { onStopSignal } from './stop-signals.ts';

export interface SessionFlags extends RelayFlags {
  to: string;
}

export const RELAY_COMMANDS = `Commands:
  list                 who can be asked
  send FILE USER…      offer a file to these users; a name with spaces in "quotes"
  help                 this list
  quit                 leave
What others offer is asked in between.`;

/** `wirelab relay`: be there, ask others and be asked. */
export async function relaySession(flags: SessionFlags): Promise<void> {
  const logIn = logInOf(flags);
  await new RelaySession(flags, logIn).run();
}

class RelaySession {
  readonly #logIn: ReturnType<typeof logInOf>;
  readonly #stop = new AbortController();
  readonly #dialogue: Dialogue;
  readonly #terminal = process.stdin.isTTY && process.stdout.isTTY;
  readonly #member: RelayMember;
  readonly #view: TransferView;
  readonly #sendings = new Set<Promise<void>>();
  #failed = false;

  constructor(flags: SessionFlags, logIn: ReturnType<typeof logInOf>) {
    this.#logIn = logIn;
    this.#dialogue = this.#terminal
      ? new LineEditor({
          input: process.stdin,
          output: process.stdout,
          onInterrupt: () => this.#leave(),
        })
      : new LineReader(process.stdin, process.stdout);
    this.#view = {
      print: (text) => this.#dialogue.print(text),
      bar: this.#terminal
        ? {
            columns: process.stdout.columns,
            setStatus: (text) => this.#dialogue.setStatus(text),
          }
        : undefined,
    };
    this.#member = new RelayMember({
      logIn,
      folder: resolve(flags.to),
      decide: async (question, expired) => {
        const answer = await this.#dialogue.askBetween(`${question} (yes/no)`, expired);
        return /^y(es)?$/i.test(answer?.trim() ?? '');
      },
      view: this.#view,
      onReceived: (path) => this.#dialogue.print(`Saved as ${visible(path)}.`),
      onFailed: () => undefined,
    });
  }

  async run(): Promise<void> {
    onStopSignal(() => this.#leave());
    const staying = this.#member.stay(this.#stop.signal).finally(() => this.#leave());
    try {
      await Promise.race([this.#obeyWhenThere(), staying]);
    } finally {
      await Promise.allSettled(this.#sendings);
      this.#leave();
      this.#dialogue.close();
      process.stdin.destroy();
    }
    await staying;
    if (this.#failed || this.#member.failures > 0) process.exitCode = EXIT.failed;
  }

  #leave(): void {
    this.#stop.abort();
    this.#dialogue.close();
  }

  async #obeyWhenThere(): Promise<void> {
    await this.#member.there;
    this.#dialogue.print("'help' lists the commands.");
    while (!this.#stop.signal.aborted) {
      const line = await this.#dialogue.command(this.#stop.signal);
      if (line === undefined || line.trim() === 'quit') return;
      try {
        await this.#obey(line.trim());
      } catch (error) {
        this.#complain(error);
      }
    }
  }

  async #obey(line: string): Promise<void> {
    const [verb, ...words] = wordsOf(line);
    switch (verb) {
      case undefined:
        return;
      case 'list': {
        const users = await this.#client().list();
        this.#dialogue.print(`There: ${users.map(visible).join(', ')}`);
        return;
      }
      case 'send':
        await this.#send(words);
        return;
      case 'help':
        this.#dialogue.print(RELAY_COMMANDS);
        return;
      default:
        this.#dialogue.print(`There is no command ${visible(verb)}; 'help' lists them.`);
    }
  }

  #client() {
    const { client } = this.#member;
    if (client === undefined) throw new UserError('there is no connection just now');
    return client;
  }

  async #send([path, ...users]: readonly string[]): Promise<void> {
    if (path === undefined || users.length === 0) throw new UserError('send FILE USER…');
    const file = await openOffered(path);
    const sending = this.#sendTo(file, users)
      .catch((error: unknown) => this.#complain(error))
      .finally(async () => {
        await file[Symbol.asyncDispose]();
        this.#sendings.delete(sending);
      });
    this.#sendings.add(sending);
    // A script goes on when this is done; a person may be asked something meanwhile.
    if (!this.#terminal) await sending;
  }

  async #sendTo(file: Awaited<ReturnType<typeof openOffered>>, users: string[]): Promise<void> {
    this.#dialogue.print(`Asking ${users.map(visible).join(', ')} …`);
    const offer = { file: file.name, size: file.source.size };
    const accepted = await this.#client().offer(offer, users);
    this.#dialogue.print(`Accepted by ${accepted.users.map(visible).join(', ')}.`);
    await sendFile(this.#logIn, file, accepted.port, {
      resume: false,
      signal: this.#stop.signal,
      view: this.#view,
    });
    this.#dialogue.print(`The server has all of ${visible(file.name)}.`);
  }

  #complain(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#failed = true;
    const why = error instanceof Error ? error.message : String(error);
    this.#dialogue.print(`That did not work: ${visible(why)}.`);
  }
}

/** Words at spaces; what is in double quotes is one word. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|\S+/g)].map((match) => match[1] ?? match[0]);
}

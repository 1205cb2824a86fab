import { formatBytes, visible } from '../core/text.ts';
import { delay, now } from '../net/clock.ts';
import { type OpenOffer, RelayClient, type RelayLogIn } from '../net/relay-client.ts';
import { RefusedError } from '../net/relay-refusals.ts';
import type { Offer } from '../relay/messages.ts';
import type { OpenQuestion } from '../relay/notification-client.ts';
import { Retries } from '../relay/retries.ts';
import { safeName } from '../storage/safe-name.ts';

import { UserError } from './exit-status.ts';
import { describeLogInError } from './relay-send.ts';
import { receiveFile, type TransferView } from './relay-transfers.ts';

/** Sizes that were told with a question, until the transfer opens. */
const MAX_REMEMBERED = 1000;

export interface RelayMemberOptions {
  readonly logIn: RelayLogIn;
  readonly folder: string;
  /** Whether to take what somebody offers; the signal says that it is too late. */
  readonly decide: (question: string, expired: AbortSignal) => Promise<boolean>;
  readonly view: TransferView;
  readonly onReceived: (path: string) => void;
  readonly onFailed: () => void;
}

/** A user who is there: answers what is asked, and receives what was agreed on. */
export class RelayMember {
  readonly #options: RelayMemberOptions;
  readonly #downloads = new Map<number, Promise<void>>();
  /** By the name on the disk: two files of one name come one after the other. */
  readonly #turns = new Map<string, Promise<void>>();
  readonly #sizes = new Map<string, number>();
  #client: RelayClient | undefined;
  #failures = 0;
  #arrive: () => void = () => undefined;
  /** Resolves when this user is there for the first time. */
  readonly there = new Promise<void>((resolve) => {
    this.#arrive = resolve;
  });

  constructor(options: RelayMemberOptions) {
    this.#options = options;
  }

  /** Transfers that failed. */
  get failures(): number {
    return this.#failures;
  }

  /** The connection, while there is one. */
  get client(): RelayClient | undefined {
    return this.#client?.isOpen ? this.#client : undefined;
  }

  /**
   * Is there until `stop` is aborted, through lost connections.
   * @throws UserError when the server does not let this user in.
   */
  async stay(stop: AbortSignal): Promise<void> {
    const { logIn, view } = this.#options;
    const retries = new Retries();
    let wasThere = false;
    try {
      while (!stop.aborted) {
        try {
          await this.#beThere(stop, wasThere);
          retries.succeeded();
        } catch (error) {
          if (stop.aborted) return;
          const why = describeLogInError(error, logIn);
          // After a lost connection the server may believe for a while that this user is there.
          const final = error instanceof RefusedError && error.refusal.code !== 'ID_TAKEN';
          if (!wasThere || final) throw new UserError(why);
        }
        if (stop.aborted) return;
        if (!wasThere || retries.tries === 0) view.print('Trying to come back …');
        wasThere = true;
        const pause = retries.failed(now());
        if (pause === undefined) throw new UserError('the server cannot be reached any more');
        await delay(pause, stop);
      }
    } finally {
      await Promise.allSettled(this.#downloads.values());
    }
  }

  async #beThere(stop: AbortSignal, again: boolean): Promise<void> {
    const { logIn, view } = this.#options;
    let leave: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => {
      leave = resolve;
    });
    await using client = await RelayClient.open({
      ...logIn,
      onQuestion: (question, expired) => this.#decide(question, expired),
      onOpen: (offer) => this.#receive(offer, stop),
      onClosed: (reason) => {
        view.print(`The connection is lost: ${visible(reason)}.`);
        leave();
      },
    });
    this.#client = client;
    this.#arrive();
    view.print(`${visible(logIn.user)} is ${again ? 'back' : 'there'}.`);
    stop.addEventListener('abort', leave, { once: true });
    if (!stop.aborted) await gone;
    stop.removeEventListener('abort', leave);
  }

  async #decide({ sender, offer }: OpenQuestion, expired: AbortSignal): Promise<boolean> {
    const what = offer === undefined ? 'a file' : describeOffer(offer);
    const question = `${visible(sender)} offers ${what}. Take it?`;
    const yes = await this.#options.decide(question, expired);
    if (expired.aborted) return false;
    if (yes && offer !== undefined) {
      this.#sizes.set(keyOf(sender, offer.file), offer.size);
      const [oldest] = this.#sizes.keys();
      if (this.#sizes.size > MAX_REMEMBERED && oldest !== undefined) this.#sizes.delete(oldest);
    }
    return yes;
  }

  #receive(offer: OpenOffer, stop: AbortSignal): void {
    // The server tells again, after a log-in, what is not received yet.
    if (this.#downloads.has(offer.port)) return;
    const name = safeName(offer.file).toLowerCase();
    const before = this.#turns.get(name) ?? Promise.resolve();
    // Now: another offer of the same name may come while this one waits for its turn.
    const key = keyOf(offer.sender, offer.file);
    const size = this.#sizes.get(key);
    this.#sizes.delete(key);
    const done = before
      .then(() => this.#receiveOne(offer, size, stop))
      .finally(() => {
        this.#downloads.delete(offer.port);
        if (this.#turns.get(name) === done) this.#turns.delete(name);
      });
    this.#turns.set(name, done);
    this.#downloads.set(offer.port, done);
  }

  async #receiveOne(offer: OpenOffer, size: number | undefined, stop: AbortSignal): Promise<void> {
    if (stop.aborted) return;
    const { logIn, folder, view, onReceived, onFailed } = this.#options;
    try {
      const path = await receiveFile(logIn, offer, folder, { size, signal: stop, view });
      onReceived(path);
    } catch (error) {
      if (stop.aborted) return;
      this.#failures += 1;
      const why = error instanceof Error ? error.message : String(error);
      view.print(`${visible(offer.file)} was not received: ${visible(why)}.`);
      onFailed();
    }
  }
}

function describeOffer({ file, size }: Offer): string {
  return `${visible(file)} (${formatBytes(size)})`;
}

function keyOf(sender: string, file: string): string {
  return `${sender} ${file}`;
}

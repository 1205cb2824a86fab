import { after, type Millis, millis, type Port, parsePort } from '../core/brands.ts';
import { assertNever } from '../core/errors.ts';
import { visible } from '../core/text.ts';
import {
  decodeCount,
  decodeRefusal,
  encodeCommandRequest,
  encodeLogIn,
  isAuthenticated,
  isWelcome,
  MAX_RECIPIENTS,
  refusal,
} from './codec.ts';
import type { Offer, RelayError } from './messages.ts';

/** A server that says nothing for so long is given up. */
export const SERVER_TIME = millis(30_000);
/** The recipients have a minute. */
export const OFFER_TIME = millis(90_000);
/** Users that a list may have. */
const MAX_USERS = 1_000_000;

/** What came of the log-in, or of the one request that is under way. */
export type CommandResult =
  | { readonly type: 'logged-in' }
  | { readonly type: 'users'; readonly users: readonly string[] }
  | { readonly type: 'accepted'; readonly users: readonly string[]; readonly port: Port }
  | { readonly type: 'refused'; readonly error: RelayError };

export type CommandClientEffect =
  | { readonly type: 'send'; readonly text: string }
  | { readonly type: 'result'; readonly result: CommandResult }
  /** This is no conversation any more. */
  | { readonly type: 'give-up'; readonly reason: string };

type State = 'greeting' | 'logging-in' | 'idle' | 'listing' | 'offering' | 'over';

/** The client's side of the command connection: one request at a time. */
export class CommandClient {
  readonly #logIn: { readonly user: string; readonly key: string };
  #state: State = 'greeting';
  #deadline: Millis | undefined;
  /** The lines of an answer that are here, and how many there are to be. */
  #lines: string[] = [];
  #count: number | undefined;

  constructor(logIn: { readonly user: string; readonly key: string }, now: Millis) {
    this.#logIn = logIn;
    this.#deadline = after(now, SERVER_TIME);
  }

  list(now: Millis): readonly CommandClientEffect[] {
    this.#begin('listing', after(now, SERVER_TIME));
    return [{ type: 'send', text: encodeCommandRequest({ type: 'list' }) }];
  }

  offer(
    { file, size }: Offer,
    users: readonly string[],
    now: Millis,
  ): readonly CommandClientEffect[] {
    this.#begin('offering', after(now, OFFER_TIME));
    const request = { type: 'send', file, size, recipients: users.length } as const;
    return [{ type: 'send', text: encodeCommandRequest(request, users) }];
  }

  line(text: string, now: Millis): readonly CommandClientEffect[] {
    switch (this.#state) {
      case 'greeting':
        return this.#greeted(text, now);
      case 'logging-in':
        return isAuthenticated(text) ? this.#done({ type: 'logged-in' }) : this.#otherwise(text);
      case 'listing':
      case 'offering':
        return this.#answer(text, this.#state);
      case 'idle':
        return this.#giveUp(`the server said ${visible(text)}`);
      case 'over':
        return [];
      default:
        return assertNever(this.#state);
    }
  }

  nextTimeout(): Millis | undefined {
    return this.#deadline;
  }

  onTimeout(now: Millis): readonly CommandClientEffect[] {
    if (this.#deadline === undefined || now < this.#deadline) return [];
    return this.#giveUp('the server does not answer');
  }

  #begin(state: 'listing' | 'offering', deadline: Millis): void {
    if (this.#state !== 'idle')
      throw new Error('one request at a time; the one before is not answered yet');
    this.#state = state;
    this.#deadline = deadline;
    this.#lines = [];
    this.#count = undefined;
  }

  #greeted(text: string, now: Millis): readonly CommandClientEffect[] {
    if (!isWelcome(text)) return this.#otherwise(text);
    this.#state = 'logging-in';
    this.#deadline = after(now, SERVER_TIME);
    return [{ type: 'send', text: encodeLogIn({ ...this.#logIn, details: false }) }];
  }

  #answer(text: string, state: 'listing' | 'offering'): readonly CommandClientEffect[] {
    if (this.#count === undefined) {
      const [code, most] =
        state === 'listing' ? (['300', MAX_USERS] as const) : (['402', MAX_RECIPIENTS] as const);
      const count = decodeCount(text, code, most);
      if (count === undefined) return this.#otherwise(text);
      // The port comes last.
      this.#count = state === 'listing' ? count : count + 1;
    } else this.#lines.push(text);
    if (this.#lines.length < this.#count) return [];
    if (state === 'listing') return this.#done({ type: 'users', users: this.#lines });
    const port = parsePort(this.#lines.pop() ?? '');
    if (port === undefined) return this.#giveUp('the server named no port');
    return this.#done({ type: 'accepted', users: this.#lines, port });
  }

  #done(result: CommandResult): readonly CommandClientEffect[] {
    this.#state = 'idle';
    this.#deadline = undefined;
    return [{ type: 'result', result }];
  }

  /** A refusal, or what cannot be understood. */
  #otherwise(text: string): readonly CommandClientEffect[] {
    const error = decodeRefusal(text);
    if (error === undefined) return this.#giveUp(`the server said ${visible(text)}`);
    const before = this.#state;
    const effects = this.#done({ type: 'refused', error });
    if (before === 'greeting' || before === 'logging-in') this.#state = 'over';
    return effects;
  }

  #giveUp(reason: string): readonly CommandClientEffect[] {
    this.#state = 'over';
    this.#deadline = undefined;
    const error = refusal('SERVER_ERROR', reason);
    return [
      { type: 'result', result: { type: 'refused', error } },
      { type: 'give-up', reason },
    ];
  }
}

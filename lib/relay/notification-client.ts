import { after, type Millis, millis } from '../core/brands.ts';
import { assertNever } from '../core/errors.ts';
import { visible } from '../core/text.ts';
import {
  decodeNotification,
  decodeRefusal,
  encodeAnswer,
  encodeLogIn,
  isAuthenticated,
  isWelcome,
} from './codec.ts';
import { SERVER_TIME } from './command-client.ts';
import type { LogIn, Notification, Offer, RelayError } from './messages.ts';

/** The server takes silence for a no after 60 s; this side says no before, so that both agree. */
export const ANSWER_TIME = millis(55_000);

/** A question of the server to this user. */
export interface OpenQuestion {
  readonly number: number;
  readonly sender: string;
  readonly offer: Offer | undefined;
}

export type NotificationClientEffect =
  | { readonly type: 'send'; readonly text: string }
  | { readonly type: 'logged-in' }
  | { readonly type: 'refused'; readonly error: RelayError }
  /** To be answered with `answer`. */
  | { readonly type: 'ask'; readonly question: OpenQuestion }
  /** It was answered with a no, since nobody did. */
  | { readonly type: 'question-expired'; readonly number: number }
  | { readonly type: 'opened'; readonly open: Extract<Notification, { type: 'open' }> }
  | { readonly type: 'give-up'; readonly reason: string };

interface Waiting {
  readonly number: number;
  readonly deadline: Millis;
  answer: boolean | undefined;
}

/** The client's side of the notification connection. */
export class NotificationClient {
  readonly #logIn: LogIn;
  #state: 'greeting' | 'logging-in' | 'open' | 'over' = 'greeting';
  #deadline: Millis | undefined;
  #asked = 0;
  /** Questions in their order, which is that of the answers. */
  readonly #waiting: Waiting[] = [];

  constructor(logIn: LogIn, now: Millis) {
    this.#logIn = logIn;
    this.#deadline = after(now, SERVER_TIME);
  }

  line(text: string, now: Millis): readonly NotificationClientEffect[] {
    switch (this.#state) {
      case 'greeting':
        if (!isWelcome(text)) return this.#refused(text);
        this.#state = 'logging-in';
        this.#deadline = after(now, SERVER_TIME);
        return [{ type: 'send', text: encodeLogIn(this.#logIn) }];
      case 'logging-in':
        if (!isAuthenticated(text)) return this.#refused(text);
        this.#state = 'open';
        this.#deadline = undefined;
        return [{ type: 'logged-in' }];
      case 'open':
        return this.#notified(text, now);
      case 'over':
        return [];
      default:
        return assertNever(this.#state);
    }
  }

  /** An answer may come in any order; it is sent when it is its turn. */
  answer(number: number, yes: boolean): readonly NotificationClientEffect[] {
    const question = this.#waiting.find((one) => one.number === number);
    if (question === undefined) return [];
    question.answer ??= yes;
    return this.#sendAnswers();
  }

  nextTimeout(): Millis | undefined {
    return this.#deadline ?? this.#waiting.find(({ answer }) => answer === undefined)?.deadline;
  }

  onTimeout(now: Millis): readonly NotificationClientEffect[] {
    if (this.#deadline !== undefined) {
      return now < this.#deadline ? [] : this.#giveUp('the server does not answer');
    }
    const late = this.#waiting.filter(
      ({ answer, deadline }) => answer === undefined && now >= deadline,
    );
    for (const question of late) question.answer = false;
    return [
      ...late.map(({ number }) => ({ type: 'question-expired', number }) as const),
      ...this.#sendAnswers(),
    ];
  }

  #notified(text: string, now: Millis): readonly NotificationClientEffect[] {
    const message = decodeNotification(text);
    if (message === undefined) return this.#refused(text);
    switch (message.type) {
      case 'request': {
        const { sender, offer } = message;
        const number = this.#asked++;
        this.#waiting.push({ number, deadline: after(now, ANSWER_TIME), answer: undefined });
        return [{ type: 'ask', question: { number, sender, offer } }];
      }
      case 'open':
        return [{ type: 'opened', open: message }];
      default:
        return assertNever(message);
    }
  }

  #sendAnswers(): NotificationClientEffect[] {
    const effects: NotificationClientEffect[] = [];
    for (;;) {
      const [first] = this.#waiting;
      if (first?.answer === undefined) return effects;
      this.#waiting.shift();
      effects.push({ type: 'send', text: encodeAnswer(first.answer) });
    }
  }

  #refused(text: string): readonly NotificationClientEffect[] {
    const error = decodeRefusal(text);
    if (error === undefined) return this.#giveUp(`the server said ${visible(text)}`);
    this.#state = 'over';
    this.#deadline = undefined;
    this.#waiting.length = 0;
    return [{ type: 'refused', error }];
  }

  #giveUp(reason: string): readonly NotificationClientEffect[] {
    this.#state = 'over';
    this.#deadline = undefined;
    this.#waiting.length = 0;
    return [{ type: 'give-up', reason }];
  }
}

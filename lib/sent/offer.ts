import { after, type Millis, millis } from '../core/brands.ts';
import { assertNever } from '../core/errors.ts';
import { type Message, SentError } from './messages.ts';

/** Who is asked has so long to answer. */
export const ANSWER_WITHIN = millis(120_000);
/** While bytes go out, so many have to be taken in each such span. */
export const PROGRESS_SPAN = millis(60_000);
export const PROGRESS_BYTES = 65_536;
/** Hashing a large file takes long. */
export const VERDICT_WITHIN = millis(600_000);

export type Outcome =
  | { readonly type: 'received' }
  | { readonly type: 'refused' }
  | { readonly type: 'failed'; readonly reason: string };

export type OfferEffect =
  | { readonly type: 'ask' }
  /** The line `FILE`, and the bytes from there on. */
  | { readonly type: 'send-file'; readonly offset: number }
  | { readonly type: 'over'; readonly outcome: Outcome };

/** The offering side of one file to one receiver (document, "Sending a file"). */
export class Offer {
  readonly #size: number;
  #state: 'asking' | 'sending' | 'waiting' | 'over' = 'asking';
  #deadline: Millis;
  #moved = 0;

  /** @param size of the file, in bytes. */
  constructor(size: number, now: Millis) {
    this.#size = size;
    this.#deadline = after(now, ANSWER_WITHIN);
  }

  start(): readonly OfferEffect[] {
    return [{ type: 'ask' }];
  }

  /** @throws SentError `OUT_OF_TURN` */
  handle(message: Message, now: Millis): readonly OfferEffect[] {
    switch (message.type) {
      case 'accept':
        return this.#accepted(message.offset, now);
      case 'refuse':
        if (this.#state !== 'asking') throw new SentError('OUT_OF_TURN', 'REFUSE');
        return this.#end({ type: 'refused' });
      case 'received':
        if (this.#state !== 'waiting') throw new SentError('OUT_OF_TURN', 'RECEIVED');
        return this.#end({ type: 'received' });
      case 'failed':
        return this.#end({ type: 'failed', reason: `the receiver says: ${message.reason}` });
      case 'ask':
      case 'file':
        throw new SentError('OUT_OF_TURN', message.type);
      default:
        return assertNever(message);
    }
  }

  /** Bytes were taken by the system. */
  moved(bytes: number): void {
    this.#moved += bytes;
  }

  /** All bytes were taken. */
  allSent(now: Millis): void {
    if (this.#state !== 'sending') return;
    this.#state = 'waiting';
    this.#deadline = after(now, VERDICT_WITHIN);
  }

  /** It cannot go on. */
  fail(reason: string): readonly OfferEffect[] {
    return this.#state === 'over' ? [] : this.#end({ type: 'failed', reason });
  }

  nextTimeout(): Millis | undefined {
    return this.#state === 'over' ? undefined : this.#deadline;
  }

  onTimeout(now: Millis): readonly OfferEffect[] {
    if (this.#state === 'over' || now < this.#deadline) return [];
    if (this.#state === 'sending' && this.#moved >= PROGRESS_BYTES) {
      this.#listenOn(now);
      return [];
    }
    const why = { asking: 'no answer', sending: 'it takes nothing more', waiting: 'no last word' };
    return this.fail(why[this.#state]);
  }

  #accepted(offset: number, now: Millis): readonly OfferEffect[] {
    if (this.#state !== 'asking' || offset > this.#size) {
      throw new SentError('OUT_OF_TURN', 'ACCEPT');
    }
    this.#state = 'sending';
    this.#listenOn(now);
    return [{ type: 'send-file', offset }];
  }

  #listenOn(now: Millis): void {
    this.#moved = 0;
    this.#deadline = after(now, PROGRESS_SPAN);
  }

  #end(outcome: Outcome): readonly OfferEffect[] {
    this.#state = 'over';
    return [{ type: 'over', outcome }];
  }
}

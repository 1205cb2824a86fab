import { after, type Millis, millis } from '../core/brands.ts';
import { assertNever, ProtocolError } from '../core/errors.ts';

/** Who is asked has so long to answer. */
export const ANSWER_WITHIN = millis(120_000);
/** After a yes, so long until the transfer begins: large files are hashed first. */
export const BEGIN_WITHIN = millis(600_000);
/** While bytes come, so many have to come in each such span. */
export const PROGRESS_SPAN = millis(60_000);
export const PROGRESS_BYTES = 65_536;
/** The system takes them in steps of megabytes: who sends has to be more patient. */
export const TAKEN_SPAN = millis(1_200_000);
/** Hashing a large file takes long. */
export const VERDICT_WITHIN = millis(600_000);

/** What the one who is asked says. */
export type OfferInput =
  /** Yes; from where on he wants it comes with `accepted`. */
  | { readonly type: 'agreed' }
  /** Yes; he has so many bytes already. */
  | { readonly type: 'accepted'; readonly offset: number }
  | { readonly type: 'refused' }
  /** `problem`: why he has not got it. */
  | { readonly type: 'verdict'; readonly problem: string | undefined };

export type Outcome =
  | { readonly type: 'received' }
  | { readonly type: 'refused' }
  | { readonly type: 'failed'; readonly reason: string };

export type OfferEffect =
  | { readonly type: 'ask' }
  /** The bytes from there on. */
  | { readonly type: 'send-file'; readonly offset: number }
  | { readonly type: 'over'; readonly outcome: Outcome };

/**
 * The offering side of one file to one receiver: asking, sending, and hearing whether it is there
 * (sent, "Sending a file"; lanshare, "File Send Requests" and "File Transfer Progress").
 */
export class Offer {
  readonly #size: number;
  #state: 'asking' | 'agreed' | 'sending' | 'waiting' | 'over' = 'asking';
  #deadline: Millis;
  #moved = 0;
  #movedAt: Millis;

  /** @param size of the file, in bytes. */
  constructor(size: number, now: Millis) {
    this.#size = size;
    this.#deadline = after(now, ANSWER_WITHIN);
    this.#movedAt = now;
  }

  /** Whether there was no answer yet. */
  get isAsking(): boolean {
    return this.#state === 'asking';
  }

  start(): readonly OfferEffect[] {
    return [{ type: 'ask' }];
  }

  /** @throws ProtocolError `OUT_OF_TURN` */
  handle(input: OfferInput, now: Millis): readonly OfferEffect[] {
    switch (input.type) {
      case 'agreed':
        this.#demand(this.#state === 'asking', input);
        this.#state = 'agreed';
        this.#deadline = after(now, BEGIN_WITHIN);
        return [];
      case 'accepted': {
        const isDue = this.#state === 'asking' || this.#state === 'agreed';
        this.#demand(isDue && input.offset <= this.#size, input);
        this.#state = 'sending';
        this.#listenOn(now);
        return [{ type: 'send-file', offset: input.offset }];
      }
      case 'refused':
        this.#demand(this.#state === 'asking', input);
        return this.#end({ type: 'refused' });
      case 'verdict':
        if (input.problem !== undefined) return this.fail(`the receiver says: ${input.problem}`);
        this.#demand(this.#state === 'waiting', input);
        return this.#end({ type: 'received' });
      default:
        return assertNever(input);
    }
  }

  /** Bytes were taken by the system. */
  moved(bytes: number, now: Millis): void {
    this.#moved += bytes;
    this.#movedAt = now;
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

  /** He is not heard any more: a transfer goes on as long as anything moves. */
  peerLeft(now: Millis): readonly OfferEffect[] {
    const isStuck = this.#state === 'sending' && now - this.#movedAt >= PROGRESS_SPAN;
    return this.#state === 'asking' || isStuck ? this.fail('the receiver has left') : [];
  }

  nextTimeout(): Millis | undefined {
    return this.#state === 'over' ? undefined : this.#deadline;
  }

  onTimeout(now: Millis): readonly OfferEffect[] {
    if (this.#state === 'over' || now < this.#deadline) return [];
    if (this.#state === 'sending' && this.#moved > 0) {
      this.#listenOn(now);
      return [];
    }
    const why = {
      asking: 'no answer',
      agreed: 'it has not begun',
      sending: 'it takes nothing more',
      waiting: 'no last word',
    };
    return this.fail(why[this.#state]);
  }

  #demand(isDue: boolean, { type }: OfferInput): void {
    if (!isDue) throw new ProtocolError('OUT_OF_TURN', type);
  }

  #listenOn(now: Millis): void {
    this.#moved = 0;
    this.#movedAt = now;
    this.#deadline = after(now, TAKEN_SPAN);
  }

  #end(outcome: Outcome): readonly OfferEffect[] {
    this.#state = 'over';
    return [{ type: 'over', outcome }];
  }
}

import { after, type Millis, millis } from '../core/brands.ts';
import { assertNever, ProtocolError } from '../core/errors.ts';
import { ANSWER_WITHIN, BEGIN_WITHIN, PROGRESS_BYTES, PROGRESS_SPAN } from './offer.ts';

/** After the connection was opened. */
export const ASK_WITHIN = millis(10_000);
/** After it was accepted. */
export const FILE_WITHIN = millis(60_000);
/** The answer has to be there before the other side gives up. */
const MARGIN = millis(5000);

/** What the one who offers a file says. */
export type RequestInput =
  /** He offers a file of so many bytes. */
  | { readonly type: 'asked'; readonly size: number }
  /** He is there to send, and has to find out something first, for example a hash. */
  | { readonly type: 'greeted' }
  /** The bytes from there on come. */
  | { readonly type: 'begins'; readonly offset: number };

export type RequestEffect =
  /** To be answered with `decided`. */
  | { readonly type: 'ask-user' }
  /** Nobody has to answer any more. */
  | { readonly type: 'stop-asking' }
  | {
      readonly type: 'say';
      readonly message: 'accept' | 'refuse' | 'received' | 'failed';
      readonly offset?: number;
      readonly reason?: string;
    }
  /** The bytes of the file follow; when they are there, `complete`. */
  | { readonly type: 'receive'; readonly offset: number; readonly length: number }
  /** Whether they are those that were offered; to be answered with `checked`. */
  | { readonly type: 'check' }
  /** `reason`: why there is no file. */
  | { readonly type: 'over'; readonly reason: string | undefined };

type State = 'new' | 'asking' | 'accepted' | 'receiving' | 'checking' | 'over';

/**
 * The receiving side of one offer: consent, receiving, checking (sent, "Sending a file"; lanshare,
 * "Requests Acceptation" and "File Transfer Progress").
 */
export class Request {
  #state: State = 'new';
  #size = 0;
  /** From where it may begin, besides 0; from anywhere when it is told later. */
  #offset: number | 'later' = 0;
  #deadline: Millis;
  #moved = 0;

  constructor(now: Millis) {
    this.#deadline = after(now, ASK_WITHIN);
  }

  /** Whether the user has not answered yet. */
  get isAsking(): boolean {
    return this.#state === 'asking';
  }

  /** @throws ProtocolError `OUT_OF_TURN` */
  handle(input: RequestInput, now: Millis): readonly RequestEffect[] {
    switch (input.type) {
      case 'asked':
        if (this.#state !== 'new') throw new ProtocolError('OUT_OF_TURN', 'asked');
        this.#state = 'asking';
        this.#size = input.size;
        this.#deadline = after(now, millis(ANSWER_WITHIN - MARGIN));
        return [{ type: 'ask-user' }];
      case 'greeted':
        if (this.#state === 'accepted') this.#deadline = after(now, BEGIN_WITHIN);
        return [];
      case 'begins':
        return this.#begin(input.offset, now);
      default:
        return assertNever(input);
    }
  }

  /**
   * @param offset bytes that are there already, or `later`, when that is told in another way;
   * `undefined`: it is not wanted.
   */
  decided(offset: number | 'later' | undefined, now: Millis): readonly RequestEffect[] {
    if (this.#state !== 'asking') return [];
    if (offset === undefined) return [{ type: 'say', message: 'refuse' }, this.#end('refused')];
    this.#state = 'accepted';
    this.#offset = offset;
    this.#deadline = after(now, FILE_WITHIN);
    return [{ type: 'say', message: 'accept', ...(offset !== 'later' && { offset }) }];
  }

  /** Bytes of the file came. */
  moved(bytes: number): void {
    this.#moved += bytes;
  }

  /** All of them are here. */
  complete(): readonly RequestEffect[] {
    if (this.#state !== 'receiving') return [];
    this.#state = 'checking';
    return [{ type: 'check' }];
  }

  /** @param problem why they are not what was offered, if they are not. */
  checked(problem: string | undefined): readonly RequestEffect[] {
    if (this.#state !== 'checking') return [];
    if (problem === undefined) return [{ type: 'say', message: 'received' }, this.#end(undefined)];
    return [{ type: 'say', message: 'failed', reason: problem }, this.#end(problem)];
  }

  /** It cannot go on, for example since the disk is full; once all is there, only the check counts. */
  fail(reason: string): readonly RequestEffect[] {
    if (this.#state === 'over' || this.#state === 'checking') return [];
    const hasAsked = this.#state !== 'new';
    return [
      ...(this.isAsking ? [{ type: 'stop-asking' } as const] : []),
      ...(hasAsked ? [{ type: 'say', message: 'failed', reason } as const] : []),
      this.#end(reason),
    ];
  }

  nextTimeout(): Millis | undefined {
    return this.#state === 'over' || this.#state === 'checking' ? undefined : this.#deadline;
  }

  onTimeout(now: Millis): readonly RequestEffect[] {
    const deadline = this.nextTimeout();
    if (deadline === undefined || now < deadline) return [];
    if (this.#state === 'asking') {
      return [
        { type: 'stop-asking' },
        { type: 'say', message: 'refuse' },
        this.#end('nobody has answered'),
      ];
    }
    if (this.#state === 'receiving' && this.#moved >= PROGRESS_BYTES) {
      this.#listenOn(now);
      return [];
    }
    return this.fail('too little came');
  }

  #begin(offset: number, now: Millis): readonly RequestEffect[] {
    const isTold = this.#offset === 'later' ? offset <= this.#size : offset === this.#offset;
    // From the beginning, or from where it was told to.
    if (this.#state !== 'accepted' || !(offset === 0 || isTold)) {
      throw new ProtocolError('OUT_OF_TURN', 'begins');
    }
    this.#state = 'receiving';
    this.#listenOn(now);
    return [{ type: 'receive', offset, length: this.#size - offset }];
  }

  #listenOn(now: Millis): void {
    this.#moved = 0;
    this.#deadline = after(now, PROGRESS_SPAN);
  }

  #end(reason: string | undefined): RequestEffect {
    this.#state = 'over';
    return { type: 'over', reason };
  }
}

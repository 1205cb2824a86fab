import { after, type Millis, millis } from '../core/brands.ts';
import { assertNever } from '../core/errors.ts';
import { type FileInfo, type Message, SentError, type User } from './messages.ts';
import { ANSWER_WITHIN, PROGRESS_BYTES, PROGRESS_SPAN } from './offer.ts';

/** After the connection was opened. */
export const ASK_WITHIN = millis(10_000);
/** After it was accepted. */
export const FILE_WITHIN = millis(60_000);
/** The answer has to be there before the other side gives up. */
const MARGIN = millis(5000);

export type RequestEffect =
  /** Somebody offers a file; to be answered with `decided`. */
  | { readonly type: 'ask-user'; readonly sender: User; readonly file: FileInfo }
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

/** The receiving side of one connection (document, "Sending a file"). */
export class Request {
  #state: State = 'new';
  #file: FileInfo | undefined;
  #offset = 0;
  #deadline: Millis;
  #moved = 0;

  constructor(now: Millis) {
    this.#deadline = after(now, ASK_WITHIN);
  }

  /** @throws SentError `OUT_OF_TURN` */
  handle(message: Message, now: Millis): readonly RequestEffect[] {
    switch (message.type) {
      case 'ask':
        if (this.#state !== 'new') throw new SentError('OUT_OF_TURN', 'ASK');
        this.#state = 'asking';
        this.#file = message.file;
        this.#deadline = after(now, millis(ANSWER_WITHIN - MARGIN));
        return [{ type: 'ask-user', sender: message.sender, file: message.file }];
      case 'file':
        return this.#begin(message.offset, now);
      case 'accept':
      case 'refuse':
      case 'received':
      case 'failed':
        throw new SentError('OUT_OF_TURN', message.type);
      default:
        return assertNever(message);
    }
  }

  /** @param offset bytes that are there already; `undefined`: it is not wanted. */
  decided(offset: number | undefined, now: Millis): readonly RequestEffect[] {
    if (this.#state !== 'asking') return [];
    if (offset === undefined) return [{ type: 'say', message: 'refuse' }, this.#end('refused')];
    this.#state = 'accepted';
    this.#offset = offset;
    this.#deadline = after(now, FILE_WITHIN);
    return [{ type: 'say', message: 'accept', offset }];
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

  /** It cannot go on, for example since the disk is full. */
  fail(reason: string): readonly RequestEffect[] {
    if (this.#state === 'over') return [];
    const isAsking = this.#state === 'asking';
    const hasAsked = isAsking || this.#state !== 'new';
    return [
      ...(isAsking ? [{ type: 'stop-asking' } as const] : []),
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
    const file = this.#file;
    // From the beginning, or from where it was told to.
    const isPossible = offset === 0 || offset === this.#offset;
    if (this.#state !== 'accepted' || file === undefined || !isPossible) {
      throw new SentError('OUT_OF_TURN', 'FILE');
    }
    this.#state = 'receiving';
    this.#listenOn(now);
    return [{ type: 'receive', offset, length: file.size - offset }];
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

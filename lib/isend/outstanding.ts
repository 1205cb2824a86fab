import { after, type Millis, millis } from '../core/brands.ts';
import { CONNECT_ID, type Reply, type Request } from './messages.ts';
import type { Item } from './sender-effects.ts';

/** A receiver that is to answer and says nothing for so long is gone. */
export const ANSWER_WITHIN = millis(60_000);
/** Before it answers a name, it may be hashing a large file; before the end of one, writing it. */
export const ANSWER_FILE_WITHIN = millis(600_000);
const SLOW: ReadonlySet<Request['type']> = new Set(['file-name', 'end-of-file']);
const LAST_ID = 65_535;

/** A request that was sent, and is not done. */
export interface Outstanding {
  readonly request: Request;
  /** What it is about. */
  readonly item: Item | undefined;
  /** Its content was confirmed to be welcome; there is nothing to wait for without content. */
  ready: boolean;
  /** The content that waits for that; `piece`: whoever reads the file has it. */
  held: Buffer | 'piece' | undefined;
}

/** The requests of a sender that wait for their replies, which come in the same order. */
export class OutstandingRequests {
  readonly #queue: Outstanding[] = [];
  #nextId = 1;
  #withContent = 0;
  #deadline: Millis | undefined;

  get size(): number {
    return this.#queue.length;
  }

  /** Those that have content. */
  get withContent(): number {
    return this.#withContent;
  }

  /** When the next reply has to be there, if one is waited for. */
  get deadline(): Millis | undefined {
    return this.#queue.length > 0 ? this.#deadline : undefined;
  }

  /** A new one, with the next number. */
  add(
    type: Request['type'],
    length: number,
    item: Item | undefined,
    held: Outstanding['held'],
    now: Millis,
  ): Request {
    const isConnect = type === 'connect' || type === 'connect-with-password';
    const request = { type, id: isConnect ? CONNECT_ID : this.#takeId(), length } as Request;
    if (this.#queue.length === 0) this.#wait(request, now);
    this.#queue.push({ request, item, ready: length === 0, held });
    if (length > 0) this.#withContent += 1;
    return request;
  }

  /**
   * The one that `reply` answers, which is the oldest, and whether it is done by that; `undefined`
   * when the reply answers none.
   */
  answer(
    reply: Reply,
    now: Millis,
  ): { readonly outstanding: Outstanding; readonly done: boolean } | undefined {
    const outstanding = this.#queue[0];
    if (outstanding === undefined || reply.id !== outstanding.request.id) return undefined;
    const done = outstanding.ready || reply.type !== 'confirmed';
    outstanding.ready = true;
    if (done) {
      this.#queue.shift();
      if (outstanding.request.length > 0) this.#withContent -= 1;
    }
    const [next] = this.#queue;
    if (next !== undefined) this.#wait(next.request, now);
    return { outstanding, done };
  }

  clear(): void {
    this.#queue.length = 0;
    this.#withContent = 0;
  }

  #takeId(): number {
    const id = this.#nextId;
    this.#nextId = id === LAST_ID ? 1 : id + 1;
    return id;
  }

  #wait({ type }: Request, now: Millis): void {
    this.#deadline = after(now, SLOW.has(type) ? ANSWER_FILE_WITHIN : ANSWER_WITHIN);
  }
}

import type { Millis } from '../core/brands.ts';
import { assertNever } from '../core/errors.ts';
import { decodeOffer, encodeGoOn } from './codec.ts';
import {
  type ContentRequestType,
  MAX_PIECE_BYTES,
  type PlainRequestType,
  type Reply,
} from './messages.ts';
import { type Outstanding, OutstandingRequests } from './outstanding.ts';
import {
  because,
  type Item,
  type ItemOutcome,
  outcomeOf,
  type SenderEffect,
  type SenderOptions,
  type Wish,
} from './sender-effects.ts';

/** Requests with content that may be under way, unless told otherwise. */
export const DEFAULT_WINDOW = 16;
/** Pieces that are read and sent in one go. */
const MAX_BATCH = 8;

/** How far the file is that is being sent. */
type FileStep = 'naming' | 'deciding' | 'content' | 'last-piece';

/** A sender's side of one connection (source: all of it). */
export class Sender {
  readonly #options: SenderOptions;
  readonly #outstanding = new OutstandingRequests();
  #phase: 'connecting' | 'open' | 'ending' | 'closed' = 'connecting';
  #file: { readonly item: Item & { type: 'file' }; step: FileStep; left: number } | undefined;
  /** A folder was begun, and it is not known whether the receiver wants it. */
  #asking = false;
  #failure: string | undefined;
  /** The end is to be said as soon as nothing is under way. */
  #endIsDue = false;
  /** Items of which nothing is to be said any more. */
  readonly #ended = new WeakSet<Item>();

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Asks for the connection. */
  start(now: Millis): readonly SenderEffect[] {
    const { password } = this.#options;
    return password === undefined
      ? [this.#send('connect', undefined, now)]
      : [this.#sendWith('connect-with-password', password, undefined, now)];
  }

  /** What can be given now; nothing before the next reply when `undefined`. */
  wants(): Wish | undefined {
    if (this.#phase !== 'open' || this.#asking) return undefined;
    const { window } = this.#options;
    const room = window - this.#outstanding.withContent;
    const file = this.#file;
    if (file === undefined) {
      const isFree = window > 1 ? room > 0 : this.#outstanding.size === 0;
      return isFree ? { type: 'item' } : undefined;
    }
    if (file.step !== 'content') return undefined;
    const batch = Math.min(MAX_BATCH, Math.max(1, window >> 1));
    const count = Math.min(batch, Math.max(1, Math.ceil(file.left / MAX_PIECE_BYTES)));
    return room >= count ? { type: 'pieces', count } : undefined;
  }

  /** The next item, when one is wanted; `undefined`: there is none. */
  give(item: Item | undefined, now: Millis): readonly SenderEffect[] {
    if (item === undefined) return this.#end(undefined, now);
    switch (item.type) {
      case 'file':
        this.#file = { item, step: 'naming', left: item.size };
        return [this.#sendWith('file-name', Buffer.from(item.name), item, now)];
      case 'folder':
        this.#asking = true;
        return [this.#sendWith('folder-name', Buffer.from(item.name), item, now)];
      case 'end-of-folder':
        return [this.#send('end-of-folder', item, now)];
      case 'message':
        return [this.#sendWith('message', item.text, item, now)];
      default:
        return assertNever(item);
    }
  }

  /** What was read of the file: pieces of that many bytes; `last`: there is nothing behind them. */
  pieces(lengths: readonly number[], last: boolean, now: Millis): readonly SenderEffect[] {
    const file = this.#file;
    if (file === undefined || this.#phase !== 'open') return [];
    const effects: SenderEffect[] = [];
    const alone = this.#options.window === 1;
    const held = alone ? 'piece' : undefined;
    const requests = lengths.map((length) => {
      file.left = Math.max(0, file.left - length);
      return this.#outstanding.add('file-content', length, file.item, held, now);
    });
    if (requests.length > 0) effects.push({ type: 'send-pieces', requests, alone });
    if (!last) return effects;
    // The end has to wait for the piece before it, in the same way as everything else.
    if (alone && requests.length > 0) file.step = 'last-piece';
    else effects.push(this.#endFile(now));
    return effects;
  }

  /** Whether the offer was taken: the file goes on behind `offset`, or from its beginning without one. */
  goOn(offset: number | undefined, now: Millis): readonly SenderEffect[] {
    const file = this.#file;
    if (file === undefined || this.#phase !== 'open') return [];
    file.step = 'content';
    if (offset === undefined) return [];
    file.left = Math.max(0, file.left - offset);
    return [this.#sendWith('go-on', encodeGoOn(offset), file.item, now)];
  }

  /** Not all can be sent, for example because a file cannot be read any more. */
  stop(failure: string, now: Millis): readonly SenderEffect[] {
    if (this.#phase !== 'open' && this.#phase !== 'connecting') return [];
    return this.#end(failure, now);
  }

  /** A reply of the receiver. */
  handle(reply: Reply, now: Millis): readonly SenderEffect[] {
    if (this.#phase === 'closed') return [];
    switch (reply.type) {
      case 'connection-refused':
        return this.#close(`the receiver refuses the connection${because(reply.text)}`);
      case 'connection-failed':
      case 'failed':
        return this.#close(`the receiver has ended the connection${because(reply.text)}`);
      case 'end':
        return this.closed(`the receiver has ended the connection${because(reply.text)}`);
      default:
        return this.#answered(reply, now);
    }
  }

  /** The connection is gone. */
  closed(reason: string): readonly SenderEffect[] {
    if (this.#phase === 'closed') return [];
    return this.#close(this.#isDone ? this.#failure : reason);
  }

  nextTimeout(): Millis | undefined {
    return this.#outstanding.deadline;
  }

  onTimeout(now: Millis): readonly SenderEffect[] {
    const deadline = this.nextTimeout();
    if (deadline === undefined || now < deadline) return [];
    return this.closed('the receiver has not answered for too long');
  }

  /** Everything was confirmed, as far as there was anything to confirm, and the end was said. */
  get #isDone(): boolean {
    return this.#phase === 'ending' && this.#outstanding.size <= 1;
  }

  #answered(reply: Reply, now: Millis): readonly SenderEffect[] {
    const answered = this.#outstanding.answer(reply, now);
    if (answered === undefined) {
      return this.#close(
        `the receiver has answered request ${reply.id}, which waits for no answer`,
      );
    }
    const { outstanding, done } = answered;
    if (!done) return this.#sendHeld(outstanding);
    const effects = this.#done(outstanding, reply, now);
    return this.#endIsDue && this.#phase === 'ending' ? [...effects, this.#sayEnd(now)] : effects;
  }

  #sendHeld(outstanding: Outstanding): readonly SenderEffect[] {
    const { held } = outstanding;
    outstanding.held = undefined;
    if (held === undefined) return [];
    return held === 'piece'
      ? [{ type: 'send-held-piece' }]
      : [{ type: 'send-content', content: held }];
  }

  #done(done: Outstanding, reply: Reply, now: Millis): readonly SenderEffect[] {
    const { request, item } = done;
    if (item !== undefined && this.#ended.has(item)) return [];
    switch (request.type) {
      case 'connect':
      case 'connect-with-password':
        if (reply.type !== 'established') return this.#unexpected(reply);
        this.#phase = this.#phase === 'connecting' ? 'open' : this.#phase;
        return [{ type: 'established' }];
      case 'end':
        return this.#close(this.#failure);
      case 'file-name':
      case 'folder-name':
        return this.#named(done, reply);
      case 'file-content':
        return this.#pieceDone(done, reply, now);
      case 'go-on':
      case 'end-of-file':
      case 'end-of-folder':
      case 'message':
        return this.#itemDone(done, reply, now);
      default:
        return assertNever(request);
    }
  }

  #named({ request, item }: Outstanding, reply: Reply): readonly SenderEffect[] {
    const isFile = request.type === 'file-name';
    if (!isFile) this.#asking = false;
    const outcome = outcomeOf(reply);
    if (outcome === undefined || item === undefined) return this.#unexpected(reply);
    if (outcome.type !== 'confirmed') return this.#dropped(item, outcome);
    const file = this.#file;
    if (!isFile || file === undefined) return [];
    const offer = decodeOffer(reply.text);
    const isOfUse =
      offer !== undefined &&
      (offer.whole ? offer.offset === file.item.size : offer.offset <= file.item.size);
    file.step = isOfUse ? 'deciding' : 'content';
    return isOfUse ? [{ type: 'check-offer', offer }] : [];
  }

  #pieceDone(done: Outstanding, reply: Reply, now: Millis): readonly SenderEffect[] {
    if (reply.type === 'confirmed') {
      const effects: SenderEffect[] = [{ type: 'arrived', bytes: done.request.length }];
      if (this.#file?.step === 'last-piece') effects.push(this.#endFile(now));
      return effects;
    }
    return this.#itemDone(done, reply, now);
  }

  #itemDone({ request, item }: Outstanding, reply: Reply, now: Millis): readonly SenderEffect[] {
    const outcome = outcomeOf(reply);
    if (outcome === undefined || item === undefined) return this.#unexpected(reply);
    if (outcome.type === 'confirmed') {
      return request.type === 'go-on' ? [] : [{ type: 'item-ended', item, outcome }];
    }
    const dropped = this.#dropped(item, outcome);
    if (outcome.type === 'skipped' || request.type === 'message') return dropped;
    const failure = `the receiver refuses to go on${because(outcome.text)}`;
    return this.#phase === 'open' ? [...dropped, ...this.#end(failure, now)] : dropped;
  }

  /** The receiver does not want (the rest of) the item. */
  #dropped(item: Item, outcome: ItemOutcome): readonly SenderEffect[] {
    const ended: SenderEffect = { type: 'item-ended', item, outcome };
    this.#ended.add(item);
    if (this.#file?.item !== item) return [ended];
    this.#file = undefined;
    return [{ type: 'drop-file' }, ended];
  }

  #endFile(now: Millis): SenderEffect {
    const item = this.#file?.item;
    this.#file = undefined;
    return this.#send('end-of-file', item, now);
  }

  #end(failure: string | undefined, now: Millis): readonly SenderEffect[] {
    this.#phase = 'ending';
    this.#failure = failure;
    this.#file = undefined;
    // In stop and wait, a content may be owed to the receiver before anything else.
    this.#endIsDue = true;
    const mayGo = this.#options.window > 1 || this.#outstanding.size === 0;
    return mayGo ? [this.#sayEnd(now)] : [];
  }

  #sayEnd(now: Millis): SenderEffect {
    this.#endIsDue = false;
    return this.#send('end', undefined, now);
  }

  #unexpected(reply: Reply): readonly SenderEffect[] {
    return this.#close(`the receiver has answered in an unknown way${because(reply.text)}`);
  }

  #close(failure: string | undefined): readonly SenderEffect[] {
    this.#phase = 'closed';
    this.#outstanding.clear();
    this.#file = undefined;
    return [{ type: 'close', failure }];
  }

  #send(type: PlainRequestType, item: Item | undefined, now: Millis): SenderEffect {
    return {
      type: 'send',
      request: this.#outstanding.add(type, 0, item, undefined, now),
      content: undefined,
    };
  }

  #sendWith(
    type: ContentRequestType,
    content: Buffer,
    item: Item | undefined,
    now: Millis,
  ): SenderEffect {
    const isHeld = this.#options.window === 1;
    const request = this.#outstanding.add(
      type,
      content.length,
      item,
      isHeld ? content : undefined,
      now,
    );
    return { type: 'send', request, content: isHeld ? undefined : content };
  }
}

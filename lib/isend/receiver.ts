import { after, type Millis, millis } from '../core/brands.ts';
import { assertNever } from '../core/errors.ts';
import { decodeGoOn, decodeText, encodeOffer, replyTo } from './codec.ts';
import type { Framed } from './framing.ts';
import { IsendError, type IsendErrorCode, type ReplyType, type Request } from './messages.ts';
import type { ReceiverEffect, Stored } from './receiver-effects.ts';

/** A connection request is given so long, from the beginning of the connection. */
export const CONNECT_WITHIN = millis(10_000);
/** In each such time, at least so many bytes have to come from a sender. */
export const HEAR_WITHIN = millis(60_000);
export const LEAST_BYTES = 256;
/** After an offer the sender may be hashing a large file. */
const DECIDE_WITHIN = millis(600_000);
/** Folders in one another. */
const MAX_DEPTH = 128;

type FileState =
  | { readonly type: 'open'; readonly offered: number | undefined }
  /** What still comes of it is answered so and thrown away. */
  | { readonly type: 'skipped' | 'refused'; readonly reason: string };

/** Which request waits for the storage; for a piece, whether all of it has come. */
interface Pending {
  readonly request: Request;
  readonly last: boolean;
}

/** A receiver's side of one connection (source: all of it). */
export class Receiver {
  #phase: 'connecting' | 'open' | 'closed' = 'connecting';
  #file: FileState | undefined;
  #depth = 0;
  #pending: Pending | undefined;
  #lastId = 0;
  #deadline: Millis;
  #heard = 0;

  constructor(now: Millis) {
    this.#deadline = after(now, CONNECT_WITHIN);
  }

  /** Whether a file has begun that has not ended. */
  get inFile(): boolean {
    return this.#file?.type === 'open';
  }

  /** So many bytes came, whatever they are. */
  heard(bytes: number): void {
    this.#heard += bytes;
  }

  nextTimeout(): Millis | undefined {
    return this.#phase === 'closed' ? undefined : this.#deadline;
  }

  onTimeout(now: Millis): readonly ReceiverEffect[] {
    if (this.#phase === 'closed' || now < this.#deadline) return [];
    if (this.#phase === 'connecting') return this.#fail('CONNECT_TOO_SLOW', this.#lastId);
    // The sender is not to blame while the disk is at work.
    if (this.#pending === undefined && this.#heard < LEAST_BYTES) {
      return this.#fail('TOO_SLOW', this.#lastId);
    }
    this.#listenFor(HEAR_WITHIN, now);
    return [];
  }

  /** The next part of the stream. Not while an effect waits for its answer. */
  handle(framed: Framed<Request>, now: Millis): readonly ReceiverEffect[] {
    if (this.#phase === 'closed') return [];
    this.#lastId = framed.head.id;
    try {
      if (framed.type === 'content') return this.#content(framed);
      return this.#request(framed.head, now);
    } catch (error) {
      return this.malformed(error);
    }
  }

  /** What the framer has thrown. @throws anything but an {@link IsendError}. */
  malformed(error: unknown): readonly ReceiverEffect[] {
    if (!(error instanceof IsendError)) throw error;
    if (this.#phase === 'closed') return [];
    const reply = replyTo(error);
    return [{ type: 'reply', reply }, this.#close(false, reply.text)];
  }

  /** Whether the sender may go on; with the reason if not. */
  admitted(refusal: string | undefined, now: Millis): readonly ReceiverEffect[] {
    const id = this.#lastId;
    if (refusal === undefined) {
      this.#phase = 'open';
      this.#listenFor(HEAR_WITHIN, now);
      return [answer('established', id)];
    }
    return [answer('connection-refused', id, refusal), this.#close(false, refusal)];
  }

  /** What has come of the last effect of the storage. */
  stored(stored: Stored, now: Millis): readonly ReceiverEffect[] {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending === undefined || this.#phase === 'closed') return [];
    if (stored.type === 'offer') this.#listenFor(DECIDE_WITHIN, now);
    const { request, last } = pending;
    this.#note(request, stored);
    return last ? [replyOf(request, stored)] : [];
  }

  #note(request: Request, stored: Stored): void {
    const isOver = stored.type === 'skipped' || stored.type === 'refused';
    switch (request.type) {
      case 'file-name':
        this.#file = isOver
          ? stored
          : { type: 'open', offered: stored.type === 'offer' ? stored.offer.offset : undefined };
        return;
      case 'file-content':
      case 'go-on':
        if (isOver) this.#file = stored;
        return;
      case 'end-of-file':
        this.#file = undefined;
        return;
      case 'folder-name':
        if (!isOver) this.#depth += 1;
        return;
      default:
        return;
    }
  }

  #request(request: Request, now: Millis): readonly ReceiverEffect[] {
    const { type, id } = request;
    if (this.#phase === 'connecting') return this.#connect(request);
    switch (type) {
      case 'connect':
      case 'connect-with-password':
        throw new IsendError('ALREADY_CONNECTED', id);
      case 'file-name':
      case 'folder-name':
      case 'message':
        this.#leaveFile(id);
        return [answer('confirmed', id)];
      case 'file-content':
        if (this.#file === undefined) throw new IsendError('NO_FILE', id);
        this.#listenAgain(now);
        return [answer('confirmed', id)];
      case 'go-on':
        if (this.#file?.type !== 'open' || this.#file.offered === undefined) {
          throw new IsendError('NO_OFFER', id);
        }
        return [answer('confirmed', id)];
      case 'end-of-file':
        return this.#endFile(request);
      case 'end-of-folder':
        this.#leaveFile(id);
        if (this.#depth === 0) throw new IsendError('NO_FOLDER', id);
        this.#depth -= 1;
        return this.#store(request, { type: 'end-folder' });
      case 'end':
        return [answer('confirmed', id), this.#close(true, 'the sender has ended it')];
      default:
        return assertNever(type);
    }
  }

  #connect({ type, id }: Request): readonly ReceiverEffect[] {
    switch (type) {
      case 'connect':
        return [{ type: 'admit', password: undefined }];
      case 'connect-with-password':
        return [answer('confirmed', id)];
      case 'end':
        return [answer('confirmed', id), this.#close(true, 'the sender has ended it')];
      default:
        throw new IsendError('NOT_CONNECTED', id);
    }
  }

  #content({
    head,
    bytes,
    last,
  }: Framed<Request> & { type: 'content' }): readonly ReceiverEffect[] {
    switch (head.type) {
      case 'connect-with-password':
        return [{ type: 'admit', password: bytes }];
      case 'file-content':
        if (this.#file?.type === 'open') {
          // It has begun anew: the offer is over.
          if (this.#file.offered !== undefined) this.#file = { type: 'open', offered: undefined };
          return this.#store(head, { type: 'write', bytes }, last);
        }
        return last && this.#file !== undefined ? [replyOf(head, this.#file)] : [];
      case 'go-on':
        return this.#goOn(head, decodeGoOn(bytes));
      case 'file-name':
      case 'folder-name':
        return this.#begin(head, decodeText(bytes));
      case 'message': {
        // A long one may have been cut within a character.
        const text = bytes.toString();
        return [{ type: 'show', text }, answer('confirmed', head.id)];
      }
      default:
        throw new Error(`${head.type} has no content`);
    }
  }

  #begin(request: Request, name: string | undefined): readonly ReceiverEffect[] {
    const refuse = (reason: string): readonly ReceiverEffect[] => {
      this.#note(request, { type: 'refused', reason });
      return [answer('refused', request.id, reason)];
    };
    if (name === undefined) return refuse('the name is no UTF-8');
    if (request.type === 'file-name') return this.#store(request, { type: 'begin-file', name });
    if (this.#depth >= MAX_DEPTH) return refuse(`more than ${MAX_DEPTH} folders in one another`);
    return this.#store(request, { type: 'begin-folder', name });
  }

  #goOn(request: Request, offset: number): readonly ReceiverEffect[] {
    if (this.#file?.type !== 'open' || this.#file.offered !== offset) {
      throw new IsendError('NO_OFFER', request.id);
    }
    this.#file = { type: 'open', offered: undefined };
    return this.#store(request, { type: 'go-on', offset });
  }

  #endFile(request: Request): readonly ReceiverEffect[] {
    const file = this.#file;
    if (file === undefined) throw new IsendError('NO_FILE', request.id);
    if (file.type === 'open') return this.#store(request, { type: 'end-file' });
    this.#file = undefined;
    return [replyOf(request, file)];
  }

  /** A file that was skipped or refused is forgotten; one that is open is in the way. */
  #leaveFile(id: number): void {
    if (this.#file?.type === 'open') throw new IsendError('FILE_NOT_ENDED', id);
    this.#file = undefined;
  }

  #store(request: Request, effect: ReceiverEffect, last = true): readonly ReceiverEffect[] {
    this.#pending = { request, last };
    return [effect];
  }

  #fail(code: IsendErrorCode, id: number): readonly ReceiverEffect[] {
    return this.malformed(new IsendError(code, id));
  }

  #close(complete: boolean, reason: string): ReceiverEffect {
    this.#phase = 'closed';
    return { type: 'close', complete: complete && !this.inFile, reason };
  }

  /** The sender has decided what to do with an offer. */
  #listenAgain(now: Millis): void {
    if (this.#deadline > after(now, HEAR_WITHIN)) this.#listenFor(HEAR_WITHIN, now);
  }

  #listenFor(span: Millis, now: Millis): void {
    this.#heard = 0;
    this.#deadline = after(now, span);
  }
}

function answer(type: ReplyType, id: number, text = ''): ReceiverEffect {
  return { type: 'reply', reply: { type, id, text } };
}

function replyOf({ type, id }: Request, stored: Stored | FileState): ReceiverEffect {
  switch (stored.type) {
    case 'done':
      return answer('confirmed', id, stored.text);
    case 'offer':
      return answer('confirmed', id, encodeOffer(stored.offer));
    case 'skipped':
      return answer(type === 'folder-name' ? 'skip-folder' : 'skip-file', id, stored.reason);
    case 'refused':
      return answer('refused', id, stored.reason);
    case 'open':
      throw new Error('an open file is no answer');
    default:
      return assertNever(stored);
  }
}

import { after, type Millis, millis, type Port } from '../core/brands.ts';
import { assertNever } from '../core/errors.ts';
import { type ByteRange, GIVE_UP_AFTER, Receiver } from '../udp-reliable/receiver.ts';
import { MAX_PAYLOAD, MAX_SEGMENT_COUNT, segment } from '../udp-reliable/segment.ts';
import type { ClientEffect, DownloadOutcome } from './client-effects.ts';
import { MAX_NUMBERS_PER_MESSAGE, type Notice } from './codec.ts';
import type { FastOffer } from './messages.ts';

/** A server that has no last word is not waited for longer than this. */
const LAST_WORD_WITHIN = millis(5_000);
/** A server that says nothing to the options for so long has not understood them. */
const UNDERSTOOD_WITHIN = millis(3_000);
/** Parts that every way carries, which may be a tunnel. */
const SMALL_PAYLOAD = 1280;
/** Bytes a millisecond that the server hashes at least. */
const SLOWEST_HASHING = 20_000;
const STOP: ClientEffect = { type: 'send', message: { type: 'stop' } };

/** What an earlier attempt has left. */
export interface Leftover {
  /** The file's id then. */
  readonly id: string;
  readonly size: number;
  readonly ranges: readonly ByteRange[];
}

/** How a download is wanted, when the fast profile is asked for. */
export interface FastWish {
  /** The largest IP packet that this side's interface carries. */
  readonly mtu: number;
  /** Bytes a second at most. */
  readonly rate?: number | undefined;
  /** It is to go on at 50 % without a question. */
  readonly proceed: boolean;
  readonly leftover?: Leftover | undefined;
}

interface Request {
  readonly file: string;
  readonly deadline: Millis;
  /** When to ask in the document's form, in case that the server did not understand the options. */
  readonly plainAt: Millis | undefined;
  /** `undefined` under the document's rules. */
  readonly wish: FastWish | undefined;
}

type State =
  | { readonly type: 'none' }
  /** It waits until the server has answered for one that was given up. */
  | ({ readonly type: 'queued' } & Request)
  | ({ readonly type: 'requested' } & Request)
  | { readonly type: 'opening'; readonly receiver: Receiver }
  | { readonly type: 'receiving'; readonly receiver: Receiver; asked: boolean }
  /** Every part is there; the server has the last word, since the file may have changed. */
  | { readonly type: 'finishing'; readonly deadline: Millis }
  /** Every part is there, and their SHA-256 is compared with the server's. */
  | {
      readonly type: 'verifying';
      own: string | undefined;
      /** Whether the server has had the last word. */
      lastWord: boolean;
      readonly deadline: Millis;
    };

/** A notice of the server that is about a download. */
export type DownloadNotice = Extract<
  Notice,
  {
    type:
      | 'segment-count'
      | 'digest'
      | 'download-refused'
      | 'download-ended'
      | 'stopped'
      | 'finished';
  }
>;

/** The downloads of one client, one at a time. (Document, "How the download works".) */
export class ClientDownload {
  #state: State = { type: 'none' };
  /** One was given up before the server had answered; its answer is still to come. */
  #withdrawn = false;
  /** The ends that the server still has to tell of downloads that are over on this side, in order. */
  readonly #endsToCome: ('hide' | 'show')[] = [];
  /** The SHA-256 of the file, as soon as the server has told it. */
  #digest: string | undefined;

  get running(): boolean {
    return this.#state.type !== 'none';
  }

  /** @param wish asks for the fast profile; a server that does not know it is asked without. */
  request(file: string, now: Millis, wish?: FastWish): readonly ClientEffect[] {
    const plainAt = wish && after(now, UNDERSTOOD_WITHIN);
    const request = { file, deadline: after(now, GIVE_UP_AFTER), plainAt, wish };
    if (!this.#withdrawn) return this.#ask(request);
    this.#state = { type: 'queued', ...request };
    return [];
  }

  /** The UDP socket is bound and the file can be written. */
  receiverReady(port: Port, now: Millis): readonly ClientEffect[] {
    if (this.#state.type !== 'opening') return [];
    this.#state = { type: 'receiving', receiver: this.#state.receiver, asked: false };
    const { fast } = this.#state.receiver;
    const effects: ClientEffect[] =
      fast === undefined
        ? [{ type: 'send', message: { type: 'address', port } }]
        : [{ type: 'send-feedback' }];
    if (fast?.proceed) effects.push({ type: 'send', message: { type: 'proceed' } });
    // An empty file is whole before anything comes.
    return [...effects, ...this.segmentsReceived(now)];
  }

  /** Datagrams have come, and the {@link Receiver} has taken what counts. */
  segmentsReceived(now: Millis): readonly ClientEffect[] {
    const state = this.#state;
    if (state.type !== 'receiving') return [];
    if (state.receiver.phase === 'asking' && !state.asked) {
      state.asked = true;
      return [{ type: 'ask-to-proceed' }];
    }
    if (state.receiver.phase !== 'complete') return [];
    const { fast } = state.receiver;
    if (fast === undefined) {
      this.#state = { type: 'finishing', deadline: after(now, LAST_WORD_WITHIN) };
      return [STOP];
    }
    const patience = millis(GIVE_UP_AFTER + fast.size / SLOWEST_HASHING);
    const deadline = after(now, patience);
    this.#state = { type: 'verifying', own: undefined, lastWord: false, deadline };
    return [{ type: 'send-feedback' }, STOP, { type: 'hash-received' }];
  }

  /** The answer to `hash-received`. */
  hashed(sha256: string): readonly ClientEffect[] {
    if (this.#state.type !== 'verifying') return [];
    this.#state.own = sha256;
    return this.#verify();
  }

  /** What the user says at 50 %: `proceed` goes on, anything else stops. */
  answer(text: string, now: Millis): readonly ClientEffect[] {
    if (this.#state.type !== 'receiving') return [];
    if (text === 'proceed') {
      this.#state.receiver.proceed(now);
      const proceed: ClientEffect = { type: 'send', message: { type: 'proceed' } };
      const tell: ClientEffect[] = this.#state.receiver.fast ? [{ type: 'send-feedback' }] : [];
      return [proceed, ...tell, ...this.segmentsReceived(now)];
    }
    // An answer that reads as a command or as numbers would not stop the server.
    const unmistakable = /^[a-z ]+$/i.test(text) && !/^(disconnect|get|msg|down|conn)/.test(text);
    this.#endsToCome.push('hide');
    return [unmistakable ? { type: 'send-text', text } : STOP, ...this.#end({ type: 'stopped' })];
  }

  /** Ends the download from this side: the user wants it, or what came cannot be written. */
  abandon(outcome: DownloadOutcome): readonly ClientEffect[] {
    switch (this.#state.type) {
      case 'none':
        return [];
      case 'queued':
        return this.#end(outcome);
      case 'requested':
        this.#withdrawn = true;
        return this.#end(outcome);
      case 'opening':
      case 'receiving':
        this.#endsToCome.push('hide');
        return [STOP, ...this.#end(outcome)];
      case 'finishing':
      case 'verifying':
        this.#endsToCome.push('hide');
        return this.#end(outcome);
      default:
        return assertNever(this.#state);
    }
  }

  /** The connection is gone. What is all there needs no last word any more. */
  closed(): readonly ClientEffect[] {
    if (this.#state.type === 'finishing') return this.#end({ type: 'complete' });
    if (this.#state.type === 'verifying' && this.#digest !== undefined) return [];
    return this.abandon({ type: 'failed', reason: 'the connection to the server ended' });
  }

  nextTimeout(): Millis | undefined {
    switch (this.#state.type) {
      case 'requested':
        return this.#state.plainAt ?? this.#state.deadline;
      case 'queued':
      case 'finishing':
      case 'verifying':
        return this.#state.deadline;
      case 'receiving':
        return this.#state.receiver.nextTimeout();
      default:
        return undefined;
    }
  }

  onTimeout(now: Millis): readonly ClientEffect[] {
    const at = this.nextTimeout();
    if (at === undefined || now < at) return [];
    switch (this.#state.type) {
      case 'queued':
      case 'requested':
        if (this.#state.type === 'requested' && this.#state.plainAt !== undefined) {
          return this.#askPlainly(this.#state);
        }
        return this.abandon({
          type: 'failed',
          reason: 'the server did not answer for 30 seconds',
        });
      case 'finishing':
        return this.#end({ type: 'complete' });
      case 'verifying':
        return this.abandon({
          type: 'failed',
          reason: 'the server did not tell the SHA-256 of the file',
        });
      case 'receiving':
        return this.#askAgain(this.#state.receiver, now);
      default:
        return [];
    }
  }

  /** What the server says about a download, in the words `text`. */
  handle(notice: DownloadNotice, text: string, now: Millis): readonly ClientEffect[] {
    const show: ClientEffect = { type: 'show', text };
    switch (notice.type) {
      case 'segment-count':
        return this.#withdrawn ? this.#refuseWithdrawn() : this.#begin(notice, show, now);
      case 'digest':
        this.#digest = notice.sha256;
        return this.#verify();
      case 'finished':
        switch (this.#endsToCome.shift()) {
          case 'hide':
            return [];
          case 'show':
            return [show];
        }
        if (this.#state.type === 'verifying') this.#state.lastWord = true;
        return this.#state.type === 'finishing'
          ? [show, ...this.#end({ type: 'complete' })]
          : [show];
      case 'stopped':
      case 'download-ended':
        if (this.#endsToCome.shift() !== undefined) return [show];
        return [show, ...this.#endedByServer(text)];
      case 'download-refused':
        if (this.#withdrawn) return [show, ...this.#sendQueued()];
        if (this.#state.type === 'requested' && this.#state.plainAt !== undefined) {
          // It may be the options that this server does not understand.
          return this.#askPlainly({ ...this.#state, wish: undefined });
        }
        // Only before the first part may a refusal have another wording than the document's.
        return this.#state.type === 'requested' ? [show, ...this.#endedByServer(text)] : [show];
      default:
        return assertNever(notice);
    }
  }

  #begin(
    { count, fast }: { count: number; fast: FastOffer | undefined },
    show: ClientEffect,
    now: Millis,
  ): readonly ClientEffect[] {
    if (this.#state.type !== 'requested') return [show];
    const { file, wish } = this.#state;
    if (count > MAX_SEGMENT_COUNT) return this.#refuse(`a file of ${count} parts is too large`);
    if (fast !== undefined && (wish === undefined || !isPossible(fast, count))) {
      return this.#refuse('the answer of the server makes no sense');
    }
    this.#digest = fast?.sha256;
    const { leftover, proceed = false } = wish ?? {};
    const same = fast !== undefined && leftover?.id === fast.id && leftover.size === fast.size;
    const receiver = new Receiver(
      count,
      now,
      fast && {
        id: fast.id,
        port: fast.port,
        key: fast.key,
        size: fast.size,
        payload: fast.part,
        have: same ? leftover.ranges : [],
        proceed,
      },
    );
    this.#state = { type: 'opening', receiver };
    return [{ type: 'open-receiver', file, receiver }];
  }

  /** The server is about to send what cannot be taken. */
  #refuse(reason: string): readonly ClientEffect[] {
    this.#endsToCome.push('hide');
    return [STOP, ...this.#end({ type: 'failed', reason })];
  }

  /** The server has found a file that is not wanted any more. */
  #refuseWithdrawn(): readonly ClientEffect[] {
    this.#endsToCome.push('hide');
    return [STOP, ...this.#sendQueued()];
  }

  #sendQueued(): readonly ClientEffect[] {
    this.#withdrawn = false;
    if (this.#state.type !== 'queued') return [];
    return this.#ask(this.#state);
  }

  #ask({ file, deadline, plainAt, wish }: Request): readonly ClientEffect[] {
    this.#state = { type: 'requested', file, deadline, plainAt, wish };
    const fast = wish && { mtu: wish.mtu, rate: wish.rate };
    return [{ type: 'send', message: { type: 'download', file, fast } }];
  }

  /** In the document's form; a late answer to the first request counts all the same. */
  #askPlainly({ file, deadline, wish }: Request): readonly ClientEffect[] {
    this.#state = { type: 'requested', file, deadline, plainAt: undefined, wish };
    return [{ type: 'send', message: { type: 'download', file, fast: undefined } }];
  }

  /** Ends the download as soon as both hashes are known. */
  #verify(): readonly ClientEffect[] {
    const state = this.#state;
    if (state.type !== 'verifying' || state.own === undefined) return [];
    if (this.#digest === undefined) return [];
    if (!state.lastWord) this.#endsToCome.push('show');
    if (state.own === this.#digest) return this.#end({ type: 'complete' });
    const reason = `what came is not the server's file: its SHA-256 is ${state.own} and should be ${this.#digest}`;
    return this.#end({ type: 'failed', reason, useless: true });
  }

  #endedByServer(text: string): readonly ClientEffect[] {
    return this.running ? this.#end({ type: 'failed', reason: text }) : [];
  }

  #askAgain(receiver: Receiver, now: Millis): readonly ClientEffect[] {
    return receiver.onTimeout(now).flatMap((effect) => {
      switch (effect.type) {
        case 'request-again':
          return reRequests(effect.seqs);
        case 'send-feedback':
          return [effect];
        case 'give-up':
          return this.abandon({ type: 'failed', reason: whyNothingComes(receiver) });
        default:
          return assertNever(effect);
      }
    });
  }

  #end(outcome: DownloadOutcome): readonly ClientEffect[] {
    this.#state = { type: 'none' };
    return [{ type: 'download-ended', outcome }];
  }
}

function reRequests(seqs: readonly number[]): ClientEffect[] {
  const effects: ClientEffect[] = [];
  for (let start = 0; start < seqs.length; start += MAX_NUMBERS_PER_MESSAGE) {
    const some = seqs.slice(start, start + MAX_NUMBERS_PER_MESSAGE);
    effects.push({ type: 'send', message: { type: 're-request', seqs: some, invalid: 0 } });
  }
  return effects;
}

function whyNothingComes({ fast, counts }: Receiver): string {
  const reason = 'no part of the file has come for 30 seconds';
  const none = counts.received === counts.kept;
  if (!none || fast === undefined || fast.payload <= SMALL_PAYLOAD) return reason;
  return `${reason}; perhaps the way does not carry packets as large as the interfaces: try --mtu 1280`;
}

function isPossible({ part, size }: FastOffer, count: number): boolean {
  return part > 0 && part <= MAX_PAYLOAD && segment(size, part).count === count;
}

import { after, type Millis, millis, type Port } from '../core/brands.ts';
import { assertNever } from '../core/errors.ts';
import { GIVE_UP_AFTER, Receiver } from '../udp-reliable/receiver.ts';
import { MAX_SEGMENT_COUNT } from '../udp-reliable/segment.ts';
import type { ClientEffect, DownloadOutcome } from './client-effects.ts';
import { MAX_NUMBERS_PER_MESSAGE, type Notice } from './codec.ts';

/** A server that has no last word is not waited for longer than this. */
const LAST_WORD_WITHIN = millis(5_000);
const STOP: ClientEffect = { type: 'send', message: { type: 'stop' } };

type State =
  | { readonly type: 'none' }
  /** It waits until the server has answered for one that was given up. */
  | { readonly type: 'queued'; readonly file: string; readonly deadline: Millis }
  | { readonly type: 'requested'; readonly file: string; readonly deadline: Millis }
  | { readonly type: 'opening'; readonly receiver: Receiver }
  | { readonly type: 'receiving'; readonly receiver: Receiver; asked: boolean }
  /** Every part is there; the server has the last word, since the file may have changed. */
  | { readonly type: 'finishing'; readonly deadline: Millis };

/** A notice of the server that is about a download. */
export type DownloadNotice = Extract<
  Notice,
  { type: 'segment-count' | 'download-refused' | 'download-ended' | 'stopped' | 'finished' }
>;

/** The downloads of one client, one at a time. (Document, "How the download works".) */
export class ClientDownload {
  #state: State = { type: 'none' };
  /** One was given up before the server had answered; its answer is still to come. */
  #withdrawn = false;
  /** How many ends the server still has to tell of downloads that are over on this side. */
  #endsToCome = 0;

  get running(): boolean {
    return this.#state.type !== 'none';
  }

  request(file: string, now: Millis): readonly ClientEffect[] {
    const deadline = after(now, GIVE_UP_AFTER);
    if (this.#withdrawn) {
      this.#state = { type: 'queued', file, deadline };
      return [];
    }
    this.#state = { type: 'requested', file, deadline };
    return [{ type: 'send', message: { type: 'download', file } }];
  }

  /** The UDP socket is bound and the file can be written. */
  receiverReady(port: Port, now: Millis): readonly ClientEffect[] {
    if (this.#state.type !== 'opening') return [];
    this.#state = { type: 'receiving', receiver: this.#state.receiver, asked: false };
    // An empty file is whole before anything comes.
    return [{ type: 'send', message: { type: 'address', port } }, ...this.segmentsReceived(now)];
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
    this.#state = { type: 'finishing', deadline: after(now, LAST_WORD_WITHIN) };
    return [STOP];
  }

  /** What the user says at 50 %: `proceed` goes on, anything else stops. */
  answer(text: string, now: Millis): readonly ClientEffect[] {
    if (this.#state.type !== 'receiving') return [];
    if (text === 'proceed') {
      this.#state.receiver.proceed(now);
      return [{ type: 'send', message: { type: 'proceed' } }, ...this.segmentsReceived(now)];
    }
    // An answer that reads as a command or as numbers would not stop the server.
    const unmistakable = /^[a-z ]+$/i.test(text) && !/^(disconnect|get|msg|down|conn)/.test(text);
    this.#endsToCome += 1;
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
        this.#endsToCome += 1;
        return [STOP, ...this.#end(outcome)];
      case 'finishing':
        this.#endsToCome += 1;
        return this.#end(outcome);
      default:
        return assertNever(this.#state);
    }
  }

  /** The connection is gone. What is all there needs no last word any more. */
  closed(): readonly ClientEffect[] {
    if (this.#state.type === 'finishing') return this.#end({ type: 'complete' });
    return this.abandon({ type: 'failed', reason: 'the connection to the server ended' });
  }

  nextTimeout(): Millis | undefined {
    switch (this.#state.type) {
      case 'queued':
      case 'requested':
      case 'finishing':
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
        return this.abandon({
          type: 'failed',
          reason: 'the server did not answer for 30 seconds',
        });
      case 'finishing':
        return this.#end({ type: 'complete' });
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
        return this.#withdrawn ? this.#refuseWithdrawn() : this.#begin(notice.count, show, now);
      case 'finished':
        if (this.#isOfEarlierOne()) return [];
        return this.#state.type === 'finishing'
          ? [show, ...this.#end({ type: 'complete' })]
          : [show];
      case 'stopped':
      case 'download-ended':
        if (this.#isOfEarlierOne()) return [show];
        return [show, ...this.#endedByServer(text)];
      case 'download-refused':
        if (this.#withdrawn) return [show, ...this.#sendQueued()];
        // Only before the first part may a refusal have another wording than the document's.
        return this.#state.type === 'requested' ? [show, ...this.#endedByServer(text)] : [show];
      default:
        return assertNever(notice);
    }
  }

  #begin(count: number, show: ClientEffect, now: Millis): readonly ClientEffect[] {
    if (this.#state.type !== 'requested') return [show];
    const { file } = this.#state;
    if (count > MAX_SEGMENT_COUNT) {
      this.#endsToCome += 1;
      const reason = `a file of ${count} parts is too large`;
      return [STOP, ...this.#end({ type: 'failed', reason })];
    }
    const receiver = new Receiver(count, now);
    this.#state = { type: 'opening', receiver };
    return [{ type: 'open-receiver', file, receiver }];
  }

  /** The server has found a file that is not wanted any more. */
  #refuseWithdrawn(): readonly ClientEffect[] {
    this.#endsToCome += 1;
    return [STOP, ...this.#sendQueued()];
  }

  #sendQueued(): readonly ClientEffect[] {
    this.#withdrawn = false;
    if (this.#state.type !== 'queued') return [];
    const { file, deadline } = this.#state;
    this.#state = { type: 'requested', file, deadline };
    return [{ type: 'send', message: { type: 'download', file } }];
  }

  #isOfEarlierOne(): boolean {
    if (this.#endsToCome === 0) return false;
    this.#endsToCome -= 1;
    return true;
  }

  #endedByServer(text: string): readonly ClientEffect[] {
    return this.running ? this.#end({ type: 'failed', reason: text }) : [];
  }

  #askAgain(receiver: Receiver, now: Millis): readonly ClientEffect[] {
    return receiver.onTimeout(now).flatMap((effect) => {
      switch (effect.type) {
        case 'request-again':
          return reRequests(effect.seqs);
        case 'give-up':
          return this.abandon({
            type: 'failed',
            reason: 'no part of the file has come for 30 seconds',
          });
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

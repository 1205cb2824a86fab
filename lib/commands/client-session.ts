import { after, type Millis, millis, type Port } from '../core/brands.ts';
import { assertNever } from '../core/errors.ts';
import { GIVE_UP_AFTER, Receiver } from '../udp-reliable/receiver.ts';
import { MAX_SEGMENT_COUNT } from '../udp-reliable/segment.ts';
import { decodeServerMessage, MAX_NUMBERS_PER_MESSAGE, type Notice } from './codec.ts';
import type { Framing } from './framing.ts';
import type { ClientMessage } from './messages.ts';

/** How a download ended. `complete`: every part is there. */
export type DownloadOutcome =
  | { readonly type: 'complete' }
  | { readonly type: 'stopped' }
  | { readonly type: 'failed'; readonly reason: string };

export type ClientEffect =
  | {
      readonly type: 'send';
      readonly message: Exclude<ClientMessage, { type: 'unknown' }>;
    }
  /** A word of the user's, as it was typed. */
  | { readonly type: 'send-text'; readonly text: string }
  | { readonly type: 'show'; readonly text: string }
  /** The answer to `connect`. */
  | { readonly type: 'connect-answered'; readonly online: boolean }
  /** A place for the file and a UDP socket are wanted; then {@link ClientSession.receiverReady}. */
  | { readonly type: 'open-receiver'; readonly file: string; readonly receiver: Receiver }
  | { readonly type: 'ask-to-proceed' }
  | { readonly type: 'download-ended'; readonly outcome: DownloadOutcome };

type Download =
  | { readonly state: 'requested'; readonly file: string; readonly deadline: Millis }
  | { readonly state: 'opening'; readonly file: string; readonly receiver: Receiver }
  | { readonly state: 'receiving'; readonly receiver: Receiver; asked: boolean }
  /** Every part is there; the server has the last word, since the file may have changed. */
  | { readonly state: 'finishing'; readonly deadline: Millis };

/** A server that has no last word is not waited for longer than this. */
const LAST_WORD_WITHIN = millis(5_000);

/**
 * The client's side of the TCP conversation, without a socket: it is handed what the user wants,
 * what the server says and the time, and hands back what to do. (Document, "About the client
 * program"; PROTOCOL.md.)
 */
export class ClientSession {
  readonly #framing: Framing;
  #connecting: string | undefined;
  #download: Download | undefined;
  /** A download was given up after `proceed`; the server's praise for it is not to be shown. */
  #ignoreFinished = false;

  constructor(framing: Framing) {
    this.#framing = framing;
  }

  get downloading(): boolean {
    return this.#download !== undefined;
  }

  connect(name: string): readonly ClientEffect[] {
    this.#connecting = name;
    return [{ type: 'send', message: { type: 'connect', name } }];
  }

  download(file: string, now: Millis): readonly ClientEffect[] {
    this.#download = { state: 'requested', file, deadline: after(now, GIVE_UP_AFTER) };
    return [{ type: 'send', message: { type: 'download', file } }];
  }

  /** The UDP socket is bound and the file can be written. */
  receiverReady(port: Port, now: Millis): readonly ClientEffect[] {
    if (this.#download?.state !== 'opening') return [];
    const { receiver } = this.#download;
    this.#download = { state: 'receiving', receiver, asked: false };
    return [
      { type: 'send', message: { type: 'address', port } },
      // An empty file is whole before anything comes.
      ...this.#afterSegments(now),
    ];
  }

  /** Datagrams have come, and the {@link Receiver} has taken what counts. */
  segmentsReceived(now: Millis): readonly ClientEffect[] {
    return this.#afterSegments(now);
  }

  /** What the user says at 50 %: `proceed` goes on, anything else stops. */
  answer(text: string, now: Millis): readonly ClientEffect[] {
    if (this.#download?.state !== 'receiving') return [];
    const { receiver } = this.#download;
    if (text === 'proceed') {
      receiver.proceed(now);
      return [{ type: 'send', message: { type: 'proceed' } }, ...this.#afterSegments(now)];
    }
    this.#download = undefined;
    // An answer that reads as a command or as numbers would not stop the server.
    const unmistakable = /^[a-z ]+$/i.test(text) && !/^(disconnect|get|msg|down|conn)/.test(text);
    return [
      unmistakable ? { type: 'send-text', text } : { type: 'send', message: { type: 'stop' } },
      { type: 'download-ended', outcome: { type: 'stopped' } },
    ];
  }

  /** Ends the download from this side: the user wants it, or what came cannot be written. */
  abandon(outcome: DownloadOutcome): readonly ClientEffect[] {
    const running = this.#download;
    if (running === undefined) return [];
    this.#download = undefined;
    const ended: ClientEffect = { type: 'download-ended', outcome };
    if (running.state === 'requested' || running.state === 'finishing') return [ended];
    // Before `proceed` the server answers `download stopped`; after it, that all was downloaded.
    this.#ignoreFinished = running.receiver.phase === 'second-half';
    return [{ type: 'send', message: { type: 'stop' } }, ended];
  }

  /** The connection is gone. What is all there needs no last word any more. */
  closed(): readonly ClientEffect[] {
    if (this.#download?.state === 'finishing') return this.#complete();
    return this.abandon({ type: 'failed', reason: 'the connection to the server ended' });
  }

  /** One message of the server, as it was framed. */
  handle(text: string, now: Millis): readonly ClientEffect[] {
    const parts = this.#framing === 'bare' ? unglue(text, this.#connecting) : [text];
    return parts.flatMap((part) => this.#handleOne(part, now));
  }

  nextTimeout(): Millis | undefined {
    switch (this.#download?.state) {
      case 'requested':
      case 'finishing':
        return this.#download.deadline;
      case 'receiving':
        return this.#download.receiver.nextTimeout();
      default:
        return undefined;
    }
  }

  onTimeout(now: Millis): readonly ClientEffect[] {
    const running = this.#download;
    if (running?.state === 'requested') {
      if (now < running.deadline) return [];
      return this.#fail('the server did not answer for 30 seconds');
    }
    if (running?.state === 'finishing') return now < running.deadline ? [] : this.#complete();
    if (running?.state !== 'receiving') return [];
    const effects: ClientEffect[] = [];
    for (const effect of running.receiver.onTimeout(now)) {
      switch (effect.type) {
        case 'request-again':
          effects.push(...reRequests(effect.seqs));
          break;
        case 'give-up':
          effects.push(
            ...this.abandon({
              type: 'failed',
              reason: 'no part of the file has come for 30 seconds',
            }),
          );
          break;
        default:
          assertNever(effect);
      }
    }
    return effects;
  }

  #handleOne(text: string, now: Millis): readonly ClientEffect[] {
    const notice = decodeServerMessage(text);
    const show: ClientEffect = { type: 'show', text };
    switch (notice.type) {
      case 'connected':
      case 'connect-refused':
        if (this.#connecting === undefined) return [show];
        this.#connecting = undefined;
        return [show, { type: 'connect-answered', online: notice.type === 'connected' }];
      case 'segment-count':
        return this.#segmentCountCame(notice.count, show, now);
      case 'finished':
        if (this.#ignoreFinished) {
          this.#ignoreFinished = false;
          return [];
        }
        return this.#download?.state === 'finishing' ? [show, ...this.#complete()] : [show];
      case 'download-refused':
      case 'download-ended':
      case 'stopped':
        return this.#endedByServer(notice, text, show);
      case 'text':
        return [show];
      default:
        return assertNever(notice);
    }
  }

  #segmentCountCame(count: number, show: ClientEffect, now: Millis): readonly ClientEffect[] {
    if (this.#download?.state !== 'requested') return [show];
    if (count > MAX_SEGMENT_COUNT) return this.#fail(`a file of ${count} parts is too large`);
    const { file } = this.#download;
    const receiver = new Receiver(count, now);
    this.#download = { state: 'opening', file, receiver };
    return [{ type: 'open-receiver', file, receiver }];
  }

  #endedByServer(notice: Notice, text: string, show: ClientEffect): readonly ClientEffect[] {
    const running = this.#download;
    // Only before the first part may a refusal have another wording than the document's.
    const begun = running?.state === 'receiving' || running?.state === 'finishing';
    if (running === undefined || (begun && notice.type === 'download-refused')) return [show];
    this.#download = undefined;
    return [show, { type: 'download-ended', outcome: { type: 'failed', reason: text } }];
  }

  #afterSegments(now: Millis): readonly ClientEffect[] {
    const running = this.#download;
    if (running?.state !== 'receiving') return [];
    if (running.receiver.phase === 'asking' && !running.asked) {
      running.asked = true;
      return [{ type: 'ask-to-proceed' }];
    }
    if (running.receiver.phase !== 'complete') return [];
    this.#download = { state: 'finishing', deadline: after(now, LAST_WORD_WITHIN) };
    return [{ type: 'send', message: { type: 'stop' } }];
  }

  #complete(): readonly ClientEffect[] {
    this.#download = undefined;
    return [{ type: 'download-ended', outcome: { type: 'complete' } }];
  }

  #fail(reason: string): readonly ClientEffect[] {
    this.#download = undefined;
    return [{ type: 'download-ended', outcome: { type: 'failed', reason } }];
  }
}

function reRequests(seqs: readonly number[]): ClientEffect[] {
  const effects: ClientEffect[] = [];
  for (let start = 0; start < seqs.length; start += MAX_NUMBERS_PER_MESSAGE) {
    const some = seqs.slice(start, start + MAX_NUMBERS_PER_MESSAGE);
    effects.push({
      type: 'send',
      message: { type: 're-request', seqs: some, invalid: 0 },
    });
  }
  return effects;
}

/**
 * Takes apart what a server written from the document sends at once, in two writes with nothing
 * between them: the notice to all and the answer to `connect`.
 */
function unglue(text: string, connecting: string | undefined): string[] {
  if (connecting === undefined) return [text];
  const joined = `${connecting} is connected`;
  if (text === `${joined}connected`) return [joined, 'connected'];
  if (text === `connected${joined}`) return ['connected', joined];
  return [text];
}

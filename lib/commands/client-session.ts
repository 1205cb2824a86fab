import type { Millis } from '../core/brands.ts';
import { assertNever } from '../core/errors.ts';
import { ClientDownload } from './client-download.ts';
import type { ClientEffect } from './client-effects.ts';
import { decodeServerMessage } from './codec.ts';
import type { Framing } from './framing.ts';

/**
 * The client's side of the TCP conversation, without a socket: it is handed what the user wants,
 * what the server says and the time, and hands back what to do. (Document, "About the client
 * program"; PROTOCOL.md.)
 */
export class ClientSession {
  readonly download = new ClientDownload();
  readonly #framing: Framing;
  #connecting: string | undefined;

  constructor(framing: Framing) {
    this.#framing = framing;
  }

  connect(name: string): readonly ClientEffect[] {
    this.#connecting = name;
    return [{ type: 'send', message: { type: 'connect', name } }];
  }

  /** One message of the server, as it was framed. */
  handle(text: string, now: Millis): readonly ClientEffect[] {
    const parts = this.#framing === 'bare' ? unglue(text, this.#connecting) : [text];
    return parts.flatMap((part) => this.#handleOne(part, now));
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
      case 'digest':
      case 'finished':
      case 'download-refused':
      case 'download-ended':
      case 'stopped':
        return this.download.handle(notice, text, now);
      case 'text':
        return [show];
      default:
        return assertNever(notice);
    }
  }
}

const NOTICE = '[^|]{0,1000} is (?:dis)?connected';
const NOTICE_AND_ANSWER = new RegExp(
  `^(${NOTICE})(connected|download stopped|\\|\\d{1,10}(?:\\|.*)?)$`,
);
const ANSWER_AND_NOTICE = new RegExp(`^(connected|download stopped|\\|\\d{1,10})(\\D${NOTICE})$`);

/**
 * Takes apart what a server written from the document sends at once, in two writes with nothing between them: an answer
 * to this client, and who comes or goes. What users say has `: ` behind their name: nobody can make up an answer.
 */
function unglue(text: string, connecting: string | undefined): string[] {
  const [, first, second] = NOTICE_AND_ANSWER.exec(text) ?? ANSWER_AND_NOTICE.exec(text) ?? [];
  if (first === undefined || second === undefined || text.includes(': ')) return [text];
  // There may be somebody whose name begins so.
  if (first === 'connected' && connecting === undefined) return [text];
  return [first, second];
}

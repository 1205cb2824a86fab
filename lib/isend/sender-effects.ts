import type { Reply, Request, ResumeOffer } from './messages.ts';

export interface SenderOptions {
  /** Requests with content that may be under way; with 1, each is waited for at each step. */
  readonly window: number;
  /** 1 to 256 bytes. */
  readonly password: Buffer | undefined;
}

/** What a sender can be given: an item, or pieces of the file, so many at most. */
export type Wish = { readonly type: 'item' } | { readonly type: 'pieces'; readonly count: number };

/** What is to be sent. */
export type Item =
  | { readonly type: 'file'; readonly name: string; readonly size: number }
  | { readonly type: 'folder'; readonly name: string }
  | { readonly type: 'end-of-folder' }
  /** UTF-8, 1 to 256 bytes. */
  | { readonly type: 'message'; readonly text: Buffer };

/** What has become of an item. */
export type ItemOutcome =
  /** `text`: what the receiver says of it, for example the name that it got. */
  | { readonly type: 'confirmed'; readonly text: string }
  | { readonly type: 'skipped'; readonly text: string }
  | { readonly type: 'refused'; readonly text: string };

/** What a sender's machine says is to be done, in this order. */
export type SenderEffect =
  /** The instruction and, right behind it, the content if there is one here. */
  | { readonly type: 'send'; readonly request: Request; readonly content: Buffer | undefined }
  /** A content whose instruction was sent before. */
  | { readonly type: 'send-content'; readonly content: Buffer }
  /** The pieces that were read, each behind its instruction; or the first instruction alone. */
  | { readonly type: 'send-pieces'; readonly requests: readonly Request[]; readonly alone: boolean }
  /** The piece whose instruction was sent alone. */
  | { readonly type: 'send-held-piece' }
  /** The connection is established: items can be given. */
  | { readonly type: 'established' }
  /** So much of the file is there already, if it is the same. Then `goOn`. */
  | { readonly type: 'check-offer'; readonly offer: ResumeOffer }
  /** Of the file that is being sent, nothing more is wanted. */
  | { readonly type: 'drop-file' }
  /** So many bytes of the file have arrived. */
  | { readonly type: 'arrived'; readonly bytes: number }
  | { readonly type: 'item-ended'; readonly item: Item; readonly outcome: ItemOutcome }
  /** The connection can be closed when everything is sent. `failure`: why not all was sent. */
  | { readonly type: 'close'; readonly failure: string | undefined };

/** `undefined` for a reply that does not answer an item. */
export function outcomeOf({ type, text }: Reply): ItemOutcome | undefined {
  switch (type) {
    case 'confirmed':
      return { type: 'confirmed', text };
    case 'refused':
      return { type: 'refused', text };
    case 'skip-file':
    case 'skip-folder':
      return { type: 'skipped', text };
    default:
      return undefined;
  }
}

/** For the end of a sentence. */
export function because(text: string): string {
  return text === '' ? '' : `: ${text}`;
}

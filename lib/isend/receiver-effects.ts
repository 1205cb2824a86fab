import type { Reply, ResumeOffer } from './messages.ts';

/** What a receiver's machine says is to be done, in this order. */
export type ReceiverEffect =
  | { readonly type: 'reply'; readonly reply: Reply }
  /** Then `admitted`. */
  | { readonly type: 'admit'; readonly password: Buffer | undefined }
  /** Each of these has to be answered with `stored` before anything else. */
  | { readonly type: 'begin-file'; readonly name: string }
  | { readonly type: 'write'; readonly bytes: Buffer }
  | { readonly type: 'go-on'; readonly offset: number }
  | { readonly type: 'end-file' }
  | { readonly type: 'begin-folder'; readonly name: string }
  | { readonly type: 'end-folder' }
  | { readonly type: 'show'; readonly text: string }
  /** When the replies are sent. `complete`: the sender has said that this is all. */
  | { readonly type: 'close'; readonly complete: boolean; readonly reason: string };

/** What has come of an effect of the storage. */
export type Stored =
  /** `text` goes with the reply: the name that a file got, for example. */
  | { readonly type: 'done'; readonly text?: string }
  /** It is begun; the sender may go on where an earlier attempt ended. */
  | { readonly type: 'offer'; readonly offer: ResumeOffer }
  | { readonly type: 'skipped'; readonly reason: string }
  | { readonly type: 'refused'; readonly reason: string };

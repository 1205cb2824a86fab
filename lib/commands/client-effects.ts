import type { Receiver } from '../udp-reliable/receiver.ts';
import type { ClientMessage } from './messages.ts';

/** How a download ended. `complete`: every part is there. */
export type DownloadOutcome =
  | { readonly type: 'complete' }
  | { readonly type: 'stopped' }
  /** `useless`: what has come must not be gone on with. */
  | { readonly type: 'failed'; readonly reason: string; readonly useless?: true };

export type ClientEffect =
  | { readonly type: 'send'; readonly message: Exclude<ClientMessage, { type: 'unknown' }> }
  /** A word of the user's, as it was typed. */
  | { readonly type: 'send-text'; readonly text: string }
  | { readonly type: 'show'; readonly text: string }
  /** The answer to `connect`. */
  | { readonly type: 'connect-answered'; readonly online: boolean }
  /** A place for the file and a UDP socket are wanted; then `receiverReady`. */
  | { readonly type: 'open-receiver'; readonly file: string; readonly receiver: Receiver }
  /** In the fast profile: the server is to hear what has come. */
  | { readonly type: 'send-feedback' }
  /** The SHA-256 of all that has come is wanted; then `hashed`. */
  | { readonly type: 'hash-received' }
  | { readonly type: 'ask-to-proceed' }
  | { readonly type: 'download-ended'; readonly outcome: DownloadOutcome };

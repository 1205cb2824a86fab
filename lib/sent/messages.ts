import { ProtocolError } from '../core/errors.ts';

/** Somebody, as he calls himself. The address that something comes from is the truth, not `ip`. */
export interface User {
  readonly name: string;
  readonly ip: string;
}

export interface FileInfo {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** The media type. */
  readonly type: string;
  /** MD5 of the content, in hex: the document's own. */
  readonly md5: string;
  /** In hex; it is the one that is checked, where it is there. */
  readonly sha256?: string | undefined;
}

/** What a datagram of presence says. */
export interface Presence {
  readonly type: 'join' | 'ping' | 'leave';
  readonly user: User;
}

interface About {
  /** Who offers the file. */
  readonly sender: User;
  readonly receiver: User;
  readonly file: FileInfo;
}

/** What is said over TCP. */
export type Message =
  | {
      readonly type: 'ask';
      readonly sender: User;
      readonly receivers: readonly User[];
      readonly file: FileInfo;
    }
  /** `offset`: bytes that are there already. */
  | (About & { readonly type: 'accept'; readonly offset: number })
  | (About & { readonly type: 'refuse' })
  /** The bytes from `offset` on follow. */
  | (About & { readonly type: 'file'; readonly offset: number })
  | (About & { readonly type: 'received' })
  | (About & { readonly type: 'failed'; readonly reason: string });

/** The document names no errors: each of them ends the connection, and stands in the log. */
export type ErrorCode = 'NO_OBJECT' | 'MESSAGE_TOO_LONG' | 'NO_MESSAGE' | 'OUT_OF_TURN';

export class SentError extends ProtocolError<ErrorCode> {}

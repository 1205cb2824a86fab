import { ProtocolError } from '../core/errors.ts';

/** Bytes of a name, a password, a message, and of the text of a reply, at most. */
export const MAX_TEXT_BYTES = 256;
/** Bytes of one piece of a file, at most. */
export const MAX_PIECE_BYTES = 65_535;
/** A connection request has this number; those after it count from 1. */
export const CONNECT_ID = 0;

/** What a sender asks for without content: answered once. */
export type PlainRequestType = 'connect' | 'end-of-file' | 'end-of-folder' | 'end';
/** What a sender asks for with content: answered before the content and after it. */
export type ContentRequestType =
  | 'connect-with-password'
  | 'file-name'
  | 'file-content'
  | 'go-on'
  | 'folder-name'
  | 'message';

export type Request =
  | { readonly type: PlainRequestType; readonly id: number; readonly length: 0 }
  | { readonly type: ContentRequestType; readonly id: number; readonly length: number };

export type ReplyType =
  | 'established'
  | 'connection-refused'
  | 'connection-failed'
  | 'confirmed'
  | 'refused'
  | 'failed'
  | 'skip-file'
  | 'skip-folder'
  | 'end';

export interface Reply {
  readonly type: ReplyType;
  /** The number of the request that it answers. */
  readonly id: number;
  /** Why, or what has become of it; often empty. */
  readonly text: string;
}

export type IsendErrorCode =
  | 'UNKNOWN_CODE'
  | 'BAD_CONTENT_FLAG'
  | 'BAD_LENGTH'
  | 'NOT_CONNECTED'
  | 'ALREADY_CONNECTED'
  | 'NO_FILE'
  | 'FILE_NOT_ENDED'
  | 'NO_FOLDER'
  | 'NO_OFFER'
  | 'TOO_SLOW'
  | 'CONNECT_TOO_SLOW';

/** A peer did what the protocol does not allow, in the request (or reply) of that number. */
export class IsendError extends ProtocolError<IsendErrorCode> {
  readonly requestId: number;

  constructor(code: IsendErrorCode, requestId: number, detail = '') {
    super(code, detail);
    this.name = 'IsendError';
    this.requestId = requestId;
  }
}

/** Where a receiver has a part of the file already, and how to know that it is the same. */
export interface ResumeOffer {
  /** Bytes that need not be sent. */
  readonly offset: number;
  /** Their SHA-256 in hex. */
  readonly sha256: string;
  /** Whether it has a whole file: nothing can be added to it. */
  readonly whole: boolean;
}

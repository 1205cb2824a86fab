import type { Port } from '../core/brands.ts';
import type { ProtocolError } from '../core/errors.ts';

/** What a client asks for beyond the document (PROTOCOL.md, "The fast profile"). */
export interface FastRequest {
  /** The largest IP packet that its interface carries. */
  readonly mtu: number;
  /** Bytes a second that it wants at most. */
  readonly rate?: number | undefined;
}

/** What a server that knows the fast profile answers. */
export interface FastOffer {
  /** Bytes of the file in one part. */
  readonly part: number;
  readonly size: number;
  /** The same as long as the file does not change. */
  readonly id: string;
  /** The UDP port that the client's feedback is to go to; the parts come from there. */
  readonly port: Port;
  /** What the feedback has to begin with, so that nobody else can send it. */
  readonly key: number;
  /** In hex; of a large file it is told later. */
  readonly sha256?: string | undefined;
}

/** What a client says to a server over TCP. */
export type ClientMessage =
  | { readonly type: 'connect'; readonly name: string }
  | { readonly type: 'disconnect' }
  | { readonly type: 'get-users' }
  | { readonly type: 'get-list-file' }
  | { readonly type: 'msg-all'; readonly data: string }
  | { readonly type: 'msg'; readonly data: string; readonly target: string }
  | { readonly type: 'download'; readonly file: string; readonly fast?: FastRequest | undefined }
  /** Where the parts are to be sent; `host` only from a peer of the as-written dialect. */
  | { readonly type: 'address'; readonly host?: string; readonly port: Port | undefined }
  /** `invalid`: how many of the words were no number. */
  | { readonly type: 're-request'; readonly seqs: readonly number[]; readonly invalid: number }
  | { readonly type: 'proceed' }
  | { readonly type: 'stop' }
  | { readonly type: 'unknown'; readonly text: string };

/** What a server says to a client over TCP, apart from refusals. */
export type ServerMessage =
  | { readonly type: 'joined'; readonly name: string }
  | { readonly type: 'left'; readonly name: string }
  | { readonly type: 'connected' }
  | { readonly type: 'disconnected' }
  | { readonly type: 'users'; readonly names: readonly string[] }
  | { readonly type: 'files'; readonly names: readonly string[] }
  | { readonly type: 'said-to-all'; readonly name: string; readonly data: string }
  | { readonly type: 'said'; readonly name: string; readonly data: string }
  | {
      readonly type: 'segment-count';
      readonly count: number;
      readonly fast?: FastOffer | undefined;
    }
  /** In the fast profile: what the whole file has to have. */
  | { readonly type: 'digest'; readonly sha256: string }
  | { readonly type: 'stopped' }
  | { readonly type: 'finished'; readonly name: string; readonly lastByte: number | undefined }
  | { readonly type: 'closing' }
  | { readonly type: 'refused'; readonly error: ClassroomError };

export type ErrorCode =
  | 'PORT_FULL'
  | 'NAME_TAKEN'
  | 'NAME_ILLEGAL'
  | 'ALREADY_CONNECTED'
  | 'NOT_ONLINE'
  | 'LOGIN_TO_SAY'
  | 'LOGIN_TO_DOWNLOAD'
  | 'FILE_NOT_FOUND'
  | 'DOWNLOAD_RUNNING'
  | 'FILE_CHANGED'
  | 'FILE_TOO_LARGE'
  | 'BAD_ADDRESS'
  | 'TIMED_OUT'
  | 'READ_FAILED'
  | 'UNKNOWN_COMMAND'
  | 'MESSAGE_TOO_LONG';

export type ClassroomError = ProtocolError<ErrorCode>;

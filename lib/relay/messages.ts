import type { Port } from '../core/brands.ts';
import type { ProtocolError } from '../core/errors.ts';

/** The first line of both permanent connections. */
export interface LogIn {
  readonly user: string;
  readonly key: string;
  /** Notification connection only: the questions are to tell the name and the size of the file. */
  readonly details: boolean;
}

/** What a client asks for on its command connection; the recipients of `send` follow, one a line. */
export type CommandRequest =
  | { readonly type: 'list' }
  | {
      readonly type: 'send';
      readonly file: string;
      /** In bytes. */
      readonly size: number;
      readonly recipients: number;
    };

/** What a server says on a command connection. */
export type CommandReply =
  | { readonly type: 'welcome' }
  | { readonly type: 'authenticated' }
  | { readonly type: 'users'; readonly users: readonly string[] }
  | { readonly type: 'accepted'; readonly users: readonly string[]; readonly port: Port }
  | { readonly type: 'refused'; readonly error: RelayError };

/** A file that is offered, for those who want to be told. */
export interface Offer {
  readonly file: string;
  /** In bytes. */
  readonly size: number;
}

/** What a server says on a notification connection. */
export type Notification =
  | { readonly type: 'welcome' }
  | { readonly type: 'authenticated' }
  /** "Request for connection": does this user want what the sender offers? */
  | { readonly type: 'request'; readonly sender: string; readonly offer?: Offer | undefined }
  /** What this user has said yes to can be read at `port`. */
  | {
      readonly type: 'open';
      readonly sender: string;
      readonly file: string;
      readonly port: Port;
    }
  | { readonly type: 'refused'; readonly error: RelayError };

/** What a client says on a data connection. */
export type DataRequest =
  | {
      readonly type: 'write';
      readonly user: string;
      readonly key: string;
      /** Go on where the server's file ends. */
      readonly resume: boolean;
    }
  | {
      readonly type: 'read';
      readonly user: string;
      readonly key: string;
      /** In bytes. */
      readonly offset: number;
      /** The answer is to tell the size of the file. */
      readonly details: boolean;
    };

/** The answer to it; raw bytes follow. */
export type DataReply =
  /** `bytes`: those that are stored (`resume`), or those of the whole file (`details`). */
  | {
      readonly type: 'granted';
      readonly file?: string | undefined;
      readonly bytes?: number | undefined;
    }
  | { readonly type: 'refused'; readonly error: RelayError };

/** The codes that the document gives a refusal: see `REFUSALS` in the codec. */
export type ErrorCode =
  | 'ID_TAKEN'
  | 'AUTHENTICATION_FAILED'
  | 'BAD_LOG_IN'
  | 'NO_RECIPIENT'
  | 'SERVER_ERROR'
  | 'BAD_SEND'
  | 'DENIED'
  | 'BAD_REQUEST'
  | 'UNKNOWN_COMMAND';

export type RelayError = ProtocolError<ErrorCode>;

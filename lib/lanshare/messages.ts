import { ProtocolError } from '../core/errors.ts';

/** Somebody on the LAN. What he says of his address is not asked; it is where things come from. */
export interface Person {
  readonly username: string;
  readonly ip: string;
}

/** A file that is offered: `dir`, its path at the sender, tells one request of his from another. */
export interface OfferedFile {
  readonly dir: string;
  readonly name: string;
  /** In bytes. */
  readonly size: number;
}

/** What a front end wants (document, "Commands"). */
export type Command =
  | { readonly type: 'request'; readonly ip: string; readonly dir: string }
  | { readonly type: 'accept'; readonly ip: string; readonly dir: string; readonly dest: string }
  | { readonly type: 'reject'; readonly ip: string; readonly dir: string }
  | { readonly type: 'message'; readonly ip: string; readonly to: string; readonly text: string }
  /** Every transfer with this port, or that with `ip` only. */
  | { readonly type: 'stop'; readonly port: number; readonly ip: string | undefined }
  | { readonly type: 'greet' };

/** By whom something was done, or that it did not work. */
export type Step = 'received' | 'sent' | 'failed';

/** What an engine tells of requests, answers and messages (document, "Send/Receive Port"). */
export type Exchange =
  | {
      readonly type: 'request' | 'rejection';
      readonly step: Step;
      readonly person: Person;
      readonly file: OfferedFile;
    }
  | {
      readonly type: 'acceptance';
      readonly step: Step;
      readonly person: Person;
      readonly file: Omit<OfferedFile, 'size'>;
      readonly destination: string;
      readonly port: number;
    }
  /** `person`: who wrote it; `you` for those that were sent. */
  | {
      readonly type: 'message';
      readonly step: Step;
      readonly person: string;
      readonly text: string;
    };

/** What an engine says to another one: what that one tells its front end has been received. */
export type PeerMessage = Exchange & { readonly step: 'received' };

/** How far a transfer is. */
export interface Position {
  readonly person: Person;
  readonly port: number;
  readonly dir: string;
  /** In bytes. */
  readonly total: number;
  readonly current: number;
  /** In kB/s. */
  readonly speed: number;
}

/** What an engine tells its front end. */
export type Event =
  | Exchange
  | ({ readonly type: 'progress'; readonly step: 'receiving' | 'sending' | 'failed' } & Position)
  | {
      readonly type: 'done';
      readonly person: Person;
      readonly port: number;
      readonly total: number;
    }
  | {
      readonly type: 'presence';
      readonly status: 'online' | 'offline';
      readonly person: Person;
    }
  | ({ readonly type: 'info' } & Info);

/** The document has the first two; the others say what its events have no field for. */
export type Info =
  | { readonly content: 'activeUploadFull' | 'activeDownloadFull' }
  /** The engine is there; the first that it tells. */
  | { readonly content: 'ready' }
  | { readonly content: 'badCommand'; readonly reason: string }
  /** Why the event that follows, `about`, says that something failed. */
  | {
      readonly content: 'failure';
      readonly about: string;
      readonly ip: string;
      readonly dir: string;
      readonly reason: string;
    }
  /** Nobody has to answer this request any more. */
  | { readonly content: 'requestEnded'; readonly ip: string; readonly dir: string }
  /** Under which name a file is there. */
  | {
      readonly content: 'saved';
      readonly ip: string;
      readonly dir: string;
      readonly path: string;
    }
  /** Somebody did what he may not do. */
  | { readonly content: 'warning'; readonly ip: string; readonly reason: string };

/** The first line on a data connection. */
export interface DataHeader {
  readonly name: string;
  readonly size: number;
  /** In hex. */
  readonly sha256: string;
}

/** What the receiver says on a data connection. */
export type DataAnswer =
  /** The bytes from there on are wanted. */
  | { readonly type: 'offset'; readonly offset: number }
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly reason: string };

/** The document names no errors. */
export type ErrorCode = 'BAD_COMMAND' | 'NO_MESSAGE';

export class LanshareError extends ProtocolError<ErrorCode> {}

import { type Millis, millis, type Port } from '../core/brands.ts';
import type { CommandReply, Notification, Offer, RelayError } from './messages.ts';

/** A connection, by a number that the driver gives it. */
export type ConnectionId = number;
export type ConnectionKind = 'command' | 'notification';

/** So many wrong keys in a minute from one address, and it is not listened to for another minute. */
export const WRONG_KEYS = 20;

/** A log-in, or a SEND with its recipients, has to be whole by then. */
export const REQUEST_TIME = millis(30_000);
/** No answer by then is a no. */
export const QUESTION_TIME = millis(60_000);
/** Questions that one user has not answered; one more is a no by itself. */
export const MAX_OPEN_QUESTIONS = 64;

/** Somebody who takes part in a transfer, and the key of the log-in with which. */
export interface Party {
  readonly user: string;
  readonly key: string;
}

/** A transfer that all have agreed on. */
export interface Agreement extends Offer {
  readonly sender: Party;
  readonly recipients: readonly Party[];
}

/** A transfer that a user said yes to before, and has not read to the end. */
export interface WaitingOffer {
  readonly sender: string;
  readonly file: string;
  readonly port: Port;
}

export type RelayEffect =
  | { readonly type: 'send'; readonly to: ConnectionId; readonly message: ServerLine }
  | { readonly type: 'close'; readonly connection: ConnectionId }
  /** To be answered with `keyChecked`. */
  /** Somebody does not know the key that he has given: see {@link WRONG_KEYS}. */
  | { readonly type: 'wrong-key'; readonly connection: ConnectionId }
  | { readonly type: 'check-key'; readonly connection: ConnectionId; readonly party: Party }
  /** To be answered with `transferMade` or `transferFailed`. */
  | {
      readonly type: 'make-transfer';
      readonly connection: ConnectionId;
      readonly agreement: Agreement;
    }
  /** To be answered with `waitingListed`. */
  | { readonly type: 'list-waiting'; readonly connection: ConnectionId; readonly party: Party }
  | { readonly type: 'log'; readonly connection: ConnectionId; readonly text: string };

export type ServerLine =
  | { readonly on: 'command'; readonly reply: CommandReply }
  | { readonly on: 'notification'; readonly notification: Notification };

/** A question that waits for its answer; answers come in the order of the questions. */
export interface Question {
  /** Who asked; `undefined` when the answer does not count any more. */
  sending: Sending | undefined;
}

/** A SEND from its first line to its answer. */
export interface Sending extends Offer {
  readonly connection: ConnectionId;
  /** How many lines still belong to it. */
  missing: number;
  readonly wanted: Set<string>;
  /** `undefined` while somebody has not answered. */
  readonly answers: Map<string, Party | 'no' | undefined>;
  /** `making`: the driver prepares the transfer. */
  state: 'reading' | 'asking' | 'making';
  deadline: Millis;
}

/** A command connection. */
export interface CommandConnection {
  readonly kind: 'command';
  readonly id: ConnectionId;
  readonly since: Millis;
  /** `checking`: the driver looks whether the key is right. */
  state: 'new' | 'checking' | 'open';
  party: Party | undefined;
  notification: NotificationConnection | undefined;
  sending: Sending | undefined;
}

export interface NotificationConnection {
  readonly kind: 'notification';
  readonly id: ConnectionId;
  readonly since: Millis;
  owner: CommandConnection | undefined;
  details: boolean;
  readonly questions: Question[];
}

export type Connection = CommandConnection | NotificationConnection;

/** Everybody who is there. */
export class Room {
  readonly connections = new Map<ConnectionId, Connection>();
  /** By name, in the order in which they came; those whose key is being checked included. */
  readonly users = new Map<string, CommandConnection>();
}

export function reply(to: Connection, message: CommandReply): RelayEffect {
  return { type: 'send', to: to.id, message: { on: 'command', reply: message } };
}

export function notify(to: Connection, notification: Notification): RelayEffect {
  return { type: 'send', to: to.id, message: { on: 'notification', notification } };
}

/** Tells `error`, on whichever connection. */
export function refuse(to: Connection, error: RelayError): RelayEffect {
  const message = { type: 'refused', error } as const;
  return to.kind === 'command' ? reply(to, message) : notify(to, message);
}

export function log(about: Connection, text: string): RelayEffect {
  return { type: 'log', connection: about.id, text };
}

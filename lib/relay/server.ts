import { createHash, timingSafeEqual } from 'node:crypto';
import { after, type Millis, type Port } from '../core/brands.ts';
import { assertNever, ProtocolError } from '../core/errors.ts';
import { decodeAnswer, decodeCommandRequest, decodeLogIn, refusal } from './codec.ts';
import type { ErrorCode, RelayError } from './messages.ts';
import {
  type CommandConnection,
  type Connection,
  type ConnectionId,
  type ConnectionKind,
  log,
  type NotificationConnection,
  notify,
  REQUEST_TIME,
  type RelayEffect,
  Room,
  refuse,
  reply,
  type WaitingOffer,
} from './server-room.ts';
import {
  announce,
  answered,
  beginSending,
  cannotAnswer,
  decide,
  forgetQuestions,
  recipientNamed,
} from './server-sending.ts';

/** Refusals after which the conversation goes on. */
const GOES_ON: ReadonlySet<ErrorCode> = new Set(['NO_RECIPIENT', 'SERVER_ERROR']);

/**
 * The server's side of all command and notification connections, without a socket: it is handed
 * what clients say and the time, and hands back what to do. (Document, the dialogue; PROTOCOL.md.)
 */
export class RelayServer {
  readonly #room = new Room();

  opened(id: ConnectionId, kind: ConnectionKind, now: Millis): readonly RelayEffect[] {
    const connection: Connection =
      kind === 'command'
        ? {
            kind,
            id,
            since: now,
            state: 'new',
            party: undefined,
            notification: undefined,
            sending: undefined,
          }
        : { kind, id, since: now, owner: undefined, details: false, questions: [] };
    this.#room.connections.set(id, connection);
    return [
      kind === 'command'
        ? reply(connection, { type: 'welcome' })
        : notify(connection, { type: 'welcome' }),
    ];
  }

  /** Who is on this connection, once that is known. */
  userOf(id: ConnectionId): string | undefined {
    const connection = this.#room.connections.get(id);
    const owner = connection?.kind === 'notification' ? connection.owner : connection;
    return owner?.party?.user;
  }

  /** Whether the next line of this connection has to wait until something else has happened. */
  isBusy(id: ConnectionId): boolean {
    const connection = this.#room.connections.get(id);
    if (connection?.kind !== 'command') return false;
    const sending = connection.sending?.state;
    return connection.state === 'checking' || sending === 'asking' || sending === 'making';
  }

  line(id: ConnectionId, text: string, now: Millis): readonly RelayEffect[] {
    return this.#with(id, (connection) => {
      switch (connection.kind) {
        case 'command':
          return this.#command(connection, text, now);
        case 'notification':
          return this.#notification(connection, text);
        default:
          return assertNever(connection);
      }
    });
  }

  /** A line was too long. */
  tooLong(id: ConnectionId): readonly RelayEffect[] {
    return this.#with(id, (connection) => {
      throw refusal(codeFor(connection), 'the line is too long');
    });
  }

  /** The answer to `check-key`. */
  keyChecked(id: ConnectionId, right: boolean): readonly RelayEffect[] {
    return this.#with(id, (connection) => {
      if (connection.kind !== 'command' || connection.state !== 'checking') return [];
      const { party } = connection;
      if (!right || party === undefined) throw new WrongKeyError('AUTHENTICATION_FAILED');
      // Whoever was checked first has the name.
      if (this.#room.users.has(party.user)) throw refusal('ID_TAKEN');
      this.#room.users.set(party.user, connection);
      connection.state = 'open';
      return [reply(connection, { type: 'authenticated' }), log(connection, 'is there')];
    });
  }

  /** The answer to `make-transfer`: the transfer's data port. */
  transferMade(id: ConnectionId, port: Port): readonly RelayEffect[] {
    return this.#with(id, (connection) => {
      if (connection.kind !== 'command' || connection.sending?.state !== 'making') return [];
      return announce(this.#room, connection, connection.sending, port);
    });
  }

  /** The other answer to `make-transfer`. */
  transferFailed(id: ConnectionId, reason: string): readonly RelayEffect[] {
    return this.#with(id, (connection) => {
      if (connection.kind !== 'command' || connection.sending?.state !== 'making') return [];
      connection.sending = undefined;
      throw refusal('SERVER_ERROR', reason);
    });
  }

  /** The answer to `list-waiting`. */
  waitingListed(id: ConnectionId, offers: readonly WaitingOffer[]): readonly RelayEffect[] {
    const connection = this.#room.connections.get(id);
    if (connection === undefined) return [];
    return offers.map((offer) => notify(connection, { type: 'open', ...offer }));
  }

  nextTimeout(id: ConnectionId): Millis | undefined {
    const connection = this.#room.connections.get(id);
    if (connection === undefined) return undefined;
    if (connection.kind === 'notification') {
      return connection.owner === undefined ? after(connection.since, REQUEST_TIME) : undefined;
    }
    if (connection.state === 'new') return after(connection.since, REQUEST_TIME);
    const { sending } = connection;
    return sending === undefined || sending.state === 'making' ? undefined : sending.deadline;
  }

  onTimeout(id: ConnectionId, now: Millis): readonly RelayEffect[] {
    const deadline = this.nextTimeout(id);
    if (deadline === undefined || now < deadline) return [];
    return this.#with(id, (connection) => {
      if (connection.kind === 'command' && connection.sending?.state === 'asking') {
        forgetQuestions(this.#room, connection.sending);
        return decide(connection, connection.sending);
      }
      throw refusal(codeFor(connection), 'that took too long');
    });
  }

  /** A line was begun and does not come to its end. */
  lineTimedOut(id: ConnectionId): readonly RelayEffect[] {
    return this.#with(id, (connection) => {
      throw refusal(codeFor(connection), 'that took too long');
    });
  }

  /** The connection is gone, cleanly or not. */
  closed(id: ConnectionId): readonly RelayEffect[] {
    const connection = this.#room.connections.get(id);
    if (connection === undefined) return [];
    this.#room.connections.delete(id);
    return connection.kind === 'command' ? this.#left(connection) : this.#unheard(connection);
  }

  #command(connection: CommandConnection, text: string, now: Millis): RelayEffect[] {
    if (connection.state === 'new') return this.#logIn(connection, text);
    const { sending } = connection;
    if (sending !== undefined) {
      return recipientNamed(this.#room, connection, sending, text, now);
    }
    const request = decodeCommandRequest(text);
    switch (request.type) {
      case 'list':
        return [reply(connection, { type: 'users', users: this.#listed() })];
      case 'send':
        return beginSending(this.#room, connection, request, now);
      default:
        return assertNever(request);
    }
  }

  #logIn(connection: CommandConnection, text: string): RelayEffect[] {
    const { user, key } = decodeLogIn(text, 'command');
    if (this.#room.users.has(user)) throw refusal('ID_TAKEN');
    connection.party = { user, key };
    connection.state = 'checking';
    return [{ type: 'check-key', connection: connection.id, party: connection.party }];
  }

  #notification(connection: NotificationConnection, text: string): RelayEffect[] {
    if (connection.owner !== undefined) return answered(this.#room, connection, decodeAnswer(text));
    const { user, key, details } = decodeLogIn(text, 'notification');
    const owner = this.#room.users.get(user);
    const party = owner?.party;
    if (owner === undefined || party === undefined) throw refusal('AUTHENTICATION_FAILED');
    if (!isSame(party.key, key)) throw new WrongKeyError('AUTHENTICATION_FAILED');
    const earlier = owner.notification;
    const effects: RelayEffect[] = [];
    if (earlier !== undefined) {
      // The client has lost its connection before this side could notice.
      effects.push(...this.#unheard(earlier), { type: 'close', connection: earlier.id });
    }
    owner.notification = connection;
    connection.owner = owner;
    connection.details = details;
    effects.push(notify(connection, { type: 'authenticated' }));
    effects.push({ type: 'list-waiting', connection: connection.id, party });
    return effects;
  }

  /** Who can be asked, in the order of their log-ins. */
  #listed(): string[] {
    const users: string[] = [];
    for (const [user, { notification }] of this.#room.users) {
      if (notification !== undefined) users.push(user);
    }
    return users;
  }

  #left(connection: CommandConnection): RelayEffect[] {
    const { party, notification, sending } = connection;
    const effects: RelayEffect[] = [];
    if (sending !== undefined) forgetQuestions(this.#room, sending);
    connection.sending = undefined;
    if (notification !== undefined) {
      effects.push(...this.#unheard(notification), { type: 'close', connection: notification.id });
    }
    // Not the one who was refused because the name is taken.
    if (party !== undefined && this.#room.users.get(party.user) === connection) {
      this.#room.users.delete(party.user);
    }
    connection.party = undefined;
    return effects;
  }

  #unheard(connection: NotificationConnection): RelayEffect[] {
    const effects = cannotAnswer(this.#room, connection);
    if (connection.owner?.notification === connection) connection.owner.notification = undefined;
    return effects;
  }

  /** Runs `body` for a connection; what it refuses becomes the reply that the document names. */
  #with(
    id: ConnectionId,
    body: (connection: Connection) => readonly RelayEffect[],
  ): readonly RelayEffect[] {
    const connection = this.#room.connections.get(id);
    if (connection === undefined) return [];
    try {
      return body(connection);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const refused = error as RelayError;
      const effects: RelayEffect[] = [
        refuse(connection, refused),
        log(connection, `refused: ${error.message}`),
      ];
      if (error instanceof WrongKeyError) effects.push({ type: 'wrong-key', connection: id });
      if (GOES_ON.has(refused.code)) return effects;
      // From here on it is not listened to: its name is free at once.
      return [...effects, { type: 'close', connection: id }, ...this.closed(id)];
    }
  }
}

/** What is said does not tell it from a name that nobody has. */
class WrongKeyError extends ProtocolError<ErrorCode> {}

/** In a time that does not tell how much of it is right. */
function isSame(key: string, guess: string): boolean {
  const [a, b] = [key, guess].map((text) => createHash('sha256').update(text).digest());
  return a !== undefined && b !== undefined && timingSafeEqual(a, b);
}

/** What the document calls a wrong line at this point. */
function codeFor(connection: Connection): ErrorCode {
  if (connection.kind === 'notification') {
    return connection.owner === undefined ? 'BAD_LOG_IN' : 'UNKNOWN_COMMAND';
  }
  if (connection.state === 'new') return 'BAD_LOG_IN';
  return connection.sending === undefined ? 'UNKNOWN_COMMAND' : 'BAD_SEND';
}

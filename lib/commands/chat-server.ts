import { after, type Millis, type Port } from '../core/brands.ts';
import { ProtocolError } from '../core/errors.ts';
import type { Feedback } from '../udp-reliable/feedback.ts';
import { GIVE_UP_AFTER } from '../udp-reliable/receiver.ts';
import { decodeClientMessage, type Expecting, splitGlued, splitGluedAddress } from './codec.ts';
import { connect } from './connect.ts';
import { disconnect, leave } from './disconnect.ts';
import {
  address,
  download,
  downloadFinished,
  fileHashed,
  fileOpened,
  proceed,
  reRequest,
  senderReady,
  stop,
  stopDownload,
} from './download.ts';
import type { Framing } from './framing.ts';
import { filesListed, getListFile } from './get-list-file.ts';
import { getUsers } from './get-users.ts';
import type { ClassroomError, ClientMessage, ErrorCode } from './messages.ts';
import { msg } from './msg.ts';
import { msgAll } from './msg-all.ts';
import {
  type ConnectionId,
  endDownload,
  type Handler,
  log,
  type OfferedFile,
  Room,
  type RoomOptions,
  reply,
  type ServerEffect,
  type Session,
  type Way,
} from './room.ts';

const unknown: Handler<'unknown'> = (_room, session, { text }) => {
  const running = session.download;
  // At the pause, any answer but `proceed` stops the download.
  if (running?.state === 'transferring' && !running.sender.proceeded) return stopDownload(session);
  throw new ProtocolError<ErrorCode>(
    session.name === undefined ? 'LOGIN_TO_SAY' : 'UNKNOWN_COMMAND',
    text,
  );
};

const HANDLERS: { readonly [Type in ClientMessage['type']]: Handler<Type> } = {
  connect,
  disconnect,
  'get-users': getUsers,
  'get-list-file': getListFile,
  'msg-all': msgAll,
  msg,
  download,
  address,
  're-request': reRequest,
  proceed,
  stop,
  unknown,
};

/** Of Ethernet, and of most paths. */
const USUAL_WAY: Way = { mtu: 1500, local: false };

/** Refusals after which the download they belong to is over. */
const ENDS_DOWNLOAD: ReadonlySet<ErrorCode> = new Set([
  'FILE_NOT_FOUND',
  'FILE_CHANGED',
  'FILE_TOO_LARGE',
  'BAD_ADDRESS',
  'TIMED_OUT',
  'READ_FAILED',
]);

/**
 * The server's side of the TCP conversation with all its clients, without a socket: it is handed
 * what clients say and the time, and hands back what to do. (Document, "About the server
 * program"; PROTOCOL.md.)
 */
export class ChatServer {
  readonly #room: Room;

  constructor(options: RoomOptions) {
    this.#room = new Room(options);
  }

  /** A client, from this address, has connected. */
  opened(id: ConnectionId, host: string, now: Millis, way: Way = USUAL_WAY): void {
    this.#room.sessions.set(id, {
      id,
      host,
      way,
      framing: 'line',
      name: undefined,
      download: undefined,
      lastActive: now,
    });
  }

  /** The connection is gone, cleanly or not. */
  closed(id: ConnectionId): readonly ServerEffect[] {
    const session = this.#room.sessions.get(id);
    if (session === undefined) return [];
    this.#room.sessions.delete(id);
    return leave(this.#room, session);
  }

  /** One message, as it was framed. */
  handle(id: ConnectionId, text: string, framing: Framing, now: Millis): readonly ServerEffect[] {
    return this.#with(id, now, (session) => {
      session.framing = framing;
      const split = framing === 'bare' ? SPLITS[expecting(session)] : undefined;
      const effects: ServerEffect[] = [];
      for (const part of split?.(text) ?? [text]) {
        const message = decodeClientMessage(part, expecting(session), this.#room.dialect);
        effects.push(...this.#dispatch(session, message, now));
      }
      return effects;
    });
  }

  /**
   * A datagram of the client. The document lets the answer at 50 % come this way too ("wait for
   * message to arrive from the client (via udp)").
   */
  handleDatagram(id: ConnectionId, text: string, now: Millis): readonly ServerEffect[] {
    return text === 'proceed' ? this.handle(id, text, 'line', now) : [];
  }

  /** The peer broke a rule of the framing. */
  failed(id: ConnectionId, error: ClassroomError, now: Millis): readonly ServerEffect[] {
    return this.#with(id, now, () => {
      throw error;
    });
  }

  filesListed(id: ConnectionId, names: readonly string[], now: Millis): readonly ServerEffect[] {
    return this.#with(id, now, (session) => filesListed(session, names));
  }

  /**
   * The file is open, or `undefined`: there is none of that name.
   * @param key a random number below 2^32, for the client's feedback.
   */
  fileOpened(
    id: ConnectionId,
    offered: OfferedFile | undefined,
    key: number,
    now: Millis,
  ): readonly ServerEffect[] {
    return this.#with(id, now, (session) => {
      if (offered === undefined) throw new ProtocolError<ErrorCode>('FILE_NOT_FOUND');
      return fileOpened(this.#room, session, offered, key, now);
    });
  }

  /** In the fast profile: the socket that the parts will come from has this port. */
  senderReady(id: ConnectionId, port: Port, now: Millis): readonly ServerEffect[] {
    return this.#with(id, now, (session) => senderReady(session, port));
  }

  /** What the client says by UDP, in the fast profile. */
  handleFeedback(id: ConnectionId, feedback: Feedback, now: Millis): readonly ServerEffect[] {
    const session = this.#room.sessions.get(id);
    if (session?.download?.state !== 'transferring') return [];
    session.lastActive = now;
    const { sender } = session.download;
    const proceeded = sender.proceeded;
    sender.onFeedback(feedback, now);
    return sender.proceeded === proceeded ? [] : [log(session, 'goes on after 50 %')];
  }

  /** The answer to `hash-file`. */
  fileHashed(id: ConnectionId, sha256: string, now: Millis): readonly ServerEffect[] {
    return this.#with(id, now, (session) => fileHashed(session, sha256));
  }

  /** The answer to `check-file`. */
  fileChecked(id: ConnectionId, unchanged: boolean, now: Millis): readonly ServerEffect[] {
    return this.#with(id, now, (session) => {
      if (!unchanged) throw new ProtocolError<ErrorCode>('FILE_CHANGED');
      return downloadFinished(session);
    });
  }

  /** Sending cannot go on: the file changed, or cannot be read. */
  sendingFailed(
    id: ConnectionId,
    code: 'FILE_CHANGED' | 'READ_FAILED',
    now: Millis,
  ): readonly ServerEffect[] {
    return this.#with(id, now, (session) => {
      if (session.download === undefined) return [];
      throw new ProtocolError<ErrorCode>(code);
    });
  }

  /** Everything that may go has gone: from now on the client is waited for. */
  sendingPaused(id: ConnectionId, now: Millis): void {
    const session = this.#room.sessions.get(id);
    if (session !== undefined) session.lastActive = now;
  }

  nextTimeout(id: ConnectionId): Millis | undefined {
    const session = this.#room.sessions.get(id);
    const running = session?.download;
    if (session === undefined || running === undefined) return undefined;
    if (running.state === 'awaiting-address') return after(running.since, GIVE_UP_AFTER);
    if (running.state !== 'transferring') return undefined;
    // In the pause no timer runs: the user may think as long as it takes.
    const { sender, offer, hash } = running;
    // It is this side that is waited for.
    if (hash === 'waited-for') return undefined;
    const waits = offer === undefined ? sender.allSent : sender.proceeded || !sender.idle;
    if (!waits) return undefined;
    return after(session.lastActive, GIVE_UP_AFTER);
  }

  onTimeout(id: ConnectionId, now: Millis): readonly ServerEffect[] {
    const deadline = this.nextTimeout(id);
    if (deadline === undefined || now < deadline) return [];
    return this.failed(id, new ProtocolError<ErrorCode>('TIMED_OUT'), now);
  }

  /** The server stops: a last word to every client, online or not. */
  shutDown(): readonly ServerEffect[] {
    return [...this.#room.sessions.values()].flatMap((session): ServerEffect[] => [
      reply(session, { type: 'closing' }),
      { type: 'close', connection: session.id },
    ]);
  }

  #dispatch<Type extends ClientMessage['type']>(
    session: Session,
    message: Extract<ClientMessage, { type: Type }>,
    now: Millis,
  ): readonly ServerEffect[] {
    const handler: Handler<Type> = HANDLERS[message.type as Type];
    return handler(this.#room, session, message, now);
  }

  /** Runs `body` for a session; what it refuses becomes the reply that the document names. */
  #with(
    id: ConnectionId,
    now: Millis,
    body: (session: Session) => readonly ServerEffect[],
  ): readonly ServerEffect[] {
    const session = this.#room.sessions.get(id);
    if (session === undefined) return [];
    session.lastActive = now;
    try {
      return body(session);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return refuse(this.#room, session, error as ClassroomError);
    }
  }
}

function refuse(room: Room, session: Session, error: ClassroomError): ServerEffect[] {
  const effects = ENDS_DOWNLOAD.has(error.code) ? endDownload(session) : [];
  effects.push(
    reply(session, { type: 'refused', error }),
    log(session, `refused: ${error.message}`),
  );
  if (error.code === 'MESSAGE_TOO_LONG') {
    effects.push(...leave(room, session), { type: 'close', connection: session.id });
  }
  return effects;
}

/** What a bare client may have sent as one, by what is expected of it. */
const SPLITS: Readonly<Partial<Record<Expecting, (text: string) => string[]>>> = {
  address: splitGluedAddress,
  transfer: splitGlued,
};

function expecting(session: Session): Expecting {
  if (session.download?.state === 'awaiting-address') return 'address';
  return session.download?.state === 'transferring' ? 'transfer' : 'command';
}

import { ProtocolError } from '../core/errors.ts';
import { encodeServerMessage } from './codec.ts';
import { MAX_MESSAGE_BYTES } from './framing.ts';
import type { ErrorCode, ServerMessage } from './messages.ts';
import type { UserName } from './names.ts';
import { type Handler, log, type Session } from './room.ts';

/** `msg_all|DATA`: to everybody online, the sender included. */
export const msgAll: Handler<'msg-all'> = (room, session, { data }) => {
  const said: ServerMessage = { type: 'said-to-all', name: nameOfSpeaker(session), data };
  mustFit(said);
  return [...room.toAll(said), log(session, 'to all')];
};

/** The name under which a session speaks; one that is not online may not. */
export function nameOfSpeaker(session: Session): UserName {
  if (session.name === undefined) throw new ProtocolError<ErrorCode>('LOGIN_TO_SAY');
  return session.name;
}

/** With the speaker's name before it, a message must still be one that a peer has to take. */
export function mustFit(message: ServerMessage): void {
  if (Buffer.byteLength(encodeServerMessage(message)) > MAX_MESSAGE_BYTES) {
    throw new ProtocolError<ErrorCode>('MESSAGE_TOO_LONG');
  }
}

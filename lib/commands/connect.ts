import { ProtocolError } from '../core/errors.ts';
import type { ErrorCode } from './messages.ts';
import { parseUserName } from './names.ts';
import { type Handler, log, reply } from './room.ts';

/** `connect|NAME`: everybody learns it, the new one included; then the new one gets its answer. */
export const connect: Handler<'connect'> = (room, session, message) => {
  if (session.name !== undefined) throw new ProtocolError<ErrorCode>('ALREADY_CONNECTED');
  const name = parseUserName(message.name);
  if (name === undefined) throw new ProtocolError<ErrorCode>('NAME_ILLEGAL');
  if (room.find(name) !== undefined) throw new ProtocolError<ErrorCode>('NAME_TAKEN');
  room.enter(session, name);
  return [
    ...room.toAll({ type: 'joined', name }),
    reply(session, { type: 'connected' }),
    log(session, 'connected'),
  ];
};

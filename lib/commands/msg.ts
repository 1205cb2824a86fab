import { ProtocolError } from '../core/errors.ts';
import type { ErrorCode, ServerMessage } from './messages.ts';
import { mustFit, nameOfSpeaker } from './msg-all.ts';
import { type Handler, log, reply } from './room.ts';

/** `msg|DATA|TARGET`: to one user. */
export const msg: Handler<'msg'> = (room, session, { data, target }) => {
  const name = nameOfSpeaker(session);
  const listener = room.find(target);
  if (listener === undefined) throw new ProtocolError<ErrorCode>('NOT_ONLINE', target);
  const said: ServerMessage = { type: 'said', name, data };
  mustFit(said);
  return [reply(listener, said), log(session, `to ${target}`)];
};

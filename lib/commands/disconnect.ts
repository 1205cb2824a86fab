import {
  endDownload,
  type Handler,
  log,
  type Room,
  reply,
  type ServerEffect,
  type Session,
} from './room.ts';

/** `disconnect`: the answer, then the end of the TCP connection. */
export const disconnect: Handler<'disconnect'> = (room, session) => [
  reply(session, { type: 'disconnected' }),
  ...leave(room, session),
  { type: 'close', connection: session.id },
];

/** Takes a session off the list, be it that it said so or that its connection broke. */
export function leave(room: Room, session: Session): ServerEffect[] {
  const effects = endDownload(session);
  const { name } = session;
  if (name === undefined) return effects;
  effects.push(log(session, 'disconnected'));
  room.leave(session);
  return [...effects, ...room.toAll({ type: 'left', name })];
}

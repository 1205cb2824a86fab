import { type Handler, reply } from './room.ts';

/** `get_users`: who is online, in order of connection. Open to everybody. */
export const getUsers: Handler<'get-users'> = (room, session) => [
  reply(session, { type: 'users', names: room.names }),
];

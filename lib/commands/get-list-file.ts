import { type Handler, reply, type ServerEffect, type Session } from './room.ts';

/** `get_list_file`: the folder is read at each request. Open to everybody. */
export const getListFile: Handler<'get-list-file'> = (_room, session) => [
  { type: 'list-files', connection: session.id },
];

export function filesListed(session: Session, names: readonly string[]): ServerEffect[] {
  return [reply(session, { type: 'files', names })];
}

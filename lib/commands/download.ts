import { after, type Millis } from '../core/brands.ts';
import { ProtocolError } from '../core/errors.ts';
import { GIVE_UP_AFTER } from '../udp-reliable/receiver.ts';
import { MAX_ASCII_SEGMENT_COUNT, segmentCountOf } from '../udp-reliable/segment.ts';
import { Sender } from '../udp-reliable/sender.ts';
import type { ErrorCode } from './messages.ts';
import {
  endDownload,
  type Handler,
  log,
  type OfferedFile,
  reply,
  type ServerEffect,
  type Session,
} from './room.ts';

/** `download|FILE`: the file is looked for and opened, then its number of segments is told. */
export const download: Handler<'download'> = (_room, session, { file }) => {
  if (session.name === undefined) throw new ProtocolError<ErrorCode>('LOGIN_TO_DOWNLOAD');
  if (session.download !== undefined) throw new ProtocolError<ErrorCode>('DOWNLOAD_RUNNING');
  session.download = { state: 'opening', file };
  return [{ type: 'open-file', connection: session.id, file }];
};

export function fileOpened(session: Session, offered: OfferedFile, now: Millis): ServerEffect[] {
  if (session.download?.state !== 'opening') {
    return [{ type: 'end-sending', connection: session.id }];
  }
  const { file } = session.download;
  const deadline = after(now, GIVE_UP_AFTER);
  session.download = { state: 'awaiting-address', file, offered, deadline };
  const count = segmentCountOf(offered.size);
  return [
    reply(session, { type: 'segment-count', count }),
    log(session, `download of ${file}: ${offered.size} bytes in ${count} parts`),
  ];
}

/** `PORT`, or `IP|PORT` from a peer of the as-written dialect. */
export const address: Handler<'address'> = (room, session, message) => {
  const running = session.download;
  if (running?.state !== 'awaiting-address') return [];
  // Never to a third party: who asks for a file cannot have it sent to somebody else.
  const foreign = message.host !== undefined && message.host !== session.host;
  if (foreign || message.port === undefined) throw new ProtocolError<ErrorCode>('BAD_ADDRESS');
  const segmentCount = segmentCountOf(running.offered.size);
  const numbering = message.host === undefined ? 'binary' : 'ascii';
  if (numbering === 'ascii' && segmentCount > MAX_ASCII_SEGMENT_COUNT) {
    throw new ProtocolError<ErrorCode>('FILE_TOO_LARGE');
  }
  const sender = new Sender({ segmentCount, shared: room.pacer });
  session.download = { ...running, state: 'transferring', sender };
  const { id: connection, host } = session;
  return [{ type: 'start-sending', connection, sender, host, port: message.port, numbering }];
};

/** Numbers that did not arrive; they go again. */
export const reRequest: Handler<'re-request'> = (_room, session, message) => {
  if (session.download?.state !== 'transferring') return [];
  const ignored = message.invalid + session.download.sender.requestAgain(message.seqs);
  const wake: ServerEffect = { type: 'wake-sender', connection: session.id };
  const asked = `${message.seqs.length} parts asked for again`;
  return [wake, log(session, ignored === 0 ? asked : `${asked}, ${ignored} numbers ignored`)];
};

/** `proceed`: the second half may go. */
export const proceed: Handler<'proceed'> = (_room, session) => {
  if (session.download?.state !== 'transferring') return [];
  session.download.sender.proceed();
  return [{ type: 'wake-sender', connection: session.id }, log(session, 'goes on after 50 %')];
};

/** `stop`: before `proceed` it breaks the download off; after it, it says that all is there. */
export const stop: Handler<'stop'> = (_room, session) => {
  const running = session.download;
  if (running?.state === 'transferring' && running.sender.proceeded) {
    return [{ type: 'check-file', connection: session.id }];
  }
  return stopDownload(session);
};

export function stopDownload(session: Session): ServerEffect[] {
  return [
    ...endDownload(session),
    reply(session, { type: 'stopped' }),
    log(session, 'download stopped'),
  ];
}

/** The last word of a whole download, once it is certain that the file has not changed. */
export function downloadFinished(session: Session): ServerEffect[] {
  const running = session.download;
  if (running?.state !== 'transferring' || session.name === undefined) return [];
  const { lastByte } = running.offered;
  return [
    ...endDownload(session),
    reply(session, { type: 'finished', name: session.name, lastByte }),
    log(session, `downloaded ${running.file}`),
  ];
}

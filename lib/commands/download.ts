import { after, type Millis } from '../core/brands.ts';
import { ProtocolError } from '../core/errors.ts';
import { GIVE_UP_AFTER } from '../udp-reliable/receiver.ts';
import {
  fastPayload,
  HEADER_BYTES,
  MAX_ASCII_SEGMENT_COUNT,
  SEGMENT_PAYLOAD,
  segment,
} from '../udp-reliable/segment.ts';
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
export const download: Handler<'download'> = (_room, session, { file, fast }) => {
  if (session.name === undefined) throw new ProtocolError<ErrorCode>('LOGIN_TO_DOWNLOAD');
  if (session.download !== undefined) throw new ProtocolError<ErrorCode>('DOWNLOAD_RUNNING');
  session.download = { state: 'opening', file, fast };
  return [{ type: 'open-file', connection: session.id, file }];
};

/** @param key a random number, in case that the fast profile was asked for. */
export function fileOpened(
  session: Session,
  offered: OfferedFile,
  key: number,
  now: Millis,
): ServerEffect[] {
  if (session.download?.state !== 'opening') {
    return [{ type: 'end-sending', connection: session.id }];
  }
  const { file, fast: asked } = session.download;
  const { size, id } = offered;
  const mtu = Math.min(session.mtu, asked?.mtu ?? 0);
  const part = asked === undefined ? SEGMENT_PAYLOAD : fastPayload(mtu, session.host);
  const cut = segment(size, part);
  const from = asked?.id === id ? Math.floor((asked.from ?? 0) / part) : 0;
  const fast = asked && { key, rate: asked.rate, from: Math.min(from, cut.count) };
  const deadline = after(now, GIVE_UP_AFTER);
  session.download = { state: 'awaiting-address', file, offered, cut, fast, deadline };
  return [
    reply(session, {
      type: 'segment-count',
      count: cut.count,
      fast: fast && { part, size, id, key },
    }),
    log(session, `download of ${file}: ${size} bytes in ${cut.count} parts of ${part}`),
  ];
}

/** `PORT`, or `IP|PORT` from a peer of the as-written dialect. */
export const address: Handler<'address'> = (room, session, message) => {
  const running = session.download;
  if (running?.state !== 'awaiting-address') return [];
  // Never to a third party: who asks for a file cannot have it sent to somebody else.
  const foreign = message.host !== undefined && message.host !== session.host;
  if (foreign || message.port === undefined) throw new ProtocolError<ErrorCode>('BAD_ADDRESS');
  const { file, offered, cut, fast } = running;
  const numbering = message.host === undefined || fast !== undefined ? 'binary' : 'ascii';
  if (numbering === 'ascii' && cut.count > MAX_ASCII_SEGMENT_COUNT) {
    throw new ProtocolError<ErrorCode>('FILE_TOO_LARGE');
  }
  const sender = new Sender({
    segmentCount: cut.count,
    payload: cut.payload,
    fast: fast !== undefined,
    from: fast?.from ?? 0,
    shares: room.newShares(fast, HEADER_BYTES + cut.payload),
  });
  session.download = { state: 'transferring', file, offered, fast, sender };
  const { id: connection, host } = session;
  const { port } = message;
  const key = fast?.key;
  const start: ServerEffect = {
    type: 'start-sending',
    connection,
    sender,
    host,
    port,
    numbering,
    cut,
    key,
  };
  return fast === undefined ? [start] : [start, { type: 'hash-file', connection }];
};

/** The answer to `hash-file`. */
export function fileHashed(session: Session, sha256: string): ServerEffect[] {
  const running = session.download;
  if (running?.state !== 'transferring' || running.fast === undefined) return [];
  return [reply(session, { type: 'digest', sha256 })];
}

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

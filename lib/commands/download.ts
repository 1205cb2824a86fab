import { type Millis, millis, type Port } from '../core/brands.ts';
import { ProtocolError } from '../core/errors.ts';
import {
  fastPayload,
  HEADER_BYTES,
  MAX_ASCII_SEGMENT_COUNT,
  type Numbering,
  SEGMENT_PAYLOAD,
  type Segmentation,
  segment,
} from '../udp-reliable/segment.ts';
import { Sender } from '../udp-reliable/sender.ts';
import type { ErrorCode, FastRequest } from './messages.ts';
import {
  endDownload,
  type Handler,
  log,
  type OfferedFile,
  type Room,
  reply,
  type ServerEffect,
  type Session,
} from './room.ts';

/** `download|FILE`: the file is looked for and opened, then its number of segments is told. */
export const download: Handler<'download'> = (_room, session, { file, fast }) => {
  if (session.name === undefined) throw new ProtocolError<ErrorCode>('LOGIN_TO_DOWNLOAD');
  const running = session.download;
  // One that only waits for its hash is of no interest any more.
  const over = running?.state === 'transferring' && running.hash === 'waited-for';
  const ended = over ? stopDownload(session) : [];
  if (session.download !== undefined) throw new ProtocolError<ErrorCode>('DOWNLOAD_RUNNING');
  session.download = { state: 'opening', file, fast };
  return [...ended, { type: 'open-file', connection: session.id, file }];
};

/** @param key a random number, in case that the fast profile was asked for. */
export function fileOpened(
  room: Room,
  session: Session,
  offered: OfferedFile,
  key: number,
  now: Millis,
): ServerEffect[] {
  if (session.download?.state !== 'opening') {
    return [{ type: 'end-sending', connection: session.id }];
  }
  const { file, fast } = session.download;
  const { size } = offered;
  const part =
    fast === undefined ? SEGMENT_PAYLOAD : fastPayload(room.mtuFor(session, fast), session.host);
  const cut = segment(size, part);
  const begins = log(
    session,
    `download of ${file}: ${size} bytes in ${cut.count} parts of ${part}`,
  );
  if (fast === undefined) {
    session.download = { state: 'awaiting-address', file, offered, cut, since: now };
    return [reply(session, { type: 'segment-count', count: cut.count }), begins];
  }
  const { id, knownSha256: sha256 } = offered;
  const sender = newSender(room, session, cut, fast);
  const offer = { part, size, id, key, sha256 };
  const hash = sha256 === undefined ? 'to-tell' : 'told';
  session.download = { state: 'transferring', file, offered, sender, offer, hash };
  return [begins, startSending(session, sender, cut, 'binary', { key })];
}

/** In the fast profile: the parts will come from this UDP port, as soon as the client asks there. */
export function senderReady(session: Session, port: Port): ServerEffect[] {
  const running = session.download;
  if (running?.state !== 'transferring' || running.offer === undefined) return [];
  const { segmentCount: count } = running.sender;
  const effects = [
    reply(session, { type: 'segment-count', count, fast: { ...running.offer, port } }),
  ];
  if (running.offer.sha256 === undefined) {
    effects.push({ type: 'hash-file', connection: session.id });
  }
  return effects;
}

/** `PORT`, or `IP|PORT` from a peer of the as-written dialect. */
export const address: Handler<'address'> = (room, session, message, now) => {
  const running = session.download;
  if (running?.state !== 'awaiting-address') return [];
  const { host, port } = message;
  // Never to a third party: who asks for a file cannot have it sent to somebody else.
  const foreign = host !== undefined && host !== session.host;
  if (foreign || port === undefined) throw new ProtocolError<ErrorCode>('BAD_ADDRESS');
  const { file, offered, cut, since } = running;
  const numbering = host === undefined ? 'binary' : 'ascii';
  if (numbering === 'ascii' && cut.count > MAX_ASCII_SEGMENT_COUNT) {
    throw new ProtocolError<ErrorCode>('FILE_TOO_LARGE');
  }
  const bareResponse = session.framing === 'bare' ? millis(now - since) : undefined;
  const sender = newSender(room, session, cut, undefined, bareResponse);
  session.download = {
    state: 'transferring',
    file,
    offered,
    sender,
    offer: undefined,
    hash: 'told',
  };
  return [startSending(session, sender, cut, numbering, { port })];
};

function newSender(
  room: Room,
  session: Session,
  cut: Segmentation,
  fast: FastRequest | undefined,
  bareResponse?: Millis,
): Sender {
  return new Sender({
    segmentCount: cut.count,
    payload: cut.payload,
    fast: fast !== undefined,
    bareResponse,
    local: session.way.local,
    shares: room.newShares(fast, HEADER_BYTES + cut.payload),
  });
}

function startSending(
  { id: connection, host }: Session,
  sender: Sender,
  cut: Segmentation,
  numbering: Numbering,
  target: { readonly port: number } | { readonly key: number },
): ServerEffect {
  return { type: 'start-sending', connection, sender, host, cut, numbering, target };
}

/** The answer to `hash-file`. */
export function fileHashed(session: Session, sha256: string): ServerEffect[] {
  const running = session.download;
  if (running?.state !== 'transferring' || running.offer === undefined) return [];
  const digest = reply(session, { type: 'digest', sha256 });
  const waited = running.hash === 'waited-for';
  running.hash = 'told';
  return waited ? [digest, { type: 'check-file', connection: session.id }] : [digest];
}

/** Numbers that did not arrive; they go again. */
export const reRequest: Handler<'re-request'> = (_room, session, message, now) => {
  if (session.download?.state !== 'transferring') return [];
  const ignored = message.invalid + session.download.sender.requestAgain(message.seqs, now);
  const wake: ServerEffect = { type: 'wake-sender', connection: session.id };
  const asked = `${message.seqs.length} parts asked for again`;
  return [wake, log(session, ignored === 0 ? asked : `${asked}, ${ignored} numbers ignored`)];
};

/** `proceed`: the second half may go. */
export const proceed: Handler<'proceed'> = (_room, session) => {
  if (session.download?.state !== 'transferring') return [];
  const { sender } = session.download;
  const wake: ServerEffect = { type: 'wake-sender', connection: session.id };
  // In the fast profile the feedback may have said so before.
  if (sender.proceeded) return [wake];
  sender.proceed();
  return [wake, log(session, 'goes on after 50 %')];
};

/** `stop`: before `proceed` it breaks the download off; after it, it says that all is there. */
export const stop: Handler<'stop'> = (_room, session) => {
  const running = session.download;
  if (running?.state === 'transferring' && running.sender.proceeded) {
    if (running.hash !== 'told') {
      running.hash = 'waited-for';
      running.sender.stop();
      return [{ type: 'stop-sending', connection: session.id }];
    }
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

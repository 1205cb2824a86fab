import { parsePort } from '../core/brands.ts';
import { assertNever } from '../core/errors.ts';
import { firstCharacters } from '../core/text.ts';
import {
  decodeFastOffer,
  decodeFastRequest,
  encodeFastOffer,
  encodeFastRequest,
} from './fast-options.ts';
import { MAX_MESSAGE_BYTES } from './framing.ts';
import type {
  ClassroomError,
  ClientMessage,
  ErrorCode,
  FastOffer,
  ServerMessage,
} from './messages.ts';

/** How many numbers a re-request may carry (PROTOCOL.md, "Re-requests"). */
export const MAX_NUMBERS_PER_MESSAGE = 1000;

/** The field order of `msg`: the document's text, or the program that it came from. */
export type Dialect = 'document' | 'original';

/** What the server waits for decides how it reads what is no command. */
export type Expecting = 'command' | 'address' | 'transfer';

type Decode = (rest: string | undefined, dialect: Dialect) => ClientMessage | undefined;

const bare = (message: ClientMessage): Decode => {
  return (rest) => (rest === undefined ? message : undefined);
};

const COMMANDS: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['connect', (name) => (name === undefined ? undefined : { type: 'connect', name })],
  ['disconnect', bare({ type: 'disconnect' })],
  ['get_users', bare({ type: 'get-users' })],
  ['get_list_file', bare({ type: 'get-list-file' })],
  ['msg_all', (data) => (data === undefined ? undefined : { type: 'msg-all', data })],
  ['msg', decodeMsg],
  ['download', (rest) => (rest === undefined ? undefined : decodeDownload(rest))],
]);

/** Reads one message of a client. Never fails: what it cannot read is of type `unknown`. */
export function decodeClientMessage(
  text: string,
  expecting: Expecting,
  dialect: Dialect,
): ClientMessage {
  const [verb, rest] = cut(text, text.indexOf('|'));
  return (
    COMMANDS.get(verb)?.(rest, dialect) ??
    (expecting === 'address' ? decodeAddress(text) : undefined) ??
    (expecting === 'transfer' ? decodeTransfer(text) : undefined) ?? { type: 'unknown', text }
  );
}

/** The system gives clients ports of four or five digits. */
const GLUED_ADDRESS = /^((?:[^|]*\|)?\d{4,5}?)(0(?: 1(?: [\d ]*)?)?)$/;
/** Of an empty file there is nothing to wait for in between. */
const ADDRESS_AND_STOP = /^((?:[^|]*\|)?\d{1,5}) ?(stop)$/;

/**
 * Takes apart an address and what a bare client sent right behind it: `stop`, or its first re-request. That one is for
 * all parts, from 0 on, as none has been sent yet; what can be a port as it stands is one.
 */
export function splitGluedAddress(text: string): string[] {
  const [, address = '', behind = ''] =
    ADDRESS_AND_STOP.exec(text) ?? GLUED_ADDRESS.exec(text) ?? [];
  const isPort = (one: string): boolean =>
    parsePort(one.slice(one.lastIndexOf('|') + 1)) !== undefined;
  return !isPort(text) && isPort(address) ? [address, behind] : [text];
}

/**
 * Takes apart a word, the re-request before it and (of `proceed`) the one behind it, as a bare client may have sent
 * them one right behind the other: between digits and letters the border is certain.
 */
export function splitGlued(text: string): string[] {
  const glued = /^(?:( ?\d[\d ]*?) ?)?(?:(stop)|(proceed)(\d[\d ]*)?)$/.exec(text) ?? [text, text];
  return glued.slice(1).filter((one) => one !== undefined);
}

export function encodeClientMessage(message: Exclude<ClientMessage, { type: 'unknown' }>): string {
  switch (message.type) {
    case 'connect':
      return `connect|${message.name}`;
    case 'disconnect':
      return 'disconnect';
    case 'get-users':
      return 'get_users';
    case 'get-list-file':
      return 'get_list_file';
    case 'msg-all':
      return `msg_all|${message.data}`;
    case 'msg':
      return `msg|${message.data}|${message.target}`;
    case 'download':
      return `download|${message.file}${encodeFastRequest(message.fast)}`;
    case 'address':
      return message.host === undefined ? `${message.port}` : `${message.host}|${message.port}`;
    case 're-request':
      return message.seqs.join(' ');
    case 'proceed':
    case 'stop':
      return message.type;
    default:
      return assertNever(message);
  }
}

export function encodeServerMessage(message: ServerMessage): string {
  switch (message.type) {
    case 'joined':
      return `${message.name} is connected`;
    case 'left':
      return `${message.name} is disconnected`;
    case 'connected':
    case 'disconnected':
      return message.type;
    case 'users':
      return encodeList('users', message.names);
    case 'files':
      return encodeList('files', message.names);
    case 'said-to-all':
      return `${message.name} (to all): ${message.data}`;
    case 'said':
      return `${message.name}: ${message.data}`;
    case 'segment-count':
      return `|${message.count}${encodeFastOffer(message.fast)}`;
    case 'digest':
      return `|sha256=${message.sha256}`;
    case 'stopped':
      return 'download stopped';
    case 'finished':
      return `User ${message.name} downloaded 100% out of file. Last byte is: ${message.lastByte ?? 'none'}`;
    case 'closing':
      return 'server is closing';
    case 'refused':
      return encodeError(message.error);
    default:
      return assertNever(message);
  }
}

/** The reply that the document names for each error; `d` is the error's detail. */
const REPLIES: Readonly<Record<ErrorCode, (d: string) => string>> = {
  PORT_FULL: () => "can't connect. Port is full. Try another",
  NAME_TAKEN: () => "can't connect. Name is taken. Try another",
  NAME_ILLEGAL: () => "can't connect. Name is illegal. Try another",
  ALREADY_CONNECTED: () => "can't connect. Already connected",
  NOT_ONLINE: (d) => `Can't send message. ${d} is not online`,
  LOGIN_TO_SAY: () => "Can't send message. Need to log in first",
  LOGIN_TO_DOWNLOAD: () => "Can't download. Need to log in first",
  FILE_NOT_FOUND: () => "Can't download. File not found",
  DOWNLOAD_RUNNING: () => "Can't download. Another download is running",
  FILE_CHANGED: () => "Can't download. File changed",
  FILE_TOO_LARGE: () => "Can't download. File too large for this client",
  BAD_ADDRESS: () => "Can't download. Need your own address and a port from 1 to 65535",
  TIMED_OUT: () => "Can't download. Nothing heard for 30 seconds",
  READ_FAILED: () => "Can't download. File can't be read",
  UNKNOWN_COMMAND: (d) => `Unknown command: ${firstCharacters(d, 40)}`,
  MESSAGE_TOO_LONG: () => 'message too long',
};

export function encodeError(error: ClassroomError): string {
  return REPLIES[error.code](error.detail);
}

/** The replies that end a download which has begun. */
const ENDS_DOWNLOAD: ReadonlySet<string> = new Set(
  (['FILE_CHANGED', 'FILE_TOO_LARGE', 'BAD_ADDRESS', 'TIMED_OUT', 'READ_FAILED'] as const).map(
    (code) => REPLIES[code](''),
  ),
);

/** Any wording, but not what all hear of, or from, a user who has chosen such a name. */
const REFUSES_DOWNLOAD = /^can't download(?!.*( \(to all\): | is (dis)?connected$))/i;

/** What a client makes of a message; most of them are only to be shown. */
export type Notice =
  | { readonly type: 'connected' }
  | { readonly type: 'connect-refused' }
  | { readonly type: 'segment-count'; readonly count: number; readonly fast: FastOffer | undefined }
  | { readonly type: 'digest'; readonly sha256: string }
  | { readonly type: 'download-refused' }
  | { readonly type: 'download-ended' }
  | { readonly type: 'stopped' }
  | { readonly type: 'finished' }
  | { readonly type: 'text' };

/**
 * Reads one message of a server. What other users say arrives with their name before it, so that
 * none of the exact wordings below can come from them; `download-refused` is told by its beginning
 * only, for servers with wordings of their own.
 */
export function decodeServerMessage(text: string): Notice {
  if (text === 'connected') return { type: 'connected' };
  if (text === 'download stopped') return { type: 'stopped' };
  if (ENDS_DOWNLOAD.has(text)) return { type: 'download-ended' };
  const [, count, options] = /^\|(\d{1,10})(\|.*)?$/.exec(text) ?? [];
  if (count !== undefined) {
    return { type: 'segment-count', count: Number(count), fast: decodeFastOffer(options ?? '') };
  }
  const sha256 = /^\|sha256=([0-9a-f]{64})$/.exec(text)?.[1];
  if (sha256 !== undefined) return { type: 'digest', sha256 };
  if (/^can't connect/i.test(text)) return { type: 'connect-refused' };
  if (REFUSES_DOWNLOAD.test(text)) return { type: 'download-refused' };
  if (/^User .* downloaded 100%/.test(text)) return { type: 'finished' };
  return { type: 'text' };
}

function decodeDownload(rest: string): ClientMessage {
  const { file, fast } = decodeFastRequest(rest);
  return { type: 'download', file, fast };
}

function decodeMsg(rest: string | undefined, dialect: Dialect): ClientMessage | undefined {
  if (rest === undefined) return undefined;
  const [first, second] = cut(
    rest,
    dialect === 'document' ? rest.lastIndexOf('|') : rest.indexOf('|'),
  );
  if (second === undefined) return undefined;
  return dialect === 'document'
    ? { type: 'msg', data: first, target: second }
    : { type: 'msg', data: second, target: first };
}

function decodeAddress(text: string): ClientMessage {
  if (text === 'stop') return { type: 'stop' };
  const [host, port] = cut(text, text.lastIndexOf('|'));
  return port === undefined
    ? { type: 'address', port: parsePort(text) }
    : { type: 'address', host, port: parsePort(port) };
}

function decodeTransfer(text: string): ClientMessage | undefined {
  if (text === 'proceed' || text === 'stop') return { type: text };
  if (!/^ ?-?\d/.test(text)) return undefined;
  const words = text.split(' ').filter((word) => word !== '');
  const seqs = words.filter((word) => /^\d{1,10}$/.test(word)).map(Number);
  return { type: 're-request', seqs, invalid: words.length - seqs.length };
}

function encodeList(label: string, names: readonly string[]): string {
  const room = MAX_MESSAGE_BYTES - label.length - 8;
  let length = 0;
  const shown: string[] = [];
  for (const name of names) {
    length += Buffer.byteLength(name) + 2;
    // A list that does not fit into one message says so instead of breaking the connection.
    if (length > room) return `${label}: [${shown.join(', ')}, …]`;
    shown.push(name);
  }
  return `${label}: [${shown.join(', ')}]`;
}

function cut(text: string, at: number): [string, string | undefined] {
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

import { type Port, parsePort } from '../core/brands.ts';
import { assertNever, ProtocolError } from '../core/errors.ts';
import { visible } from '../core/text.ts';
import type {
  CommandReply,
  CommandRequest,
  DataReply,
  DataRequest,
  ErrorCode,
  LogIn,
  Notification,
  RelayError,
} from './messages.ts';
import { isFileName, isWord } from './names.ts';

/** A line has at most this many bytes, its end not counted. */
export const MAX_LINE_BYTES = 4096;
/** Recipients of one SEND. */
export const MAX_RECIPIENTS = 100;

/** The document answers on a data connection with 500/501 in its table, 600/601 in its dialogue. */
export type Dialect = 'table' | 'dialogue';

/** What each refusal is called on the wire. */
const REFUSALS: { readonly [Code in ErrorCode]: string } = {
  ID_TAKEN: '201 ID HAS BEEN TAKEN',
  AUTHENTICATION_FAILED: '202 AUTHENTICATION FAILED',
  BAD_LOG_IN: '203 BAD COMMAND',
  NO_RECIPIENT: '403 NO RECIPIENT',
  SERVER_ERROR: '404 SERVER ERROR',
  BAD_SEND: '405 BAD SEND COMMAND',
  DENIED: '501 DENIED',
  BAD_REQUEST: '502 BAD COMMAND',
  UNKNOWN_COMMAND: '900 UNKNOWN COMMAND',
};

const CODES: ReadonlyMap<string, ErrorCode> = new Map([
  ...Object.entries(REFUSALS).map(([code, text]) => [text.slice(0, 3), code as ErrorCode] as const),
  ['601', 'DENIED'],
]);

/** For our own throws: what was expected, in words for whoever wrote the peer. */
export function refusal(code: ErrorCode, reason = ''): RelayError {
  return new ProtocolError<ErrorCode>(code, reason);
}

export function encodeLogIn({ user, key, details }: LogIn): string {
  return `${user} ${key}${details ? ' details' : ''}\r\n`;
}

/** @throws RelayError `BAD_LOG_IN` */
export function decodeLogIn(line: string, connection: 'command' | 'notification'): LogIn {
  const [user = '', key = '', third, ...more] = line.split(' ');
  const details = connection === 'notification' && third === 'details';
  if (!isWord(user) || !isWord(key) || (third !== undefined && !details) || more.length > 0) {
    throw refusal('BAD_LOG_IN', 'expected USER KEY, each 1 to 64 bytes without spaces');
  }
  return { user, key, details };
}

export function encodeCommandRequest(
  request: CommandRequest,
  recipients: readonly string[] = [],
): string {
  switch (request.type) {
    case 'list':
      return 'LIST\r\n';
    case 'send':
      return lines(`SEND "${request.file}" ${request.size} ${recipients.length}`, ...recipients);
    default:
      return assertNever(request);
  }
}

/** @throws RelayError `BAD_SEND`, `UNKNOWN_COMMAND` */
export function decodeCommandRequest(line: string): CommandRequest {
  if (line === 'LIST') return { type: 'list' };
  if (/^SEND( |$)/.test(line)) return decodeSend(line);
  throw refusal('UNKNOWN_COMMAND', 'expected LIST or SEND "FILENAME" SIZE N');
}

function decodeSend(line: string): CommandRequest {
  // The last quote ends the name: a name may hold quotes itself.
  const parts = /^SEND (?:"(.+)"|([^\s"]\S*)) (\d{1,16}) (\d{1,4})$/u.exec(line);
  const file = parts?.[1] ?? parts?.[2];
  const size = Number(parts?.[3]);
  const recipients = Number(parts?.[4]);
  if (file === undefined || !Number.isSafeInteger(size)) {
    throw refusal('BAD_SEND', 'expected SEND "FILENAME" SIZE N');
  }
  if (!isFileName(file)) {
    throw refusal(
      'BAD_SEND',
      'a file name has 1 to 1024 bytes of UTF-8 without control characters',
    );
  }
  if (recipients > MAX_RECIPIENTS) {
    throw refusal('BAD_SEND', `at most ${MAX_RECIPIENTS} recipients`);
  }
  return { type: 'send', file, size, recipients };
}

export function encodeCommandReply(reply: CommandReply): string {
  switch (reply.type) {
    case 'welcome':
    case 'authenticated':
    case 'refused':
      return encodeCommon(reply);
    case 'users':
      return lines(`300 ${reply.users.length}`, ...reply.users);
    case 'accepted':
      return lines(`402 ${reply.users.length}`, ...reply.users, String(reply.port));
    default:
      return assertNever(reply);
  }
}

export function encodeNotification(message: Notification): string {
  switch (message.type) {
    case 'welcome':
    case 'authenticated':
    case 'refused':
      return encodeCommon(message);
    case 'request': {
      const { sender, offer } = message;
      return lines(`RCFR ${sender}${offer === undefined ? '' : ` "${offer.file}" ${offer.size}`}`);
    }
    case 'open':
      return lines(`OPEN ${message.sender} "${message.file}" ${message.port}`);
    default:
      return assertNever(message);
  }
}

function encodeCommon(
  message: Extract<CommandReply, { type: 'welcome' | 'authenticated' | 'refused' }>,
): string {
  switch (message.type) {
    case 'welcome':
      return lines('WELCOME');
    case 'authenticated':
      return lines('200 AUTHENTICATION OK');
    case 'refused':
      return lines(encodeRefusal(message.error));
    default:
      return assertNever(message);
  }
}

function encodeRefusal({ code, detail }: RelayError): string {
  return REFUSALS[code] + (detail === '' ? '' : `: ${detail}`);
}

/** A line that begins like one of the document's refusals, or `undefined`. */
export function decodeRefusal(line: string): RelayError | undefined {
  const [, number = '', text = ''] = /^(\d{3})(?: (.*))?$/u.exec(line) ?? [];
  const code = CODES.get(number);
  if (code === undefined) return undefined;
  // Without the document's own words: what is left is the reason.
  const reason = text.startsWith(REFUSALS[code].slice(4))
    ? text.slice(REFUSALS[code].length - 4).replace(/^: /, '')
    : text;
  return refusal(code, reason);
}

/** What a server says on either connection before it is a conversation. */
export function isWelcome(line: string): boolean {
  return /^WELCOME\b/.test(line);
}

export function isAuthenticated(line: string): boolean {
  return /^200( |$)/.test(line);
}

/** The N of `300 N` or `402 N`: that many lines follow; `undefined` when it is no such line. */
export function decodeCount(line: string, code: '300' | '402', most: number): number | undefined {
  const [, number, count] = /^(\d{3}) (\d{1,7})$/.exec(line) ?? [];
  return number === code && Number(count) <= most ? Number(count) : undefined;
}

/** What a server asks or announces once this user is known; `undefined` when it is neither. */
export function decodeNotification(
  line: string,
): Extract<Notification, { type: 'request' | 'open' }> | undefined {
  const [, sender, file, size] = /^RCFR (\S+)(?: "(.+)" (\d{1,16}))?$/u.exec(line) ?? [];
  if (sender !== undefined) {
    const offer =
      file === undefined || !isFileName(file) ? undefined : { file, size: Number(size) };
    return isWord(sender) ? { type: 'request', sender, offer } : undefined;
  }
  const parts = /^OPEN (\S+) (?:"(.+)"|(\S+)) (\d{1,5})$/u.exec(line);
  const from = parts?.[1] ?? '';
  const name = parts?.[2] ?? parts?.[3] ?? '';
  const port: Port | undefined = parsePort(parts?.[4] ?? '');
  if (!isWord(from) || !isFileName(name) || port === undefined) return undefined;
  return { type: 'open', sender: from, file: name, port };
}

export function encodeAnswer(yes: boolean): string {
  return yes ? '400 OK\r\n' : '401 DENIED\r\n';
}

/** @throws RelayError `UNKNOWN_COMMAND` */
export function decodeAnswer(line: string): boolean {
  if (/^400( |$)/.test(line)) return true;
  if (/^401( |$)/.test(line)) return false;
  throw refusal('UNKNOWN_COMMAND', 'expected 400 OK or 401 DENIED');
}

export function encodeDataRequest(request: DataRequest): string {
  const { user, key } = request;
  switch (request.type) {
    case 'write':
      return lines(`WRITE ${user} ${key}${request.resume ? ' resume' : ''}`);
    case 'read':
      return lines(`READ ${user} ${key} ${request.offset}${request.details ? ' details' : ''}`);
    default:
      return assertNever(request);
  }
}

/** What a reader that asked for details says when it has everything; then it closes. */
export const ACKNOWLEDGEMENT = 'OK\r\n';

/** @param said all that a reader has said since its request. */
export function isAcknowledgement(said: Buffer): boolean {
  return /^OK\r?\n/.test(said.toString('latin1'));
}

/** @throws RelayError `BAD_REQUEST` */
export function decodeDataRequest(line: string): DataRequest {
  const [verb, user = '', key = '', ...rest] = line.split(' ');
  if (isWord(user) && isWord(key)) {
    const tail = rest.join(' ');
    if (verb === 'WRITE' && (tail === '' || tail === 'resume')) {
      return { type: 'write', user, key, resume: tail === 'resume' };
    }
    const parts = /^(?:(\d{1,16})( details)?)?$/.exec(tail);
    const offset = Number(parts?.[1] ?? 0);
    if (verb === 'READ' && parts !== null && Number.isSafeInteger(offset)) {
      return { type: 'read', user, key, offset, details: parts[2] !== undefined };
    }
  }
  throw refusal('BAD_REQUEST', 'expected WRITE USER KEY or READ USER KEY OFFSET');
}

export function encodeDataReply(reply: DataReply, dialect: Dialect): string {
  switch (reply.type) {
    case 'granted': {
      const what = dialect === 'dialogue' && reply.bytes === undefined ? 'OK' : `"${reply.file}"`;
      const number = dialect === 'dialogue' ? 600 : 500;
      return lines(`${number} ${what}${reply.bytes === undefined ? '' : ` ${reply.bytes}`}`);
    }
    case 'refused': {
      const text = encodeRefusal(reply.error);
      return lines(dialect === 'dialogue' ? text.replace(/^501/, '601') : text);
    }
    default:
      return assertNever(reply);
  }
}

/** Both dialects, and `500 OK`. Never fails: what it cannot read is a refusal. */
export function decodeDataReply(line: string): DataReply {
  const parts = /^(?:500|600) (?:"(.+)"|OK)(?: (\d{1,16}))?$/u.exec(line);
  if (parts !== null) {
    const bytes = parts[2] === undefined ? undefined : Number(parts[2]);
    return { type: 'granted', file: parts[1], bytes };
  }
  const error = decodeRefusal(line) ?? refusal('BAD_REQUEST', `the server said ${visible(line)}`);
  return { type: 'refused', error };
}

function lines(...texts: readonly string[]): string {
  return texts.map((text) => `${text}\r\n`).join('');
}

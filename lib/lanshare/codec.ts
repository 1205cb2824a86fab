import { extname } from 'node:path/posix';
import type Type from 'typebox';
import type { Static } from 'typebox';
import Value from 'typebox/value';
import { assertNever } from '../core/errors.ts';
import { firstCharacters, hasUnsafeCharacters } from '../core/text.ts';
import {
  type Command,
  type DataAnswer,
  type DataHeader,
  type Event,
  type Exchange,
  LanshareError,
  type OfferedFile,
  type PeerMessage,
  type Person,
  type Position,
} from './messages.ts';
import { COMMANDS, DATA_ANSWER, DATA_HEADER, PEER_MESSAGES, PRESENCE } from './schemas.ts';

/** Of one command, and of one object between engines. */
export const MAX_OBJECT_BYTES = 65_536;
/** What the document calls the user of this engine. */
const YOU = 'you';

const STEPS = { received: 'r', sent: 's', failed: 'f' } as const;
const KINDS = { request: 'req', acceptance: 'acp', rejection: 'rej', message: 'msg' } as const;
const PROGRESS = { receiving: 'rprg', sending: 'sprg', failed: 'fprg' } as const;

/** @param text one JSON object. @throws LanshareError `BAD_COMMAND`, with what is wrong with it */
export function decodeCommand(text: string): Command {
  const value = parse(text);
  const stat = statOf(value);
  if (!isKeyOf(COMMANDS, stat)) throw badCommand(`there is no command ${stat || 'without stat'}`);
  switch (stat) {
    case 'creq': {
      const { ip, dir } = command(stat, value);
      return { type: 'request', ip, dir };
    }
    case 'cacp': {
      const { ip, dir, dest } = command(stat, value);
      return { type: 'accept', ip, dir, dest };
    }
    case 'crej': {
      const { ip, dir } = command(stat, value);
      return { type: 'reject', ip, dir };
    }
    case 'cmsg': {
      const { ip, to, msg } = command(stat, value);
      return { type: 'message', ip, to, text: msg };
    }
    case 'kprg': {
      const { port, ip } = command(stat, value);
      return { type: 'stop', port: Number(port), ip };
    }
    case 'reshs':
      return { type: 'greet' };
    default:
      return assertNever(stat);
  }
}

/** The `stat` of an event. */
export function statOfEvent(event: Event): string {
  switch (event.type) {
    case 'request':
    case 'acceptance':
    case 'rejection':
    case 'message':
      return STEPS[event.step] + KINDS[event.type];
    case 'progress':
      return PROGRESS[event.step];
    case 'done':
      return 'dprg';
    case 'presence':
      return event.status;
    case 'info':
      return 'info';
    default:
      return assertNever(event);
  }
}

/** One JSON object, without a line end; what engines say to each other is made in the same way. */
export function encodeEvent(event: Event): string {
  const text = JSON.stringify({ stat: statOfEvent(event), ...fieldsOf(event) });
  // Some take these for line ends.
  return text.replace(/[\u2028\u2029]/g, (one) => `\\u${one.charCodeAt(0).toString(16)}`);
}

/**
 * @param text one JSON object of an engine. @param from where it comes from: what it says of that is
 * not asked. @throws LanshareError `NO_MESSAGE`
 */
export function decodePeerMessage(text: string, from: string): PeerMessage {
  const value = parse(text);
  const stat = statOf(value);
  switch (stat) {
    case 'rreq':
    case 'rrej': {
      const said = peerMessage(stat, value);
      const type = stat === 'rreq' ? 'request' : 'rejection';
      const file = { ...fileOf(said), size: Number(said.fileSize) };
      return { type, step: 'received', person: personOf(said.username, from), file };
    }
    case 'racp': {
      const said = peerMessage(stat, value);
      const port = Number(said.port);
      if (port < 1 || port > 65_535) throw new LanshareError('NO_MESSAGE', 'port');
      return {
        ...{ type: 'acceptance', step: 'received', person: personOf(said.username, from) },
        ...{ file: fileOf(said), destination: said.destination, port },
      };
    }
    case 'rmsg': {
      const { person, content } = peerMessage(stat, value);
      return { type: 'message', step: 'received', person: safe(person), text: content };
    }
    default:
      throw new LanshareError('NO_MESSAGE', stat);
  }
}

export function encodePresence(status: 'online' | 'offline', { ip, username }: Person): string {
  return JSON.stringify({ stat: status, ip, username });
}

/** `undefined` for what is no message of presence. */
export function decodePresence(
  datagram: string,
): { readonly status: 'online' | 'offline'; readonly username: string } | undefined {
  const value = parse(datagram);
  if (!Value.Check(PRESENCE, value) || hasUnsafeCharacters(value.username)) return undefined;
  return { status: value.stat, username: value.username };
}

/** One line. */
export function encodeDataHeader({ name, size, sha256 }: DataHeader): string {
  return `${JSON.stringify({ fileName: name, fileSize: String(size), sha256 })}\n`;
}

/** @throws LanshareError `NO_MESSAGE` */
export function decodeDataHeader(text: string): DataHeader {
  const { fileName, fileSize, sha256 } = check(DATA_HEADER, parse(text));
  return { name: safe(fileName), size: Number(fileSize), sha256: sha256.toLowerCase() };
}

/** One line. */
export function encodeDataAnswer({ type, ...rest }: DataAnswer): string {
  const fields = 'offset' in rest ? { offset: String(rest.offset) } : rest;
  return `${JSON.stringify({ stat: type, ...fields })}\n`;
}

/** @throws LanshareError `NO_MESSAGE` */
export function decodeDataAnswer(text: string): DataAnswer {
  const said = check(DATA_ANSWER, parse(text));
  switch (said.stat) {
    case 'offset':
      return { type: 'offset', offset: Number(said.offset) };
    case 'done':
      return { type: 'done' };
    case 'failed':
      return { type: 'failed', reason: firstCharacters(said.reason, 256) };
    default:
      return assertNever(said);
  }
}

function fieldsOf(event: Event): object {
  switch (event.type) {
    case 'request':
    case 'acceptance':
    case 'rejection':
    case 'message':
      return exchangeFields(event);
    case 'progress':
      return positionFields(event);
    case 'done': {
      const total = String(event.total);
      return {
        ...{ username: event.person.username, ip: event.person.ip, port: String(event.port) },
        ...{ total, current: total, speed: '0' },
      };
    }
    case 'presence':
      return { ip: event.person.ip, username: event.person.username };
    case 'info': {
      const { type: _, ...info } = event;
      return info;
    }
    default:
      return assertNever(event);
  }
}

function exchangeFields(exchange: Exchange): object {
  switch (exchange.type) {
    case 'request':
    case 'rejection': {
      const { person, file } = exchange;
      return {
        ...fileFields(person, file),
        ...{ fileSize: String(file.size), contentType: 'file' },
      };
    }
    case 'acceptance': {
      const { person, file, destination, port } = exchange;
      return {
        ...fileFields(person, file),
        ...{ destination, port: String(port), contentType: 'file' },
      };
    }
    case 'message': {
      const person = exchange.step === 'received' ? exchange.person : YOU;
      return { person, content: exchange.text, contentType: 'text' };
    }
    default:
      return assertNever(exchange);
  }
}

function fileFields({ username, ip }: Person, { dir, name }: Omit<OfferedFile, 'size'>): object {
  return { username, ip, dir, fileName: name, fileType: extname(name).slice(1) };
}

function positionFields({ person, port, dir, total, current, speed }: Position): object {
  return {
    ...{ username: person.username, ip: person.ip, port: String(port), dir },
    ...{ total: String(total), current: String(current), speed: String(speed) },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function statOf(value: unknown): string {
  const stat = typeof value === 'object' && value !== null && 'stat' in value ? value.stat : '';
  return typeof stat === 'string' ? firstCharacters(stat, 16) : '';
}

function isKeyOf<Table extends object>(table: Table, key: string): key is keyof Table & string {
  return Object.hasOwn(table, key);
}

function command<Stat extends keyof typeof COMMANDS>(
  stat: Stat,
  value: unknown,
): Static<(typeof COMMANDS)[Stat]> {
  const schema = COMMANDS[stat];
  if (Value.Check(schema, value)) return value as Static<(typeof COMMANDS)[Stat]>;
  const [problem] = Value.Errors(schema, value);
  const where = problem?.instancePath.slice(1);
  throw badCommand(`${stat}: ${where ? `${where} ` : ''}${problem?.message ?? 'is wrong'}`);
}

function peerMessage<Stat extends keyof typeof PEER_MESSAGES>(
  stat: Stat,
  value: unknown,
): Static<(typeof PEER_MESSAGES)[Stat]> {
  return check(PEER_MESSAGES[stat], value) as Static<(typeof PEER_MESSAGES)[Stat]>;
}

function check<Schema extends Type.TSchema>(schema: Schema, value: unknown): Static<Schema> {
  if (!Value.Check(schema, value)) throw new LanshareError('NO_MESSAGE');
  return value as Static<Schema>;
}

function badCommand(reason: string): LanshareError {
  return new LanshareError('BAD_COMMAND', reason);
}

function personOf(username: string, ip: string): Person {
  return { username: safe(username), ip };
}

function fileOf({ dir, fileName }: { readonly dir: string; readonly fileName: string }) {
  return { dir, name: safe(fileName) };
}

/** What is shown to people. @throws LanshareError `NO_MESSAGE` */
function safe(text: string): string {
  if (hasUnsafeCharacters(text)) throw new LanshareError('NO_MESSAGE', 'control characters');
  return text;
}

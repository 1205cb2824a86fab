import Type, { type Static } from 'typebox';
import Value from 'typebox/value';
import { assertNever } from '../core/errors.ts';
import { hasUnsafeCharacters } from '../core/text.ts';
import { type FileInfo, type Message, type Presence, SentError, type User } from './messages.ts';

/** Of one message over TCP. */
export const MAX_MESSAGE_BYTES = 65_536;
/** Of the name of somebody; it is shown in lists. */
const MAX_NAME = 64;
const MAX_FILE_NAME = 1024;
const MAX_REASON = 256;

const text = (most: number) => Type.String({ minLength: 1, maxLength: most });
const bytes = Type.String({ pattern: '^[0-9]{1,15}$' });
const user = Type.Object({ name: text(MAX_NAME), ip: Type.String({ maxLength: 64 }) });
const file = Type.Object({
  name: text(MAX_FILE_NAME),
  size: bytes,
  type: Type.String({ maxLength: 255 }),
  hash: Type.String({ pattern: '^[0-9a-fA-F]{32}$' }),
  sha256: Type.Optional(Type.String({ pattern: '^[0-9a-fA-F]{64}$' })),
});
const about = { sender: user, receiver: user, file };

/** The messages of presence (document, "Joining" and "Leaving"). Fields that are not named are ignored. */
const presence = Type.Object({
  type: Type.Union([Type.Literal('JOIN'), Type.Literal('PING'), Type.Literal('LEAVE')]),
  user,
});

/** What is said over TCP (document, "Sending a file"; PROTOCOL.md, "Sending"). */
const SCHEMAS = {
  ASK: Type.Object({ sender: user, receivers: Type.Array(user, { maxItems: 256 }), file }),
  ACCEPT: Type.Object({ ...about, offset: Type.Optional(bytes) }),
  REFUSE: Type.Object(about),
  DENY: Type.Object(about),
  FILE: Type.Object({ ...about, offset: bytes }),
  RECEIVED: Type.Object(about),
  FAILED: Type.Object({ ...about, reason: Type.Optional(Type.String()) }),
} as const;
type Verb = keyof typeof SCHEMAS;

const PRESENCE_TYPES = { JOIN: 'join', PING: 'ping', LEAVE: 'leave' } as const;

export function encodePresence({ type, user: { name, ip } }: Presence): string {
  return JSON.stringify({ type: type.toUpperCase(), user: { name, ip } });
}

/** `undefined` for what is no message of presence. */
export function decodePresence(datagram: string): Presence | undefined {
  const value = parse(datagram);
  if (!Value.Check(presence, value) || hasUnsafeCharacters(value.user.name)) return undefined;
  return { type: PRESENCE_TYPES[value.type], user: userOf(value.user) };
}

/** @param time the sender's clock, for people to read. */
export function encodeMessage(message: Message, time: Date): string {
  const { type, ...rest } = message;
  return `${JSON.stringify({ type: type.toUpperCase(), ...wireOf(rest), time: formatTime(time) })}\n`;
}

/** @param text one JSON object. @throws SentError `NO_MESSAGE` */
export function decodeMessage(text: string): Message {
  const value = parse(text);
  const verb = verbOf(value);
  switch (verb) {
    case 'ASK': {
      const { sender, receivers, file: offered } = check(verb, value);
      return {
        type: 'ask',
        sender: userOf(sender),
        receivers: receivers.map(userOf),
        file: fileOf(offered),
      };
    }
    case 'ACCEPT': {
      const { offset = '0', ...rest } = check(verb, value);
      return { type: 'accept', ...aboutOf(rest), offset: Number(offset) };
    }
    case 'REFUSE':
    case 'DENY':
      return { type: 'refuse', ...aboutOf(check(verb, value)) };
    case 'FILE': {
      const { offset, ...rest } = check(verb, value);
      return { type: 'file', ...aboutOf(rest), offset: Number(offset) };
    }
    case 'RECEIVED':
      return { type: 'received', ...aboutOf(check(verb, value)) };
    case 'FAILED': {
      const { reason = '', ...rest } = check(verb, value);
      return { type: 'failed', ...aboutOf(rest), reason: reason.slice(0, MAX_REASON) };
    }
    default:
      return assertNever(verb);
  }
}

/** `2017-05-05 14:33:32`, in the time of this machine, as the document writes it. */
export function formatTime(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':');
  return `${date} ${clock}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function verbOf(value: unknown): Verb {
  const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : '';
  if (typeof type !== 'string' || !Object.hasOwn(SCHEMAS, type)) throw new SentError('NO_MESSAGE');
  return type as Verb;
}

function check<Name extends Verb>(verb: Name, value: unknown): Static<(typeof SCHEMAS)[Name]> {
  if (!Value.Check(SCHEMAS[verb], value)) throw new SentError('NO_MESSAGE', verb);
  return value as Static<(typeof SCHEMAS)[Name]>;
}

function userOf({ name, ip }: Static<typeof user>): User {
  if (hasUnsafeCharacters(name)) throw new SentError('NO_MESSAGE', 'name');
  return { name, ip };
}

function fileOf({ name, size, type, hash, sha256 }: Static<typeof file>): FileInfo {
  if (hasUnsafeCharacters(name)) throw new SentError('NO_MESSAGE', 'file name');
  return {
    ...{ name, size: Number(size), type, md5: hash.toLowerCase() },
    sha256: sha256?.toLowerCase(),
  };
}

function aboutOf(rest: { sender: User; receiver: User; file: Static<typeof file> }) {
  return {
    sender: userOf(rest.sender),
    receiver: userOf(rest.receiver),
    file: fileOf(rest.file),
  };
}

/** The same, with the fields and the texts of the wire. */
function wireOf(
  rest: Omit<Message, 'type'> & { readonly file: FileInfo; readonly offset?: number },
) {
  const { file: info, offset, ...others } = rest;
  const { name, size, type, md5, sha256 } = info;
  return {
    ...others,
    file: { name, size: String(size), type, hash: md5, ...(sha256 !== undefined && { sha256 }) },
    ...(offset !== undefined && { offset: String(offset) }),
  };
}

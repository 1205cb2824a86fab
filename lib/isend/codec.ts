import { assertNever } from '../core/errors.ts';
import { layout } from '../core/layout.ts';
import {
  type ContentRequestType,
  IsendError,
  type IsendErrorCode,
  MAX_PIECE_BYTES,
  MAX_TEXT_BYTES,
  type PlainRequestType,
  type Reply,
  type ReplyType,
  type Request,
  type ResumeOffer,
} from './messages.ts';

/** Request and reply alike (PROTOCOL.md, "Instruction"). */
export const instruction = layout({
  requestId: 'u16',
  opcode: 'u8',
  hasContent: 'u8',
  contentLength: 'u16',
});

const goOn = layout({ offset: 'u64' });

const PLAIN_REQUESTS: Readonly<Record<PlainRequestType, number>> = {
  connect: 0,
  'end-of-file': 12,
  'end-of-folder': 21,
  end: 255,
};
const CONTENT_REQUESTS: Readonly<Record<ContentRequestType, number>> = {
  'connect-with-password': 1,
  'file-name': 10,
  'file-content': 11,
  'go-on': 13,
  'folder-name': 20,
  message: 30,
};
const REPLIES: Readonly<Record<ReplyType, number>> = {
  established: 101,
  'connection-refused': 102,
  'connection-failed': 103,
  confirmed: 110,
  refused: 111,
  failed: 112,
  'skip-file': 120,
  'skip-folder': 121,
  end: 255,
};
/** What the document's own program sends at the end. */
const OTHER_END = 100;

const byCode = <Type extends string>(codes: Readonly<Record<Type, number>>): Map<number, Type> =>
  new Map(Object.entries(codes).map(([type, code]) => [code as number, type as Type]));
const PLAIN_BY_CODE = byCode(PLAIN_REQUESTS).set(OTHER_END, 'end');
const CONTENT_BY_CODE = byCode(CONTENT_REQUESTS);
const REPLIES_BY_CODE = byCode(REPLIES).set(OTHER_END, 'end');

/** The instruction of a request; its content follows. */
export function encodeRequest(request: Request): Buffer {
  return instruction.encode(instructionOf(request));
}

/** The same into `target` at `offset`. */
export function encodeRequestInto(target: Buffer, offset: number, request: Request): void {
  instruction.encodeInto(target, offset, instructionOf(request));
}

function instructionOf({ type, id, length }: Request): Parameters<typeof instruction.encode>[0] {
  const opcode =
    type in PLAIN_REQUESTS
      ? PLAIN_REQUESTS[type as PlainRequestType]
      : CONTENT_REQUESTS[type as ContentRequestType];
  return { requestId: id, opcode, hasContent: length > 0 ? 1 : 0, contentLength: length };
}

/** @throws IsendError when the instruction is none of a request. */
export function decodeRequest(bytes: Buffer): Request {
  const { requestId: id, opcode, hasContent, contentLength: length } = instruction.decode(bytes);
  const plain = PLAIN_BY_CODE.get(opcode);
  const withContent = CONTENT_BY_CODE.get(opcode);
  if (plain === undefined && withContent === undefined) {
    throw new IsendError('UNKNOWN_CODE', id, String(opcode));
  }
  checkFlag(id, hasContent);
  const most = withContent === undefined ? 0 : mostBytes(withContent);
  const least = withContent === 'go-on' ? goOn.size : Math.min(1, most);
  if (length < least || length > most || hasContent !== Math.min(1, most)) {
    throw new IsendError('BAD_LENGTH', id, `${length} instead of ${least} to ${most}`);
  }
  return withContent === undefined
    ? { type: plain ?? 'end', id, length: 0 }
    : { type: withContent, id, length };
}

function mostBytes(type: ContentRequestType): number {
  switch (type) {
    case 'file-content':
      return MAX_PIECE_BYTES;
    case 'go-on':
      return goOn.size;
    case 'connect-with-password':
    case 'file-name':
    case 'folder-name':
    case 'message':
      return MAX_TEXT_BYTES;
    default:
      return assertNever(type);
  }
}

function checkFlag(id: number, hasContent: number): void {
  if (hasContent > 1) throw new IsendError('BAD_CONTENT_FLAG', id, String(hasContent));
}

/** The reply and its text, which is cut if it is too long. */
export function encodeReply({ type, id, text }: Reply): Buffer {
  const content = Buffer.from(cutText(text));
  const head = instruction.encode({
    requestId: id,
    opcode: REPLIES[type],
    hasContent: content.length > 0 ? 1 : 0,
    contentLength: content.length,
  });
  return content.length === 0 ? head : Buffer.concat([head, content]);
}

/** A reply before its text has come: so many bytes of it follow. */
export interface ReplyHead extends Omit<Reply, 'text'> {
  readonly length: number;
}

/** @throws IsendError when the instruction is none of a reply. */
export function decodeReply(bytes: Buffer): ReplyHead {
  const { requestId: id, opcode, hasContent, contentLength: length } = instruction.decode(bytes);
  const type = REPLIES_BY_CODE.get(opcode);
  if (type === undefined) throw new IsendError('UNKNOWN_CODE', id, String(opcode));
  checkFlag(id, hasContent);
  if (length > MAX_TEXT_BYTES || length > 0 !== (hasContent === 1)) {
    throw new IsendError('BAD_LENGTH', id, `${length} instead of 0 to ${MAX_TEXT_BYTES}`);
  }
  return { type, id, length };
}

const REASONS: Readonly<Record<IsendErrorCode, (detail: string) => string>> = {
  UNKNOWN_CODE: (code) => `unknown operation code ${code}`,
  BAD_CONTENT_FLAG: (flag) => `"has content" must be 0 or 1, not ${flag}`,
  BAD_LENGTH: (length) => `length of the content: ${length}`,
  NOT_CONNECTED: () => 'connect first',
  ALREADY_CONNECTED: () => 'there is a connection already',
  NO_FILE: () => 'no file has begun',
  FILE_NOT_ENDED: () => 'the file before has not ended',
  NO_FOLDER: () => 'no folder has begun',
  NO_OFFER: () => 'nothing was offered that one could go on with',
  TOO_SLOW: () => 'too little came for a minute',
  CONNECT_TOO_SLOW: () => 'the connection request took too long',
};

/** The reply that each error gets; the connection is closed after it. */
export function replyTo(error: IsendError): Reply {
  return { type: 'failed', id: error.requestId, text: REASONS[error.code](error.detail) };
}

/** The content of a `go-on` request. */
export function encodeGoOn(offset: number): Buffer {
  return goOn.encode({ offset });
}

export function decodeGoOn(content: Buffer): number {
  return goOn.decode(content).offset;
}

/** The text by which a receiver says what it has of a file already. */
export function encodeOffer({ offset, sha256, whole }: ResumeOffer): string {
  return `${whole ? 'whole' : 'resume'}=${offset} sha256=${sha256}`;
}

/** `undefined` for any other text. */
export function decodeOffer(text: string): ResumeOffer | undefined {
  const [, kind, digits, sha256] =
    /^(resume|whole)=(\d{1,16}) sha256=([0-9a-f]{64})$/.exec(text) ?? [];
  const offset = Number(digits);
  if (sha256 === undefined || !Number.isSafeInteger(offset)) return undefined;
  return { offset, sha256, whole: kind === 'whole' };
}

/** Text in pieces that fit a message, none of which ends within a character. */
export function* splitText(text: string): Generator<Buffer> {
  let piece = '';
  let size = 0;
  for (const character of text) {
    const bytes = Buffer.byteLength(character);
    if (size + bytes > MAX_TEXT_BYTES) {
      yield Buffer.from(piece);
      piece = '';
      size = 0;
    }
    piece += character;
    size += bytes;
  }
  if (size > 0) yield Buffer.from(piece);
}

function cutText(text: string): string {
  const [first] = splitText(text);
  return first?.toString() ?? '';
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** `undefined` when that is no UTF-8. */
export function decodeText(content: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(content);
  } catch {
    return undefined;
  }
}
